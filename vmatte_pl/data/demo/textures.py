"""Seeded noise, colours and seamless tiles of cloth, skin and hair."""

import colorsys
from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Array = NDArray[np.floating]  # in single precision wherever it is large

TILE = 256  # texels along a tile's side; a head is HEAD_TEXELS of them high
HEAD_TEXELS = 96.0

SKIN = (
    (0.95, 0.78, 0.68),
    (0.88, 0.68, 0.55),
    (0.78, 0.57, 0.43),
    (0.62, 0.43, 0.31),
    (0.44, 0.29, 0.21),
    (0.31, 0.20, 0.15),
)
HAIR = (
    (0.07, 0.06, 0.06),
    (0.17, 0.11, 0.08),
    (0.30, 0.19, 0.12),
    (0.47, 0.31, 0.18),
    (0.78, 0.62, 0.40),
    (0.52, 0.22, 0.11),
)
UNSEEN_HAIR = ((0.72, 0.71, 0.70), (0.36, 0.36, 0.38), (0.60, 0.40, 0.33))

CLOTHS = ("plain", "hoops", "stripes", "checks", "dots", "denim", "knit", "speckle")
_BLOTCHES = {"floral": 1.3, "camouflage": 1.8, "speckle": 0.5}  # kinds of cut-off noise, and its beta
UNSEEN_CLOTHS = {"valid": ("tartan", "zigzag"), "test": ("diagonals", "floral", "camouflage")}


def pick(rng: Generator, split: str, seen: Sequence[str], unseen: dict[str, tuple[str, ...]]) -> str:
    """Draw a kind; valid and test draw a fifth of theirs from kinds that training never shows."""
    pool = unseen[split] if split in unseen and rng.random() < 0.2 else seen
    return pool[int(rng.integers(len(pool)))]


def pink(
    rng: Generator, height: int, width: int, beta: float = 1.0, stretch: tuple[float, float] = (1.0, 1.0)
) -> Array:
    """Noise with a 1/f**beta amplitude spectrum, seamless, of mean 0 and deviation 1.

    Args:
        rng: Source of randomness.
        height: Rows.
        width: Columns.
        beta: Fall of the amplitude; 0 is white, 1 is like a photograph, 2 is cloudy.
        stretch: How many times longer the grain is along (y, x).

    Shape:
        - output: (height, width).
    """
    y = np.fft.fftfreq(height)[:, None] * stretch[0]
    x = np.fft.rfftfreq(width)[None] * stretch[1]
    radius = np.hypot(y, x)
    radius[0, 0] = np.inf
    spectrum = np.fft.rfft2(rng.standard_normal((height, width))) / radius**beta
    noise = np.fft.irfft2(spectrum, (height, width))
    return np.asarray(noise / noise.std(), np.float32)


def hsv(hue: float, saturation: float, value: float) -> Array:
    """An RGB colour in [0, 1], shape (3,)."""
    return np.array(colorsys.hsv_to_rgb(hue % 1, saturation, value), np.float32)


def cloth_colour(rng: Generator) -> Array:
    """A colour that clothes have: every third a neutral, the others rarely shrill."""
    if rng.random() < 0.35:
        return hsv(rng.random(), rng.uniform(0, 0.12), rng.choice([0.12, 0.22, 0.45, 0.7, 0.9]))
    return hsv(rng.random(), rng.beta(2.5, 2.2), rng.uniform(0.22, 0.88))


def along(tones: Sequence[tuple[float, float, float]], rng: Generator, jitter: float = 0.03) -> Array:
    """A colour somewhere along a row of tones."""
    place = rng.uniform(0, len(tones) - 1)
    low = min(int(place), len(tones) - 2)
    row = np.array(tones, np.float32)
    tone = row[low] + (place - low) * (row[low + 1] - row[low])
    return np.asarray(np.clip(tone + rng.normal(0, jitter, 3), 0.03, 0.98), np.float32)


def _soft_step(x: Array, hardness: float) -> Array:
    return np.asarray(1 / (1 + np.exp(-hardness * x)), np.float32)


