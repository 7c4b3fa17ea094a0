"""Which clip and frame each value belongs to, through batches, chunks and processes."""

from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, distributed

from vmatte_pl.metrics.levels import UnfitAlphaError, levels_pair, region
from vmatte_pl.metrics.measures import MEASURES, measure

Average: TypeAlias = Literal["frame", "clip", "rvm"]
"""How values become one: the mean of all frames, the mean of the clips' means, or as RVM's script does it."""

_OPEN_CLIPS = 32  # clips whose last frame is kept for dtSSD, should chunks of several clips alternate
_RVM_FRAMES = 700  # the script's table ends there


@dataclass
class Measured:
    """The values of one batch, each with its clip and frame.

    Shape:
        - clip: (N,) int64, the ids of the clips' names.
        - frame: (N,) int64, the index of the frame in its clip.
        - values: (N,) float64 for each measure, NaN where a frame has none.
        - names: uint8, the names of clips not met before, each ended by a zero.
    """

    clip: Tensor
    frame: Tensor
    values: dict[str, Tensor]
    names: Tensor


class Scorer:
    """Measures batch after batch, and knows of each clip where the last chunk ended.

    Args:
        wanted: Which measures.
    """

    def __init__(self, wanted: Collection[str] = MEASURES) -> None:
        self.wanted = tuple(wanted)
        self.reset()

    def reset(self) -> None:
        """Forget all clips."""
        self._ended: dict[str, int] = {}  # the index after the last frame
        self._last: OrderedDict[str, Tensor] = OrderedDict()  # pred - true of the last frame
        self._unnamed = 0

    def __call__(
        self,
        pred: Tensor,
        true: Tensor,
        clip: Sequence[str] | None = None,
        start: Tensor | Sequence[int] | None = None,
        mask: Tensor | None = None,
    ) -> Measured:
        """Measure a batch; arguments as in ``MattingMetric.update``."""
        p, t = levels_pair(pred, true)
        B, T = p.shape[:2]
        names = self._names(B) if clip is None else list(clip)
        if len(names) != B or len(set(names)) != B:
            raise UnfitAlphaError(
                expected=f"{B} different clips",
                found=str(names),
                where="`clip`",
                remedy="name each item, and put the chunks of one clip into several batches",
            )
        ended = [self._ended.get(name, 0) for name in names]
        starts = ended if start is None else [int(s) for s in start]
        before = [
            self._last.get(name) if ended_at == start_at else None
            for name, ended_at, start_at in zip(names, ended, starts, strict=True)
        ]
        values = self._measure(p, t, region(mask, p), before)
        new = "".join(f"{name}\0" for name in names if name not in self._ended)
        self._remember(names, [s + T for s in starts], p, t)
        return Measured(
            clip=torch.tensor([_identity(name) for name in names]).repeat_interleave(T),
            frame=(torch.tensor(starts)[:, None] + torch.arange(T)).flatten(),
            values=values,
            names=torch.tensor(list(new.encode()), dtype=torch.uint8),
        )

    def _measure(self, p: Tensor, t: Tensor, mask: Tensor | None, before: list[Tensor | None]) -> dict[str, Tensor]:
        size = p.shape[-2:]
        before = [last if last is not None and last.shape == size else None for last in before]
        filled = [torch.zeros(size, dtype=torch.int16, device=p.device) if b is None else b for b in before]
        values = measure(p, t, mask, torch.stack(filled), self.wanted)
        if "dtssd" in values:
            values["dtssd"][[last is None for last in before], 0] = torch.nan
        return {name: value.flatten() for name, value in values.items()}

    def _remember(self, names: list[str], ended: list[int], p: Tensor, t: Tensor) -> None:
        self._ended.update(zip(names, ended, strict=True))
        if "dtssd" not in self.wanted:
            return
        for name, last in zip(names, p[:, -1, 0].short() - t[:, -1, 0], strict=True):
            self._last[name] = last
            self._last.move_to_end(name)
        while len(self._last) > max(_OPEN_CLIPS, len(names)):
            self._last.popitem(last=False)

    def _names(self, count: int) -> list[str]:
        """Name clips that have no name, so that no two processes give the same."""
        rank = distributed.get_rank() if distributed.is_available() and distributed.is_initialized() else 0
        self._unnamed += count
        return [f"unnamed {rank}.{i}" for i in range(self._unnamed - count, self._unnamed)]


def _identity(name: str) -> int:
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big", signed=True)


def names_by_identity(names: bytes) -> dict[int, str]:
    """Read the names that ``Measured.names`` holds, several joined or one."""
    return {_identity(name): name for name in names.decode().split("\0")[:-1]}


@dataclass
class Table:
    """The values of one measure, each (clip, frame) once, in order; from here on it is NumPy.

    A frame counts once however often it was measured, as samplers for several processes fill up their last
    batches; NaN, a frame that has no value, yields to a number.
    """

    clip: NDArray[np.int64]
    frame: NDArray[np.int64]
    value: NDArray[np.float64]

    def __post_init__(self) -> None:
        order = np.lexsort((self.value, self.frame, self.clip))  # NaN comes last
        clip, frame, value = self.clip[order], self.frame[order], self.value[order]
        first = np.ones(len(order), dtype=bool)
        first[1:] = (clip[1:] != clip[:-1]) | (frame[1:] != frame[:-1])
        self.clip, self.frame, self.value = clip[first], frame[first], value[first]

    def counted(self, average: Average) -> "Table":
        """Keep the values that count; RVM's script counts a clip's first dtSSD, which has none, as 0."""
        value = self.value
        if average == "rvm":
            value = np.where(np.isnan(value) & (self.frame == 0), 0.0, value)
        kept = ~np.isnan(value)
        return Table(self.clip[kept], self.frame[kept], value[kept])

    def mean(self, average: Average) -> float:
        """Average over the frames; NaN if there are none.

        Args:
            average: ``"frame"``: over all frames alike. ``"clip"``: over the frames of each clip, then over
                the clips. ``"rvm"``: over the clips at each frame index below 700, then over the indices,
                and dtSSD counts 0 at index 0, as the script of RVM does it. The three agree for
                clips of one length (dtSSD but for the 0), and differ by up to 13 % for others.
        """
        rows = self.counted(average)
        if average == "frame":
            return float(rows.value.mean()) if len(rows.value) else float("nan")
        groups, kept = (rows.clip, slice(None)) if average == "clip" else (rows.frame, rows.frame < _RVM_FRAMES)
        means = _group_means(groups[kept], rows.value[kept])
        return float(np.mean(list(means.values()))) if means else float("nan")

    def by_clip(self, average: Average) -> dict[int, float]:
        """Average over the frames of each clip."""
        rows = self.counted(average)
        return _group_means(rows.clip, rows.value)


def _group_means(groups: NDArray[np.int64], values: NDArray[np.float64]) -> dict[int, float]:
    keys, inverse, counts = np.unique(groups, return_inverse=True, return_counts=True)
    sums = np.bincount(inverse, values, len(keys))
    return dict(zip(keys.tolist(), (sums / counts).tolist(), strict=True))
