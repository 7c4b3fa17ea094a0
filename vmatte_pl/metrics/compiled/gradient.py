"""The gradient error: computed around pixels that differ from a neighbour, for most of a matte is plain 0 or 1."""

import math
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from vmatte_pl.metrics.compiled.kernel import kernel, part
from vmatte_pl.metrics.definitions import BELL, HALF, SLOPE
from vmatte_pl.metrics.portable import Levels

_Floats: TypeAlias = NDArray[np.float64]
_Rows: TypeAlias = NDArray[np.int64]
_Words: TypeAlias = NDArray[np.uint64]

_WORD = 8  # pixels that are compared at once
_SIDE = _WORD * math.ceil(HALF / _WORD)  # columns added left and right
_B0, _B1, _B2, _B3, _B4 = BELL[HALF:]
_, _S1, _S2, _S3, _S4 = SLOPE[HALF:]


def gradient(pred: Levels, true: Levels) -> float:
    """Sum ``(|∇p| - |∇t|)²`` of alphas stretched to [0, 1]; a constant frame has no gradient.

    Shape:
        - pred, true: (H, W).
    """
    sides = HALF, HALF, _SIDE, _SIDE + -pred.shape[1] % _WORD
    framed = np.stack([cv2.copyMakeBorder(a, *sides, cv2.BORDER_REPLICATE) for a in (pred, true)])
    # of squared gradients; the stretch is linear, so it may follow the convolution
    scales = np.array([1 / max(1, int(a.max()) - int(a.min())) ** 2 for a in (pred, true)])
    changed = np.full((2, framed.shape[2] // _WORD), -1)
    rows = np.zeros((4, framed.shape[2]))
    return float(_sum_gradient(framed, framed.view(np.uint64), pred.shape[1], scales, changed, rows))


@kernel
def _sum_gradient(framed: Levels, words: _Words, width: int, scales: _Floats, changed: _Rows, rows: _Floats) -> float:
    """Go down the rows; what is neither near a change in pred nor in true has no gradient."""
    of_pred = rows[0]
    last = changed.shape[1] - 1
    total = 0.0
    for y in range(framed.shape[1] - 2 * HALF):
        for k in range(2):
            for row in range(y + 2 * HALF if y else 0, y + 2 * HALF + 1):
                _note_changes(words[k], row, changed[k])
            j = 1
            while j < last:
                if changed[k, j] < y:
                    j += 1
                    continue
                start = j * _WORD
                while j < last and changed[k, j] >= y:
                    j += 1
                count = min(j * _WORD, _SIDE + width) - start
                total += _add_gradient(framed[k], y, start, count, scales[k], k == 0, of_pred, rows)
        for x in range(width):  # where true has none
            total += of_pred[x + _SIDE]
            of_pred[x + _SIDE] = 0.0
    return total


@part
def _note_changes(words: _Words, row: int, changed: _Rows) -> None:
    """Note the row for each word that is not of one level with the words beside it and above it."""
    above = max(row - 1, 0)
    for j in range(1, words.shape[1] - 1):
        word = words[row, j]
        level = word == (word >> np.uint64(8) | word << np.uint64(56))
        even = level & (word == words[row, j - 1]) & (word == words[row, j + 1]) & (word == words[above, j])
        changed[j] = changed[j] if even else row


@part
def _add_gradient(
    framed: Levels, y: int, start: int, count: int, scale: float, is_pred: bool, of_pred: _Floats, rows: _Floats
) -> float:
    """Convolve a part of a row, down and then across: keep pred's gradient, sum true's difference to it."""
    smooth, slope = rows[1], rows[2]
    r0, r1, r2 = framed[y, start - HALF :], framed[y + 1, start - HALF :], framed[y + 2, start - HALF :]
    r3, r4, r5 = framed[y + 3, start - HALF :], framed[y + 4, start - HALF :], framed[y + 5, start - HALF :]
    r6, r7, r8 = framed[y + 6, start - HALF :], framed[y + 7, start - HALF :], framed[y + 8, start - HALF :]
    for x in range(count + 2 * HALF):
        a0, a1, a2, a3, a4 = float(r0[x]), float(r1[x]), float(r2[x]), float(r3[x]), float(r4[x])
        a5, a6, a7, a8 = float(r5[x]), float(r6[x]), float(r7[x]), float(r8[x])
        smooth[x] = _B0 * a4 + _B1 * (a3 + a5) + _B2 * (a2 + a6) + _B3 * (a1 + a7) + _B4 * (a0 + a8)
        slope[x] = _S1 * (a5 - a3) + _S2 * (a6 - a2) + _S3 * (a7 - a1) + _S4 * (a8 - a0)
    total = 0.0
    kept = of_pred[start:]
    s, d = smooth, slope
    for x in range(count):
        along_x = _S1 * (s[x + 5] - s[x + 3]) + _S2 * (s[x + 6] - s[x + 2]) + _S3 * (s[x + 7] - s[x + 1])
        along_x += _S4 * (s[x + 8] - s[x])
        along_y = (
            _B0 * d[x + 4] + _B1 * (d[x + 3] + d[x + 5]) + _B2 * (d[x + 2] + d[x + 6]) + _B3 * (d[x + 1] + d[x + 7])
        )
        along_y += _B4 * (d[x] + d[x + 8])
        square = (along_x * along_x + along_y * along_y) * scale
        if is_pred:
            kept[x] = square
        else:
            difference = math.sqrt(kept[x]) - math.sqrt(square)
            total += difference * difference
            kept[x] = 0.0
    return total
