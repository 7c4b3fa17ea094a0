"""What lies between two mattes, and how it changes."""

import numpy as np

from vmatte_pl.metrics.compiled.kernel import kernel
from vmatte_pl.metrics.portable import Errors, Levels, Sums

_BLOCK = 4096  # pixels of which every sum fits 32 bits, so that many are added at once


def errors(pred: Levels, true: Levels, error: Errors) -> Sums:
    """Sum ``|p - t|``, ``(p - t)²`` and the squared change of p - t since the frame before.

    Shape:
        - pred, true: (H, W).
        - error: (H, W), p - t of the frame before, replaced by that of this one.
    """
    absolute, squared, change = _sum_errors(pred.ravel(), true.ravel(), error.reshape(-1))
    return {"absolute": absolute, "squared": squared, "change": change}


@kernel
def _sum_errors(pred: Levels, true: Levels, error: Errors) -> tuple[int, int, int]:
    absolute, squared, change = 0, 0, 0
    for start in range(0, pred.shape[0], _BLOCK):
        p, t, e = pred[start : start + _BLOCK], true[start : start + _BLOCK], error[start : start + _BLOCK]
        a, s, c = np.int32(0), np.int32(0), np.int32(0)
        for x in range(p.shape[0]):
            now = np.int32(np.int32(p[x]) - np.int32(t[x]))
            step = np.int32(now - e[x])
            e[x] = now
            a = np.int32(a + abs(now))
            s = np.int32(s + now * now)
            c = np.int32(c + step * step)
        absolute += int(a)
        squared += int(s)
        change += int(c)
    return absolute, squared, change
