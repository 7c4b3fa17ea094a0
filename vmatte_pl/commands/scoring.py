"""What saved mattes score, frame by frame, and what of them could not be scored."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
import torch
from torch import Tensor

from vmatte_pl.commands.mattes import Frames, Matte, VideoFrames, frames_of, read
from vmatte_pl.data.frames import ImageFrames
from vmatte_pl.data.images import Pixels
from vmatte_pl.metrics import functional
from vmatte_pl.metrics.clips import Average, Table
from vmatte_pl.metrics.measures import MEASURES, measure
from vmatte_pl.metrics.portable import Errors

FGR_MEASURES = ("fgr_mad", "fgr_mse")

Scored: TypeAlias = dict[int, dict[str, float]]
"""The measures of each frame, by its index in the true clip."""

Unscored: TypeAlias = dict[str, list[int]]
"""Why frames could not be scored, and the numbers of these frames."""


class _Source(NamedTuple):
    """What is read of one side: its alpha or its colour, where the frames lie that both sides have."""

    frames: Frames
    positions: list[int]
    colour: bool


class Pair:
    """A clip on both sides.

    Args:
        name: Its name, that of its subset before it.
        pred: What was predicted.
        true: What is true.
    """

    def __init__(self, name: str, pred: Matte, true: Matte) -> None:
        self.name = name
        self.numbers, self._sources, self.unscored = _shared(pred.pha, true.pha, colour=False)
        if pred.fgr and true.fgr:
            numbers, sources, _ = _shared(pred.fgr, true.fgr, colour=True)
            if numbers == self.numbers:
                self._sources += sources
            else:
                self.unscored["fgr has not the frames that pha has"] = sorted(set(numbers) ^ set(self.numbers))

    def spans(self, length: int) -> list[range]:
        """Divide the frames into chunks that can be scored apart; a video is read in one go."""
        count = len(self.numbers)
        if any(isinstance(source.frames, VideoFrames) for source in self._sources):
            length = max(1, count)
        return [range(s, min(s + length, count)) for s in range(0, count, length)]

    def score(self, span: range) -> tuple[Scored, Unscored]:
        """Score a chunk; the frame before it is read too, for the change at its first."""
        found: Scored = {}
        unscored: Unscored = {}
        lead = range(max(0, span.start - 1), span.stop)
        index = self._sources[1].positions  # in the true clip
        decoded, before = span.start, None
        for n, (pred, true, *colours) in zip(lead, self._read(lead), strict=False):
            misfit = _misfit(pred, true, colours)
            if n in span:
                decoded = n + 1
                if misfit:
                    unscored.setdefault(misfit, []).append(self.numbers[n])
            if pred.shape != true.shape:
                before = None
                continue
            follows = before is not None and before.shape == pred.shape and index[n] == index[n - 1] + 1
            if n in span:
                found[index[n]] = _measure(pred, true, before if follows else None, [] if misfit else colours)
            before = np.subtract(pred, true, dtype=np.int16)
        if decoded < span.stop:
            unscored["not decoded"] = self.numbers[decoded : span.stop]
        return found, unscored

    def _read(self, span: range) -> Iterator[tuple[Pixels, ...]]:
        """Decode a chunk, as far as all sources can be: a damaged video ends early."""
        footage = (read(frames, [at[n] for n in span], colour) for frames, at, colour in self._sources)
        return zip(*footage, strict=False)


def _shared(pred: Path, true: Path, colour: bool) -> tuple[list[int], list[_Source], Unscored]:
    """Find the frames of both sides by the numbers in their names, or where one is a video by their order."""
    both = frames_of(pred), frames_of(true)
    by_name = all(isinstance(frames, ImageFrames) for frames in both)
    numbers = [f.ids if by_name and isinstance(f, ImageFrames) else list(range(len(f))) for f in both]
    at = [{number: position for position, number in enumerate(side)} for side in numbers]
    shared = sorted(at[0].keys() & at[1].keys())
    sources = [
        _Source(frames, [places[number] for number in shared], colour) for frames, places in zip(both, at, strict=True)
    ]
    missing = {"missing in pred": at[1].keys() - at[0].keys(), "missing in true": at[0].keys() - at[1].keys()}
    return shared, sources, {reason: sorted(lost) for reason, lost in missing.items() if lost}


def _misfit(pred: Pixels, true: Pixels, colours: Sequence[Pixels]) -> str | None:
    """Say which sizes differ."""
    of_pred, of_true, *of_colours = (f"{x.shape[1]}x{x.shape[0]}" for x in (pred, true, *colours))
    if of_pred != of_true:
        return f"{of_pred} in pred, {of_true} in true"
    odd = set(of_colours) - {of_true}
    return f"fgr of {odd.pop()}, pha of {of_true}" if odd else None


def _measure(pred: Pixels, true: Pixels, before: Errors | None, colours: Sequence[Pixels]) -> dict[str, float]:
    """Measure a frame, as a batch of one clip of one frame."""
    p, t, *fgr = (_tensor(picture) for picture in (pred, true, *colours))
    values = measure(p, t, before=None if before is None else torch.from_numpy(before)[None])
    found = {name: value.item() for name, value in values.items()}
    if before is None:
        found["dtssd"] = float("nan")
    if fgr:
        found |= {name: getattr(functional, name)(*fgr, t).item() for name in FGR_MEASURES}
    return found


def _tensor(picture: Pixels) -> Tensor:
    """(H, W) or (H, W, C) -> (1, 1, C, H, W)."""
    return torch.from_numpy(np.atleast_3d(picture)).permute(2, 0, 1)[None, None]


class Scores:
    """What was scored of all clips, and its averages.

    Args:
        clips: The clips' names.
    """

    def __init__(self, clips: Sequence[str]) -> None:
        self.clips = sorted(clips)
        self._frames: dict[str, Scored] = {clip: {} for clip in self.clips}

    def add(self, clip: str, found: Scored) -> None:
        """Take in a chunk of a clip."""
        self._frames[clip] |= found

    @property
    def measures(self) -> list[str]:
        """The measures, with those of the foreground if some clip has them."""
        known = {name for frames in self._frames.values() for found in frames.values() for name in found}
        return [name for name in (*MEASURES, *FGR_MEASURES) if name in known]

    @property
    def subsets(self) -> dict[str, list[str]]:
        """The clips of each subset; what stands before a clip's last slash names it."""
        return {subset: list(clips) for subset, clips in groupby(self.clips, key=lambda clip: clip.rpartition("/")[0])}

    def count(self, clips: Sequence[str]) -> int:
        """Count frames."""
        return sum(len(self._frames[clip]) for clip in clips)

    def means(self, clips: Sequence[str], average: Average) -> dict[str, float]:
        """Average some clips; NaN for a measure they have no value of."""
        return {name: self._table(clips, name).mean(average) for name in self.measures}

    def _table(self, clips: Sequence[str], name: str) -> Table:
        rows = np.array(list(self._rows(clips, name))).reshape(-1, 3)
        return Table.of(rows[:, 0].astype(np.int64), rows[:, 1].astype(np.int64), rows[:, 2])

    def _rows(self, clips: Sequence[str], name: str) -> Iterator[tuple[int, int, float]]:
        for i, clip in enumerate(clips):
            for frame, found in self._frames[clip].items():
                if name in found:
                    yield i, frame, found[name]