def _pattern(rng: Generator, kind: str) -> Array:
    """How much of the first and second accent colour shows, (2, TILE, TILE) in [0, 1]."""
    if kind in _BLOTCHES:
        noise = np.stack([pink(rng, TILE, TILE, _BLOTCHES[kind]) for _ in range(2)])
        return _soft_step(noise - np.array([0.7, 1.0], np.float32)[:, None, None], 12)
    y, x = np.mgrid[:TILE, :TILE].astype(np.float32) * (2 * np.pi / TILE)
    n, duty = int(rng.integers(5, 14)), float(rng.uniform(-0.3, 0.6))

    def bars(phase: Array, least: float = 0.0, hardness: float = 6.0) -> Array:
        return _soft_step(np.sin(phase) - least, hardness)

    m, none = n // 2, np.zeros_like(x)
    drawn: dict[str, Callable[[], tuple[Array, Array]]] = {
        "hoops": lambda: (bars(n * y, duty), bars(n * y + 1.2, 0.95, 20)),
        "stripes": lambda: (bars(n * x, duty), bars(2 * n * x, 0.97, 30)),
        "checks": lambda: (bars(n * x) * bars(n * y), none),
        "dots": lambda: (_soft_step(np.sin(n * x) * np.sin(n * y) - 0.5, 12), none),
        "tartan": lambda: (
            0.5 * bars(m * x, 0.2) + 0.5 * bars(m * y, 0.2),
            np.maximum(bars(m * x + 2, 0.97, 40), bars(m * y + 2, 0.97, 40)),
        ),
        "zigzag": lambda: (bars(n * y + 1.6 * np.arcsin(np.sin(n * x))), none),
        "diagonals": lambda: (bars(n * (x + y), duty), bars(n * (x + y) + 2, 0.96, 25)),
        "denim": lambda: (0.5 + 0.25 * pink(rng, TILE, TILE, 0.3, (2, 1)), none),
        "knit": lambda: (0.6 * bars(32 * y + 1.2 * np.abs(np.sin(16 * x)), 0.3, 3), none),
        "plain": lambda: (none, none),
    }
    return np.stack(drawn[kind]()).astype(np.float32)


def cloth(rng: Generator, kind: str, head: float) -> Array:
    """A seamless tile of cloth, folds and weave included.

    Args:
        rng: Source of randomness.
        kind: One of ``CLOTHS`` or ``UNSEEN_CLOTHS``.
        head: Height of the wearer's head in pixels; sets the size of the pattern.

    Shape:
        - output: (side, side, 3), RGB around [0, 1].
    """
    ground, first, second = (cloth_colour(rng) for _ in range(3))
    if kind == "denim":
        ground = hsv(rng.uniform(0.57, 0.64), rng.uniform(0.3, 0.6), rng.uniform(0.25, 0.6))
        first = ground * rng.uniform(1.1, 1.5)
    elif kind == "knit":
        first = ground * 0.62
    much, little = _pattern(rng, kind)[..., None]
    tile = ground + much * (first - ground)
    tile = tile + little * (second - tile)
    folds = 0.09 * pink(rng, TILE, TILE, 1.7, (2.2, 0.8)) + 0.06 * pink(rng, TILE, TILE, 1.5, (0.7, 1.8))
    weave = 0.03 * pink(rng, TILE, TILE, 0.2)
    return scaled(tile * (1 + folds + weave)[..., None], head)


def skin(rng: Generator, head: float) -> Array:
    """A seamless tile of skin of one tone, with a little blush and grain."""
    tone = along(SKIN, rng)
    blush = np.array([0.5, -0.6, -0.4], np.float32) * 0.05
    tile = tone * (1 + 0.035 * pink(rng, TILE, TILE, 1.1)[..., None] + blush * pink(rng, TILE, TILE, 1.6)[..., None])
    return scaled(tile, head)


def hair(rng: Generator, split: str, head: float) -> Array:
    """A seamless tile of hair that runs down along y."""
    tone = along(HAIR if split == "train" or rng.random() < 0.6 else UNSEEN_HAIR, rng, 0.02)
    streaks = 0.26 * pink(rng, TILE, TILE, 0.7, (7, 0.8)) + 0.12 * pink(rng, TILE, TILE, 1.4)
    return scaled(tone * (1 + streaks)[..., None] + 0.02, head)


def scaled(tile: Array, head: float) -> Array:
    """The tile with one texel to a pixel for a head that many pixels high (no aliasing when small)."""
    side = max(16, round(TILE * head / HEAD_TEXELS))
    method = cv2.INTER_AREA if side < TILE else cv2.INTER_CUBIC
    resized: Array = cv2.resize(np.clip(tile, 0.01, 1), (side, side), interpolation=method)
    return resized.astype(np.float32)
