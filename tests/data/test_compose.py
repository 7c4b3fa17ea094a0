from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from vmatte_pl.data.backgrounds import find_backgrounds
from vmatte_pl.data.compose import background_frames, clip_rng, compose, ping_pong
from vmatte_pl.data.frames import ImageFrames
from vmatte_pl.data.images import Pixels


def test_compose_is_the_over_operator() -> None:
    fgr, bgr = torch.rand(2, 3, 3, 4, 5), torch.rand(2, 3, 3, 4, 5)
    pha = torch.rand(2, 3, 1, 4, 5)
    torch.testing.assert_close(compose(fgr, pha, bgr), fgr * pha + bgr * (1 - pha))
    assert torch.equal(compose(fgr, torch.ones_like(pha), bgr), fgr)
    assert torch.equal(compose(fgr, torch.zeros_like(pha), bgr), bgr)


def test_ping_pong_plays_to_and_fro() -> None:
    assert [ping_pong(t, 3) for t in range(9)] == [0, 1, 2, 1, 0, 1, 2, 1, 0]
    assert [ping_pong(t, 1) for t in range(3)] == [0, 0, 0]
    assert [ping_pong(t, 2) for t in range(4)] == [0, 1, 0, 1]


def test_a_clip_keeps_its_background_from_chunk_to_chunk(footage: tuple[Path, Path]) -> None:
    backgrounds = find_backgrounds(footage[1], "train")
    for name in ("0000", "0001", "0002"):
        whole = list(background_frames(backgrounds, range(8), clip_rng(name)))
        parts = [list(background_frames(backgrounds, part, clip_rng(name))) for part in (range(3), range(3, 8))]
        np.testing.assert_array_equal(whole, parts[0] + parts[1])


def test_clips_get_different_backgrounds() -> None:
    assert len({int(clip_rng(f"{clip:04}").integers(1000)) for clip in range(8)}) > 4


@dataclass(frozen=True)
class Clock(ImageFrames):
    """Frames that show their own number."""

    length: int = 100

    def __len__(self) -> int:
        return self.length

    def rgb(self, t: int, reduced: int = 1) -> Pixels:
        return np.full((2, 2, 3), t, np.uint8)


def clock(fps: float | None = None, length: int = 100) -> Clock:
    return Clock(Path(), (), fps=fps, length=length)


def moments(frames: Iterable[Pixels]) -> list[int]:
    return [int(frame[0, 0, 0]) for frame in frames]


@pytest.mark.parametrize(("fps", "background_fps", "steps"), [(25, 50, 2), (50, 25, 0.5), (None, 50, 1), (25, None, 1)])
def test_a_background_keeps_its_own_pace(fps: float | None, background_fps: float | None, steps: float) -> None:
    shown = moments(background_frames([clock(background_fps)], range(12), clip_rng("a"), fps))
    first = shown[0]
    expected = [ping_pong(first + round(steps * t), 100) for t in range(12)]
    assert shown == expected


def test_a_background_at_its_own_pace_goes_on_from_chunk_to_chunk() -> None:
    film = [clock(24000 / 1001, 50)]
    whole = moments(background_frames(film, range(40), clip_rng("a"), 30))
    parts = [moments(background_frames(film, part, clip_rng("a"), 30)) for part in (range(17), range(17, 40))]
    assert whole == parts[0] + parts[1]


def test_every_frame_can_have_a_background_of_its_own() -> None:
    shown = moments(background_frames([clock()] * 3, range(20), np.random.default_rng(0), every_frame=True))
    assert len(set(shown)) > 10
    assert np.abs(np.diff(shown)).max() > 10
