"""A foreground over a background: the composition, and which background it is."""

import zlib
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from vmatte_pl.data.frames import Frames, Pixels


def compose(fgr: Tensor, pha: Tensor, bgr: Tensor) -> Tensor:
    """Lay a foreground over a background: ``com = fgr * pha + bgr * (1 - pha)``.

    Shape:
        - fgr, bgr: (*, 3, H, W), straight (not premultiplied) RGB in [0, 1].
        - pha: (*, 1, H, W) in [0, 1].
        - output: (*, 3, H, W) in [0, 1].

    Source: T. Porter and T. Duff, "Compositing Digital Images", 1984.
    """
    return torch.lerp(bgr, fgr, pha)


def background_frames(backgrounds: Sequence[Frames], times: Sequence[int], rng: np.random.Generator) -> list[Pixels]:
    """Draw one background, and a moment in it, for all the frames at ``times`` of a clip.

    A generator seeded by the sample gives every window its own background; one seeded by the clip
    (``clip_rng``) gives all windows of a clip the same one, going on where the window before ended.
    """
    background = backgrounds[int(rng.integers(len(backgrounds)))]
    first = int(rng.integers(len(background)))
    moments = [ping_pong(first + t, len(background)) for t in times]
    decoded = {moment: background.rgb(moment) for moment in dict.fromkeys(moments)}
    return [decoded[moment] for moment in moments]


def clip_rng(name: str) -> np.random.Generator:
    """Return the generator of a clip: the same at every run, in every process, for every training seed."""
    return np.random.default_rng(zlib.crc32(name.encode()))


def ping_pong(t: int, length: int) -> int:
    """Play a sequence forwards and backwards for ever: 0 1 2 1 0 1 2 … for a length of 3."""
    t %= max(1, 2 * (length - 1))
    return min(t, 2 * (length - 1) - t)
