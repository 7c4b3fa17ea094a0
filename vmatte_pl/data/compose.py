"""A foreground over a background: the composition, and which background it is."""

import zlib
from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor

from vmatte_pl.data.frames import Frames
from vmatte_pl.data.shots import Footage, Shot

BackgroundPolicy: TypeAlias = Literal["per_clip", "per_frame", "fixed"]
"""Which background a training sample gets.

- ``per_clip``: one for all its frames, drawn anew for each sample and epoch.
- ``per_frame``: another one for each frame, as the thesis shuffles them.
- ``fixed``: always its clip's own, as in evaluation.
"""


def compose(fgr: Tensor, pha: Tensor, bgr: Tensor) -> Tensor:
    """Lay a foreground over a background: ``com = fgr * pha + bgr * (1 - pha)``.

    Shape:
        - fgr, bgr: (*, 3, H, W), straight (not premultiplied) RGB in [0, 1].
        - pha: (*, 1, H, W) in [0, 1].
        - output: (*, 3, H, W) in [0, 1]; it carries no gradient.

    Source: T. Porter and T. Duff, "Compositing Digital Images", 1984.
    """
    # One alpha for each channel takes a third of the time of one for three, where colour lies last in memory.
    share = torch.empty_like(fgr).copy_(pha)
    return torch.lerp(bgr, fgr, share, out=share)


def background_frames(
    backgrounds: Sequence[Frames],
    times: Sequence[int],
    rng: np.random.Generator,
    fps: float | None = None,
    every_frame: bool = False,
    reducible: bool = False,
) -> Footage:
    """Draw one background, and a moment in it, for all the frames at ``times`` of a clip.

    A generator seeded by the sample gives every window its own background; one seeded by the clip
    (``clip_rng``) gives all windows of a clip the same one, going on where the window before ended.

    Args:
        backgrounds: What to draw from; a moving one plays to and fro.
        times: The frames of the clip.
        rng: What draws.
        fps: Frames a second of the clip; a background of another rate is resampled to it. Where either is
            unknown, they are taken to be the same.
        every_frame: Whether to draw anew for each frame.
        reducible: Whether it may be decoded smaller than it is.
    """
    if every_frame:
        return [frame for t in times for frame in background_frames(backgrounds, [t], rng, fps)]
    background = backgrounds[int(rng.integers(len(backgrounds)))]
    first = int(rng.integers(len(background)))
    pace = background.fps / fps if background.fps and fps else 1
    moments = [ping_pong(first + round(t * pace), len(background)) for t in times]
    return Shot(background, moments, reducible=reducible)


def clip_rng(name: str) -> np.random.Generator:
    """Return the generator of a clip: the same at every run, in every process, for every training seed."""
    return np.random.default_rng(zlib.crc32(name.encode()))


def ping_pong(t: int, length: int) -> int:
    """Play a sequence forwards and backwards for ever: 0 1 2 1 0 1 2 … for a length of 3."""
    t %= max(1, 2 * (length - 1))
    return min(t, 2 * (length - 1) - t)
