"""The one table of the keys, shapes and ranges that travel between data, models, tasks and metrics."""

from typing import NotRequired, TypedDict

from torch import Tensor


class ClipBatch(TypedDict):
    """B windows of T consecutive frames each, on the training device.

    ``fgr`` and ``bgr`` are straight (not premultiplied) RGB. A window lies within one clip, so temporal
    quantities may be taken along T but never along B.
    """

    com: Tensor  # (B, T, 3, H, W) float32 in [0, 1]: fgr * pha + bgr * (1 - pha), or as it comes
    pha: Tensor  # (B, T, 1, H, W) float32 in [0, 1]: the true alpha
    fgr: Tensor  # (B, T, 3, H, W) float32 in [0, 1]
    bgr: NotRequired[Tensor]  # (B, T, 3, H, W) float32 in [0, 1]: not of clips that come composed
    clip: list[str]  # B names, unique within a split
    start: Tensor  # (B,) int64: the clip's frame index of the window's first frame
    base: NotRequired[Tensor]  # (B, T, 1, H, W) float32 in [0, 1]: the backbone's alpha, where it was stored


class StepOutput(TypedDict):
    """What an evaluation step of a task hands to the callbacks."""

    alpha: Tensor  # (B, T, 1, H, W) float32 in [0, 1]: the network's
    base: Tensor | None  # the same of the backbone that it boosts, if it boosts one
