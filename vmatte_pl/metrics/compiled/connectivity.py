"""The connectivity error: components are those of runs, the pixels side by side that reach the same thresholds.

Runs only join from one threshold to the one below, so each threshold starts from the runs of the one above. All
lie in one list, from the highest threshold to the lowest, each in raster order.
"""

import threading
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from vmatte_pl.metrics.compiled.kernel import kernel, part
from vmatte_pl.metrics.definitions import CONNECTED, THRESHOLDS
from vmatte_pl.metrics.portable import Levels

_Runs: TypeAlias = NDArray[np.int32]
_First: TypeAlias = NDArray[np.int64]

# What is known of a run: its first pixel, the one after its last, the first run of its component, the pixels of
# the component that it is the first of, and the run it lies within at the threshold below; and apart, as it fits
# a byte, its step: how many thresholds it reaches, later how many it stays connected at.
_LEFT, _RIGHT, _ROOT, _AREA, _WITHIN = range(5)

_WORD = 8  # pixels that are compared at once
_SHORT = 4  # pixels that most runs of a noisy matte fit in
_BYTES = np.uint64(0x0101010101010101)


class _Memory(threading.local):
    """Room for runs that is used frame after frame: to get it anew takes as long as the work done in it."""

    def __init__(self) -> None:
        self.runs, self.steps = np.empty((5, 0), np.int32), np.empty(0, np.uint8)

    def grow(self, size: int) -> None:
        """Make room for this many runs, and keep what is there."""
        if size > len(self.steps):
            runs, steps = np.empty((5, size), np.int32), np.empty(size, np.uint8)
            runs[:, : len(self.steps)], steps[: len(self.steps)] = self.runs, self.steps
            self.runs, self.steps = runs, steps


_memory = _Memory()


def connectivity(pred: Levels, true: Levels) -> int:
    """Sum ``|φ(p) - φ(t)|`` in units of 1/2550.

    Shape:
        - pred, true: (H, W).
    """
    H, W = pred.shape
    line = np.zeros(W + -W % _WORD + _WORD, np.uint8)
    first = np.zeros((THRESHOLDS + 1, H + 1), np.int64)  # run of each row at each threshold; last, the end
    _memory.grow(H * W + 1)
    words, cuts = line.view(np.uint64), np.empty(W + 1, np.int64)
    total = _find_runs(pred, true, line, words, cuts, _memory.runs, _memory.steps, first[THRESHOLDS])
    _memory.grow(total + 1)
    largest, difference = np.zeros(THRESHOLDS + 1, np.int64), np.empty(W, np.int16)
    return int(_sum_connectivity(pred, true, _memory.runs, _memory.steps, first, largest, line, difference))


@kernel
def _find_runs(
    pred: Levels,
    true: Levels,
    line: Levels,
    words: NDArray[np.uint64],
    cuts: NDArray[np.int64],
    runs: _Runs,
    steps: Levels,
    first: _First,
) -> int:
    """List the runs at the highest threshold; return how many there can be at all thresholds."""
    count, total = 0, 0
    H, W = pred.shape
    for y in range(H):
        first[y] = count
        for x in range(W):
            line[x] = np.uint16(np.uint16(min(pred[y, x], true[y, x])) * np.uint16(2)) // np.uint16(51)
        ends, step = 0, np.uint8(0)
        for j in range(words.shape[0]):
            if words[j] != np.uint64(step) * _BYTES:
                for x in range(_WORD * j, min(W, _WORD * j + _WORD)):
                    cuts[ends] = x  # without a branch: in a noisy matte none could be foretold
                    ends += line[x] != step
                    step = line[x]
        cuts[ends] = W
        before = np.uint8(0)
        for i in range(ends):
            runs[_LEFT, count], runs[_RIGHT, count] = cuts[i], cuts[i + 1]
            steps[count] = line[cuts[i]]
            total += THRESHOLDS + 1 - min(before, steps[count]) if steps[count] > 0 else 0
            before = steps[count]
            count += steps[count] > 0
    first[H] = count
    return total


