"""What lies between two mattes, and how it changes."""

import numpy as np

from vmatte_pl.metrics.compiled.kernel import kernel
from vmatte_pl.metrics.portable import Errors, Levels, Sums

_BLOCK = 4096  # pixels of which every sum fits 32 bits, so that many are added at once


def errors(pred: Levels, true: Levels, before: Errors | None = None) -> tuple[Errors, Sums]:
    """Take p - t, and sum ``|p - t|``, ``(p - t)²`` and the squared change of p - t since the frame before.

    Shape:
        - pred, true: (H, W).
        - before: (H, W), p - t of the frame before; without it there is no change.
    """
    error = np.empty(pred.shape, np.int16)
    absolute, squared, change = _sum_errors(
        pred.ravel(), true.ravel(), error.ravel() if before is None else before.ravel(), error.ravel()
    )
    return error, {"absolute": absolute, "squared": squared, "change": change if before is not None else 0}


@kernel
def _sum_errors(pred: Levels, true: Levels, before: Errors, error: Errors) -> tuple[int, int, int]:
    absolute, squared, change = 0, 0, 0
    for start in range(0, pred.shape[0], _BLOCK):
        p, t = pred[start : start + _BLOCK], true[start : start + _BLOCK]
        last, now = before[start : start + _BLOCK], error[start : start + _BLOCK]
        a, s, c = np.int32(0), np.int32(0), np.int32(0)
        for x in range(p.shape[0]):
            d = np.int32(np.int32(p[x]) - np.int32(t[x]))
            e = np.int32(d - last[x])
            now[x] = d
            a = np.int32(a + abs(d))
            s = np.int32(s + d * d)
            c = np.int32(c + e * e)
        absolute += int(a)
        squared += int(s)
        change += int(c)
    return absolute, squared, change
