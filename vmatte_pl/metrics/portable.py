"""The sums behind the measures, of one frame on the processor, in OpenCV and NumPy.

Arguments are (H, W) uint8 levels, and a ``mask`` of the pixels that count where not all do. Every sum but the
gradient's is an integer, so that no order of adding can change it.
"""

from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from vmatte_pl.metrics.definitions import BELL, CONNECTED, SLOPE, THRESHOLDS

Errors: TypeAlias = NDArray[np.int16]
Levels: TypeAlias = NDArray[np.uint8]
Mask: TypeAlias = NDArray[np.bool_]
Sums: TypeAlias = dict[str, float]


def errors(pred: Levels, true: Levels, error: Errors, mask: Mask | None = None) -> Sums:
    """Sum ``|p - t|``, ``(p - t)²`` and the squared change of p - t since the frame before.

    Shape:
        - error: (H, W), p - t of the frame before, replaced by that of this one.
    """
    before = error.copy()
    np.subtract(pred, true, out=error, dtype=np.int16)
    change = error - before
    sums = {
        "absolute": abs(error),
        "squared": np.square(error, dtype=np.int32),
        "change": np.square(change, dtype=np.int32),
    }
    where = True if mask is None else mask
    return {name: int(values.sum(where=where, dtype=np.int64)) for name, values in sums.items()}


def gradient(pred: Levels, true: Levels, mask: Mask | None = None) -> float:
    """Sum ``(|∇p| - |∇t|)²`` of alphas stretched to [0, 1]; a constant frame has no gradient."""
    difference = np.square(_magnitude(pred) - _magnitude(true))
    return float(difference.sum(where=True if mask is None else mask))


def _magnitude(alpha: Levels) -> NDArray[np.float64]:
    bell, slope = np.array(BELL), np.array(SLOPE)
    along_x, along_y = (
        cv2.sepFilter2D(alpha, cv2.CV_64F, across, down, borderType=cv2.BORDER_REPLICATE)
        for across, down in ((slope, bell), (bell, slope))
    )
    # the stretch is linear, so it may follow the convolution
    return np.asarray(cv2.magnitude(along_x, along_y)) / max(1, int(alpha.max()) - int(alpha.min()))


def connectivity(pred: Levels, true: Levels, mask: Mask | None = None) -> int:
    """Sum ``|φ(p) - φ(t)|`` in units of 1/2550."""
    steps = _connected(np.minimum(pred, true))
    difference = np.abs(_unconnected(pred, steps) - _unconnected(true, steps))
    return int(difference.sum(where=True if mask is None else mask, dtype=np.int64))


def _unconnected(alpha: Levels, steps: Levels) -> NDArray[np.int32]:
    """1 - φ in units of 1/2550: what alpha lies above its l, where that counts."""
    above = alpha.astype(np.int32) * 10 - steps.astype(np.int32) * 255
    return above * (above >= CONNECTED)


def _connected(shared: Levels) -> Levels:
    """Count the thresholds up to which each pixel stays in the largest component."""
    reached = (shared.astype(np.uint16) * THRESHOLDS // 255).astype(np.uint8)
    x, y, w, h = cv2.boundingRect((reached > 0).astype(np.uint8))
    steps = np.zeros_like(shared)
    inner, counted = reached[y : y + h, x : x + w], steps[y : y + h, x : x + w]
    for i in range(1, int(reached.max()) + 1):
        counted += _largest((inner >= i).astype(np.uint8)) & (counted == i - 1)
    return steps


def _largest(active: Levels) -> NDArray[np.bool_]:
    """Mark the largest 4-connected component, of equal ones the first in raster order."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(active, connectivity=4)
    area = stats[1:, cv2.CC_STAT_AREA]
    equal = 1 + np.flatnonzero(area == area.max())
    first = equal[0] if len(equal) == 1 else labels[np.isin(labels, equal)][0]
    return np.asarray(labels == first)
