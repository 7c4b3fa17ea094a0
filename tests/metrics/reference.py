"""The definitions written out, slowly and literally: one frame at a time, one pixel at a time."""

import math
from collections import deque
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

Levels = NDArray[np.uint8]
Pixel = tuple[int, int]


def mad(pred: Levels, true: Levels) -> float:
    return float(np.abs(pred / 255 - true / 255).mean() * 1e3)


def mse(pred: Levels, true: Levels) -> float:
    return float(((pred / 255 - true / 255) ** 2).mean() * 1e3)


def sad(pred: Levels, true: Levels) -> float:
    return float(np.abs(pred / 255 - true / 255).sum() / 1e3)


def dtssd(pred: Levels, true: Levels, pred_before: Levels, true_before: Levels) -> float:
    difference = (pred / 255 - pred_before / 255) - (true / 255 - true_before / 255)
    return float(np.sqrt((difference**2).mean()) * 1e2)


def grad(pred: Levels, true: Levels, region: NDArray[np.bool_] | None = None) -> float:
    difference = (magnitude(pred) - magnitude(true)) ** 2
    return float((difference if region is None else difference[region]).sum() / 1e3)


def magnitude(alpha: Levels) -> NDArray[np.float64]:
    """The gradient's length after a stretch to [0, 1], by two 9x9 kernels over a replicated border."""
    sigma, half = 1.4, 4
    gauss = [math.exp(-(x**2) / (2 * sigma**2)) / (sigma * math.sqrt(2 * math.pi)) for x in range(-half, half + 1)]
    assert gauss[0] < 1e-2 <= gauss[1]  # the half size follows from ε = 1e-2
    slope = [-x * g / sigma**2 for x, g in zip(range(-half, half + 1), gauss, strict=True)]
    kernel = np.outer(gauss, slope)
    kernel /= np.sqrt((kernel**2).sum())
    low, high = int(alpha.min()), int(alpha.max())
    stretched = (alpha.astype(np.float64) - low) / (high - low) if high > low else np.zeros(alpha.shape)
    padded = np.pad(stretched, half, mode="edge")
    H, W = alpha.shape
    along = np.zeros((2, H, W))
    for y in range(H):
        for x in range(W):
            window = padded[y : y + 9, x : x + 9]
            along[:, y, x] = (window * kernel).sum(), (window * kernel.T).sum()
    return np.asarray(np.sqrt(along[0] ** 2 + along[1] ** 2))


def conn(pred: Levels, true: Levels, region: NDArray[np.bool_] | None = None) -> Fraction:
    """The exact sum, before its scale."""
    last = last_thresholds(pred, true)
    total = Fraction(0)
    for y, x in np.ndindex(*pred.shape):
        if region is None or region[y, x]:
            total += abs(phi(int(pred[y, x]), last[y, x]) - phi(int(true[y, x]), last[y, x]))
    return total


def phi(level: int, last: Fraction) -> Fraction:
    d = Fraction(level, 255) - last
    return 1 - d if d >= Fraction(15, 100) else Fraction(1)


def last_thresholds(pred: Levels, true: Levels) -> dict[Pixel, Fraction]:
    """For each pixel the threshold before the one at which it first leaves the largest component, else 1."""
    last = {pixel: Fraction(1) for pixel in np.ndindex(*pred.shape)}
    inside = set(last)
    for i in range(1, 11):
        active = {(y, x) for y, x in last if int(min(pred[y, x], true[y, x])) * 10 >= i * 255}
        largest = largest_component(active)
        for pixel in inside - largest:
            last[pixel] = Fraction(i - 1, 10)
        inside &= largest
    return last


def largest_component(active: set[Pixel]) -> set[Pixel]:
    """Flood fill in raster order, so that the first of equally large components wins."""
    best: set[Pixel] = set()
    seen: set[Pixel] = set()
    for start in sorted(active):
        if start in seen:
            continue
        component, queue = {start}, deque([start])
        while queue:
            y, x = queue.popleft()
            for neighbour in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
                if neighbour in active and neighbour not in component:
                    component.add(neighbour)
                    queue.append(neighbour)
        seen |= component
        if len(component) > len(best):
            best = component
    return best
