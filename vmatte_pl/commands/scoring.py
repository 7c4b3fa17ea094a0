"""What saved mattes score, frame by frame, and what of them could not be scored."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from vmatte_pl.commands.mattes import Frames, Matte, VideoFrames, frames_of, read
from vmatte_pl.data.frames import ImageFrames, Pixels
from vmatte_pl.metrics import functional
from vmatte_pl.metrics.clips import Average, Table
from vmatte_pl.metrics.measures import MEASURES, measure

FGR_MEASURES = ("fgr_mad", "fgr_mse")

Scored: TypeAlias = dict[int, dict[str, float]]
"""The measures of each frame, by its index in the true clip."""


class Pair:
    """A clip on both sides.

    Args:
        name: Its name, that of its subset before it.
        pred: What was predicted.
        true: What is true.
    """

    def __init__(self, name: str, pred: Matte, true: Matte) -> None:
        self.name = name
        alphas = frames_of(pred.pha), frames_of(true.pha)
        self.frames, self.problems = _common(*alphas)
        self._read = [(frames, side, False) for side, frames in enumerate(alphas)]
        if pred.fgr and true.fgr:
            colours = frames_of(pred.fgr), frames_of(true.fgr)
            if _common(*colours)[0] == self.frames:
                self._read += [(frames, side, True) for side, frames in enumerate(colours)]
            else:
                self.problems.append("fgr, as it has other frames than pha")

    def spans(self, length: int) -> list[range]:
        """Divide the frames into chunks that can be scored apart; a video is read in one go."""
        if any(isinstance(frames, VideoFrames) for frames, _, _ in self._read):
            length = max(1, len(self.frames))
        return [range(s, min(s + length, len(self.frames))) for s in range(0, len(self.frames), length)]

    def score(self, span: range) -> tuple[Scored, list[str]]:
        """Score a chunk, and say what could not be; the frame before it is read for the change at its first."""
        lead = range(max(0, span.start - 1), span.stop)
        positions = [self.frames[n] for n in lead]
        footage = [read(frames, [at[side] for at in positions], colour) for frames, side, colour in self._read]
        found: Scored = {}
        problems: list[str] = []
        last, before = -1, None
        for n, (_, t), *pictures in zip(lead, positions, *footage, strict=False):  # a damaged video ends early
            sizes = {picture.shape[:2] for picture in pictures}
            if len(sizes) > 1:
                if n in span:
                    problems.append(f"frame {t}, of the sizes {' and '.join(f'{w}x{h}' for h, w in sorted(sizes))}")
                continue
            pred, true, *colours = (_tensor(picture) for picture in pictures)
            if n in span:
                found[t] = _measure(pred, true, before if last == t - 1 else None, colours)
            last, before = t, pred[:, 0, 0].short() - true[:, 0, 0]
        if len(found) + len(problems) < len(span):
            problems.append(f"{len(span) - len(found) - len(problems)} frames, which could not be decoded")
        return found, problems


def _common(pred: Frames, true: Frames) -> tuple[list[tuple[int, int]], list[str]]:
    """Pair the positions of frames by the numbers in their names, or in videos by their order."""
    both_images = isinstance(pred, ImageFrames) and isinstance(true, ImageFrames)
    of_pred, of_true = (f.ids if both_images and isinstance(f, ImageFrames) else range(len(f)) for f in (pred, true))
    at = {frame: position for position, frame in enumerate(of_pred)}
    frames = [(at[frame], position) for position, frame in enumerate(of_true) if frame in at]
    problems = []
    for side, here, there in (("pred", of_pred, of_true), ("true", of_true, of_pred)):
        if missing := sorted(set(there) - set(here)):
            problems.append(f"{len(missing)} of {len(there)} frames missing in {side}, the first {missing[0]}")
    return frames, problems


def _tensor(picture: Pixels) -> Tensor:
    """Make an image a clip of one frame, (1, 1, C, H, W)."""
    channels_first = picture[None] if picture.ndim == 2 else np.ascontiguousarray(picture.transpose(2, 0, 1))
    return torch.from_numpy(channels_first)[None, None]


def _measure(pred: Tensor, true: Tensor, before: Tensor | None, colours: Sequence[Tensor]) -> dict[str, float]:
    found = {name: value.item() for name, value in measure(pred, true, before=before).items()}
    if before is None:
        found["dtssd"] = float("nan")
    if colours:
        found |= {name: getattr(functional, name)(*colours, true).item() for name in FGR_MEASURES}
    return found


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