@kernel
def _sum_connectivity(
    pred: Levels,
    true: Levels,
    runs: _Runs,
    steps: Levels,
    first: _First,
    largest: _First,
    line: Levels,
    difference: NDArray[np.int16],
) -> int:
    """Find the largest components from the highest threshold down, and what stays in them from the lowest up."""
    for i in range(THRESHOLDS, 0, -1):
        _connect(runs, steps, first[i], i)
        _coarsen(runs, steps, first[i], first[i - 1], i)
        largest[i] = _largest(runs, steps, first[i, 0], first[i, -1], i)
    for r in range(first[0, 0], first[0, -1]):
        steps[r] = 0
    for i in range(1, THRESHOLDS + 1):
        for r in range(first[i, 0], first[i, -1]):
            below = steps[runs[_WITHIN, r]]
            stays = steps[r] == i and runs[_ROOT, r] == largest[i] and below == i - 1
            steps[r] = i if stays else below
    return _sum_difference(pred, true, runs, steps, first[THRESHOLDS], line, difference)


@part
def _connect(runs: _Runs, steps: Levels, first: _First, i: int) -> None:
    """Connect runs that reach threshold i with those above them, always to the one that comes first."""
    left, right, root = runs[_LEFT], runs[_RIGHT], runs[_ROOT]
    for y in range(first.shape[0] - 1):
        above, row = first[max(y - 1, 0)], first[y]
        for r in range(row, first[y + 1]):
            root[r] = r
            if steps[r] == i:
                while above < row and right[above] <= left[r]:
                    above += 1
                other = above
                while other < row and left[other] < right[r]:
                    if steps[other] == i:
                        _join(root, other, r)
                    other += 1


@part
def _join(root: _Runs, one: int, other: int) -> None:
    """Put two runs, the latter under its root already, under the one of their roots that comes first."""
    while root[one] != one:
        root[one] = root[root[one]]
        one = root[one]
    if one < root[other]:
        root[root[other]] = one
        root[other] = one
    else:
        root[one] = root[other]


@part
def _coarsen(runs: _Runs, steps: Levels, first: _First, coarse_first: _First, i: int) -> None:
    """List the runs at threshold i - 1: those that touch and reach it join."""
    count = first[-1] - 1
    for y in range(first.shape[0] - 1):
        coarse_first[y] = count + 1
        end = -1
        for r in range(first[y], first[y + 1]):
            reaches = steps[r] >= i - 1
            if not (reaches and runs[_LEFT, r] == end):
                count += 1
                runs[_LEFT, count] = runs[_LEFT, r]
                steps[count] = min(steps[r], i - 1)
            runs[_RIGHT, count] = runs[_RIGHT, r]
            runs[_WITHIN, r] = count
            end = runs[_RIGHT, r] if reaches else -1
    coarse_first[-1] = count + 1


@part
def _largest(runs: _Runs, steps: Levels, start: int, stop: int, i: int) -> int:
    """Find the largest component, of equal ones the first."""
    root, area = runs[_ROOT], runs[_AREA]
    largest = start
    for r in range(start, stop):
        area[r] = 0
        if steps[r] == i:
            root[r] = root[root[r]]
            area[root[r]] += runs[_RIGHT, r] - runs[_LEFT, r]
    for r in range(start, stop):
        if area[r] > area[largest]:
            largest = r
    return largest


@part
def _sum_difference(
    pred: Levels, true: Levels, runs: _Runs, steps: Levels, first: _First, line: Levels, difference: NDArray[np.int16]
) -> int:
    """Sum what alpha lies above l, where that counts, in pred against true."""
    total = 0
    H, W = pred.shape
    for y in range(H):
        line[:] = 0
        end = W
        for r in range(first[y], first[y + 1]):
            start = runs[_LEFT, r]
            for x in range(end, min(start, end + _SHORT)):
                line[x] = 0
            for x in range(start, start + _SHORT):  # without asking whether it is too much
                line[x] = steps[r]
            end = runs[_RIGHT, r]
            if end - start > _SHORT:
                line[start + _SHORT : end] = steps[r]
        for x in range(end, min(W, end + _SHORT)):
            line[x] = 0
        for x in range(W):
            thresholds = np.int16(line[x] * np.int16(255))
            of_pred = np.int16(np.int16(pred[y, x] * np.int16(10)) - thresholds)
            of_true = np.int16(np.int16(true[y, x] * np.int16(10)) - thresholds)
            difference[x] = abs(
                np.int16((of_pred if of_pred >= CONNECTED else 0) - (of_true if of_true >= CONNECTED else 0))
            )
        row = np.int32(0)
        for x in range(W):
            row = np.int32(row + difference[x])
        total += int(row)
    return total
