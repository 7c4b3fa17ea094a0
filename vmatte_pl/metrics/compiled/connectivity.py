"""The connectivity error: components are those of runs, the pixels side by side that reach the same thresholds.

Runs only join from one threshold to the one below, so each threshold starts from the runs of the one above.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from vmatte_pl.metrics.compiled.kernel import kernel, part
from vmatte_pl.metrics.definitions import CONNECTED, THRESHOLDS
from vmatte_pl.metrics.portable import Levels

_First: TypeAlias = NDArray[np.int64]  # the first run of each row, and after the last row how many there are
_Runs: TypeAlias = NDArray[np.int32]

# What is known of a run: its first pixel, the one after its last, the first run of its component, and the run it
# lies within at the threshold below; and apart, as it fits a byte, its step: how many thresholds it reaches.
_LEFT, _RIGHT, _ROOT, _WITHIN = range(4)

_WORD = 8  # pixels that are compared at once
_BYTES = np.uint64(0x0101010101010101)


def connectivity(pred: Levels, true: Levels) -> int:
    """Sum ``|φ(p) - φ(t)|`` in units of 1/2550.

    Shape:
        - pred, true: (H, W).
    """
    H, W = pred.shape
    line = np.zeros(W + -W % _WORD, np.uint8)
    first = np.zeros((THRESHOLDS + 1, H + 1), np.int64)
    found, found_steps = np.empty((2, H * W + 1), np.int32), np.empty(H * W + 1, np.uint8)
    words, cuts = line.view(np.uint64), np.empty(W + 1, np.int64)
    count = _find_runs(pred, true, line, words, cuts, found, found_steps, first[THRESHOLDS])
    runs = np.empty((THRESHOLDS + 1, 4, count + 1), np.int32)
    steps = np.zeros((THRESHOLDS + 1, count + 1), np.uint8)
    runs[THRESHOLDS, :2, :count], steps[THRESHOLDS, :count] = found[:, :count], found_steps[:count]
    area, difference = np.zeros(count + 1, np.int32), np.empty(W, np.int16)
    return int(_sum_connectivity(pred, true, runs, steps, first, area, line, difference))


@kernel
def _find_runs(
    pred: Levels,
    true: Levels,
    line: Levels,
    words: NDArray[np.uint64],
    cuts: NDArray[np.int64],
    found: _Runs,
    steps: Levels,
    first: _First,
) -> int:
    """List the runs of pixels that reach the same thresholds, and the first of each row; return how many."""
    count = 0
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
        for i in range(ends):
            found[_LEFT, count], found[_RIGHT, count] = cuts[i], cuts[i + 1]
            steps[count] = line[cuts[i]]
            count += steps[count] > 0
    first[H] = count
    return count


@kernel
def _sum_connectivity(
    pred: Levels,
    true: Levels,
    runs: _Runs,
    steps: Levels,
    first: _First,
    area: _Runs,
    line: Levels,
    difference: NDArray[np.int16],
) -> int:
    """Find the largest components from the highest threshold down, and what stays in them from the lowest up."""
    for i in range(THRESHOLDS, 0, -1):
        _connect(runs[i], steps[i], first[i], i)
        _coarsen(runs[i], steps[i], first[i], runs[i - 1], steps[i - 1], first[i - 1], i)
        _keep_largest(runs[i], steps[i], area, first[i, -1], i)
    for r in range(first[0, -1]):
        steps[0, r] = 0
    for i in range(1, THRESHOLDS + 1):
        for r in range(first[i, -1]):
            below = steps[i - 1, runs[i, _WITHIN, r]]
            steps[i, r] = i if steps[i, r] == i and below == i - 1 else below
    return _sum_difference(pred, true, runs[THRESHOLDS], steps[THRESHOLDS], first[THRESHOLDS], line, difference)


@part
def _connect(runs: _Runs, steps: Levels, first: _First, i: int) -> None:
    """Connect runs that reach threshold i with those above them, always to the one that comes first."""
    left, right, root = runs[_LEFT], runs[_RIGHT], runs[_ROOT]
    for y in range(first.shape[0] - 1):
        above = first[max(y - 1, 0)]
        for r in range(first[y], first[y + 1]):
            root[r] = r
            if steps[r] < i:
                continue
            while above < first[y] and right[above] <= left[r]:
                above += 1
            other = above
            while other < first[y] and left[other] < right[r]:
                if steps[other] == i:
                    one = other
                    while root[one] != one:
                        root[one] = root[root[one]]
                        one = root[one]
                    if one < root[r]:
                        root[root[r]] = one
                        root[r] = one
                    else:
                        root[one] = root[r]
                other += 1


@part
def _coarsen(
    runs: _Runs,
    steps: Levels,
    first: _First,
    coarse: _Runs,
    coarse_steps: Levels,
    coarse_first: _First,
    i: int,
) -> None:
    """Join runs that touch and reach threshold i - 1: at that threshold they are one."""
    count = -1
    for y in range(first.shape[0] - 1):
        coarse_first[y] = count + 1
        end = -1
        for r in range(first[y], first[y + 1]):
            reaches = steps[r] >= i - 1
            if not (reaches and runs[_LEFT, r] == end):
                count += 1
                coarse[_LEFT, count] = runs[_LEFT, r]
                coarse_steps[count] = min(steps[r], i - 1)
            coarse[_RIGHT, count] = runs[_RIGHT, r]
            runs[_WITHIN, r] = count
            end = runs[_RIGHT, r] if reaches else -1
    coarse_first[-1] = count + 1


@part
def _keep_largest(runs: _Runs, steps: Levels, area: _Runs, count: int, i: int) -> None:
    """Set the step to 0 outside the largest component, of equal ones the first."""
    root = runs[_ROOT]
    for r in range(count):
        area[r] = 0
        if steps[r] == i:
            root[r] = root[root[r]]
            area[root[r]] += runs[_RIGHT, r] - runs[_LEFT, r]
    largest = 0
    for r in range(count):
        if area[r] > area[largest]:
            largest = r
    for r in range(count):
        steps[r] = i if steps[r] == i and root[r] == largest else 0


@part
def _sum_difference(
    pred: Levels,
    true: Levels,
    runs: _Runs,
    steps: Levels,
    first: _First,
    line: Levels,
    difference: NDArray[np.int16],
) -> int:
    """Sum what alpha lies above l, where that counts, in pred against true."""
    total = 0
    H, W = pred.shape
    for y in range(H):
        for x in range(W):
            line[x] = 0
        for r in range(first[y], first[y + 1]):
            for x in range(runs[_LEFT, r], runs[_RIGHT, r]):
                line[x] = steps[r]
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
