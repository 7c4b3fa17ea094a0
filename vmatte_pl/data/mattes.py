"""Edges of mattes drawn anew, so that training sees more keyers than the footage's own."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from vmatte_pl.data.images import Pixels

_LEVELS = np.arange(256) / 255
_PATCH = 48  # pixels


def redraw_edges(pha: Pixels, rng: np.random.Generator, softest: float = 0.0) -> Pixels:
    """Make the edges of a window's alphas softer or harder, wider or narrower.

    How soft and how wide edges are says more of the studio than of the person, and what corrects alphas would learn
    that first. An alpha stays 0 where it was: the foreground's colour is not known there.

    Args:
        pha: The alphas.
        rng: Decides how.
        softest: Standard deviation, in pixels, of the softest patches: some of the edges are softer than the others,
            as hair is beside clothes. With 0 all are alike.

    Shape:
        - pha, output: (T, H, W), 0 to 255.
    """
    softness, shift = rng.uniform(0.4, 2.5), rng.uniform(-0.3, 0.3)
    steepness = rng.uniform(1, 1.6) * 0.5 / (0.5 - abs(shift))  # at least what leaves 0 and 1 as they are
    bent = _table((_LEVELS - 0.5 - shift) * steepness + 0.5)
    edges = _blurred(pha, softness, bent)
    if softest > softness:
        softer = _blurred(pha, softness * (softest / softness) ** rng.uniform(), bent)
        edges = (edges + (softer - edges.astype(np.float32)) * _patches(pha.shape[1:], rng)).round().astype(np.uint8)
    redrawn: Pixels = np.minimum(edges, cv2.LUT(pha, _table(16 * _LEVELS)))
    return redrawn


def _blurred(pha: Pixels, deviation: float, bent: Pixels) -> Pixels:
    return np.stack([cv2.LUT(cv2.GaussianBlur(frame, (0, 0), deviation), bent) for frame in pha])


def _patches(size: Sequence[int], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return smooth patches, 1 inside and 0 outside, about as large as a head and of any share of the picture."""
    H, W = size
    field = rng.normal(size=(H // _PATCH + 2, W // _PATCH + 2)).astype(np.float32)
    smooth = cv2.resize(field, (W, H), interpolation=cv2.INTER_CUBIC)
    return np.asarray(((smooth - rng.uniform(-0.7, 0.7)) * 3 + 0.5).clip(0, 1), np.float32)


def _table(levels: NDArray[np.float64]) -> Pixels:
    table: Pixels = (levels.clip(0, 1) * 255).round().astype(np.uint8)
    return table
