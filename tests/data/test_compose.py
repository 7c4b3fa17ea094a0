from pathlib import Path

import numpy as np
import torch

from vmatte_pl.data.backgrounds import find_backgrounds
from vmatte_pl.data.compose import background_frames, clip_rng, compose, ping_pong


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
        whole = background_frames(backgrounds, range(8), clip_rng(name))
        parts = [background_frames(backgrounds, part, clip_rng(name)) for part in (range(3), range(3, 8))]
        np.testing.assert_array_equal(np.stack(whole), np.stack(parts[0] + parts[1]))


def test_clips_get_different_backgrounds() -> None:
    assert len({int(clip_rng(f"{clip:04}").integers(1000)) for clip in range(8)}) > 4
