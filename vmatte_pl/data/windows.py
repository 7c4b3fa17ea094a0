"""Clip lengths -> windows of consecutive frames for training, chunks of whole clips for evaluation."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


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


def of_each(people: Sequence[str], spans: Sequence[Span]) -> list[list[Span]]:
    """Part windows by whom their clips show, in the order in which they come.

    Args:
        people: Who each clip shows.
        spans: Windows of these clips.
    """
    parts: dict[str, list[Span]] = {}
    for span in spans:
        parts.setdefault(people[span.clip], []).append(span)
    return list(parts.values())


def chunks(lengths: Sequence[int], chunk: int) -> list[Span]:
    """Cut whole clips into chunks in order; a clip's last one may be shorter, and no frame comes twice."""
    return [
        Span(clip, start, min(start + chunk, length))
        for clip, length in enumerate(lengths)
        for start in range(0, length, chunk)
    ]


def retime(start: int, window: int, length: int, strength: float, rng: np.random.Generator) -> list[int]:
    """Draw which frames of a clip a window shows: faster, slower, backwards, or with a pause.

    Args:
        start: Where the window would begin; it begins earlier where the clip would end too soon.
        window: T, the number of frames.
        length: Of the clip.
        strength: 0 takes ``window`` frames from ``start`` on; at 1 four windows in ten change their pace, by a
            factor of two at most, three run backwards, two pause.
        rng: What draws.
    """
    changes = rng.random(3) < strength * np.array([0.4, 0.3, 0.2])
    pace = np.exp(rng.uniform(-np.log(2), np.log(2)))
    pause, hold = int(rng.integers(window)), int(rng.integers(1, max(2, window // 2)))
    steps = np.arange(window)
    if changes[0]:
        steps = np.rint(steps * min(pace, (length - 1) / max(1, window - 1))).astype(int)
    times = min(start, length - 1 - int(steps[-1])) + steps
    if changes[1]:
        times = times[::-1]
    if changes[2]:
        times = np.insert(times, pause, np.full(hold, times[pause]))[:window]
    return [int(t) for t in times]
