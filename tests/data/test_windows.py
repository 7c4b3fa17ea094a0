import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vmatte_pl.data.windows import Span, chunks, retime, windows

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


@given(st.integers(1, 12), st.integers(0, 30), st.integers(0, 40), st.integers(0, 999))
def test_a_retimed_window_stays_within_its_clip(window: int, more: int, start: int, seed: int) -> None:
    length = window + more
    start = min(start, more)
    times = retime(start, window, length, 2.0, np.random.default_rng(seed))
    assert len(times) == window
    assert all(0 <= t < length for t in times)
    steps = np.diff(times)
    assert (np.abs(steps) <= 2).all()
    assert (steps >= 0).all() or (steps <= 0).all()


def test_without_strength_time_runs_on() -> None:
    assert retime(3, 5, 9, 0.0, np.random.default_rng(0)) == [3, 4, 5, 6, 7]


def test_windows_run_faster_slower_backwards_and_pause() -> None:
    drawn = [np.diff(retime(20, 8, 60, 1.0, np.random.default_rng(seed))) for seed in range(100)]
    plain = sum(bool((steps == 1).all()) for steps in drawn)
    backwards = sum(bool((steps <= 0).all()) for steps in drawn)
    faster = sum(bool(np.abs(steps).max() == 2) for steps in drawn)
    assert 20 < plain < 60
    assert 15 < backwards < 45
    assert 8 < faster < 40
