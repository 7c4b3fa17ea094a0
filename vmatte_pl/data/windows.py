"""Clip lengths -> windows of consecutive frames for training, chunks of whole clips for evaluation."""

from collections.abc import Sequence
from typing import NamedTuple


class Span(NamedTuple):
    """Frames ``start`` to ``stop`` (exclusive) of one clip."""

    clip: int
    start: int
    stop: int


def windows(lengths: Sequence[int], window: int, stride: int | None = None) -> list[Span]:
    """Cut clips into windows of equally many frames.

    The last window of a clip ends with the clip, and so may overlap the one before: every frame is in a
    window. A clip shorter than a window gives none.

    Args:
        lengths: The number of frames of each clip.
        window: The number of frames of a window.
        stride: Frames from a window's start to the next one's; ``window`` by default.
    """
    spans = []
    for clip, length in enumerate(lengths):
        if length >= window:
            last = length - window
            starts = [*range(0, last, stride or window), last]
            spans += [Span(clip, start, start + window) for start in starts]
    return spans


def chunks(lengths: Sequence[int], chunk: int) -> list[Span]:
    """Cut whole clips into chunks in order; a clip's last one may be shorter, and no frame comes twice."""
    return [
        Span(clip, start, min(start + chunk, length))
        for clip, length in enumerate(lengths)
        for start in range(0, length, chunk)
    ]
