"""Pairs of small frames that try the definitions: random ones, and ones that are known to be awkward."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

Levels = NDArray[np.uint8]

THRESHOLDS = (26, 51, 77, 102, 128, 153, 179, 204, 230, 255)
_EDGES = sorted({0, 1, 38, 39, 254} | {level - below for level in THRESHOLDS for below in (0, 1)})


@st.composite
def pairs(draw: st.DrawFn, max_side: int = 9) -> tuple[Levels, Levels]:
    """Two frames of one size, at any levels or at those where something changes."""
    shape = draw(st.tuples(st.integers(1, max_side), st.integers(1, 2 * max_side)))
    levels = draw(st.sampled_from([st.integers(0, 255), st.sampled_from(_EDGES), st.sampled_from([0, 128, 255])]))
    pred, true = (draw(hnp.arrays(np.uint8, shape, elements=levels)) for _ in range(2))
    return pred, draw(st.sampled_from([true, pred.copy(), np.clip(pred.astype(int) + 2, 0, 255).astype(np.uint8)]))


def awkward() -> dict[str, tuple[Levels, Levels]]:
    """Frames at the corners of the definitions."""
    full, empty = np.full((6, 7), 255, np.uint8), np.zeros((6, 7), np.uint8)
    small_bright_beside_large_dim = np.zeros((8, 12), np.uint8)
    small_bright_beside_large_dim[1:3, 1:3] = 255
    small_bright_beside_large_dim[1:7, 5:11] = 140
    two_equal = np.zeros((5, 9), np.uint8)
    two_equal[1:4, 1:3] = 200
    two_equal[0:3, 5:7] = 200  # begins first
    diagonal = np.where(np.eye(6, dtype=bool), 255, 0).astype(np.uint8)
    spiral = np.zeros((7, 7), np.uint8)
    spiral[0, :], spiral[:, 6], spiral[6, :], spiral[2:, 0], spiral[2, :5], spiral[2:5, 4] = (200,) * 6
    ramp = np.tile(np.arange(256, dtype=np.uint8), (3, 1))
    comb = np.where(np.arange(40) % 2 == 0, 255, 230).astype(np.uint8)[None].repeat(6, 0)
    comb[3] = 120
    return {
        "equal": (ramp, ramp),
        "reversed": (ramp, ramp[:, ::-1].copy()),
        "both empty": (empty, empty),
        "both full": (full, full),
        "nothing in common": (empty, full),
        "constant, unequal": (full // 2, full // 3),
        "one pixel": (full[:1, :1], empty[:1, :1]),
        "four by one": (np.array([[9], [99], [199], [255]], np.uint8), np.array([[0], [90], [210], [255]], np.uint8)),
        "one by four": (np.array([[9, 99, 199, 255]], np.uint8), np.array([[0, 90, 210, 255]], np.uint8)),
        "components that do not nest": (small_bright_beside_large_dim, small_bright_beside_large_dim // 5 * 6),
        "components that do not nest, unequal": (small_bright_beside_large_dim, small_bright_beside_large_dim[::-1]),
        "a tie": (two_equal, two_equal // 2),
        "a tie, mirrored": (two_equal[:, ::-1].copy(), (two_equal // 2)[:, ::-1].copy()),
        "only corners touch": (diagonal, 255 - diagonal // 3),
        "a spiral": (spiral, np.maximum(spiral, 60)),
        "a comb": (comb, comb - 3),
    }


def blurred(seed: int, height: int, width: int) -> tuple[Levels, Levels]:
    """Two soft noise fields, much alike, in which components come and go at every threshold."""
    rng = np.random.default_rng(seed)
    field = rng.normal(size=(height + 6, width + 6))
    for _ in range(2):
        field = (field[:-1] + field[1:])[:, 1:] + (field[:-1] + field[1:])[:, :-1]
    field = field[:height, :width] / field.std()
    other = field + rng.normal(scale=0.1, size=field.shape)
    return tuple(np.clip(128 + 100 * f, 0, 255).astype(np.uint8) for f in (field, other))
