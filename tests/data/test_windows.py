from hypothesis import given
from hypothesis import strategies as st

from vmatte_pl.data.windows import Span, chunks, windows

lengths = st.lists(st.integers(1, 40), min_size=1, max_size=5)


def test_windows_of_a_clip() -> None:
    assert windows([10], 4) == [Span(0, 0, 4), Span(0, 4, 8), Span(0, 6, 10)]
    assert windows([8], 4) == [Span(0, 0, 4), Span(0, 4, 8)]
    assert windows([5], 4, stride=1) == [Span(0, 0, 4), Span(0, 1, 5)]


def test_chunks_of_clips() -> None:
    assert chunks([5, 2], 4) == [Span(0, 0, 4), Span(0, 4, 5), Span(1, 0, 2)]


@given(lengths, st.integers(1, 12))
def test_every_frame_of_a_long_enough_clip_is_in_a_window(lengths: list[int], window: int) -> None:
    spans = windows(lengths, window)
    assert len(set(spans)) == len(spans)
    assert all(span.stop - span.start == window for span in spans)
    seen = {(span.clip, t) for span in spans for t in range(span.start, span.stop)}
    assert seen == {(clip, t) for clip, n in enumerate(lengths) if n >= window for t in range(n)}


@given(lengths, st.integers(1, 12))
def test_chunks_hold_every_frame_once_and_in_order(lengths: list[int], chunk: int) -> None:
    frames = [(span.clip, t) for span in chunks(lengths, chunk) for t in range(span.start, span.stop)]
    assert frames == [(clip, t) for clip, n in enumerate(lengths) for t in range(n)]
