"""Edges of mattes drawn anew, so that training sees more keyers than the footage's own."""

import cv2
import numpy as np
from numpy.typing import NDArray

from vmatte_pl.data.images import Pixels

_LEVELS = np.arange(256) / 255


def redraw_edges(pha: Pixels, rng: np.random.Generator) -> Pixels:
    """Make the edges of a window's alphas softer or harder, wider or narrower, all of them alike.

    How soft and how wide edges are says more of the studio than of the person, and what corrects alphas would learn
    that first. An alpha stays 0 where it was: the foreground's colour is not known there.

    Shape:
        - pha, output: (T, H, W), 0 to 255.
    """
    softness, shift = rng.uniform(0.4, 2.5), rng.uniform(-0.3, 0.3)
    steepness = rng.uniform(1, 1.6) * 0.5 / (0.5 - abs(shift))  # at least what leaves 0 and 1 as they are
    bent = _table((_LEVELS - 0.5 - shift) * steepness + 0.5)
    most = _table(16 * _LEVELS)
    edges = [cv2.LUT(cv2.GaussianBlur(frame, (0, 0), softness), bent) for frame in pha]
    redrawn: Pixels = np.minimum(np.stack(edges), cv2.LUT(pha, most))
    return redrawn


def _table(levels: NDArray[np.float64]) -> Pixels:
    table: Pixels = (levels.clip(0, 1) * 255).round().astype(np.uint8)
    return table
