"""Light, colour and grain of a window's frames."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from vmatte_pl.data.images import Pixels

_LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601
_QUANTILES = np.array([NormalDist().inv_cdf((byte + 0.5) / 256) for byte in range(256)])


def ease(frames: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw how something goes from 0 at the first frame to 1 at the last: evenly, faster or slower."""
    return np.asarray(np.linspace(0, 1, frames) ** np.exp(rng.uniform(-0.7, 0.7)), np.float64)


@dataclass(frozen=True, slots=True)
class Light:
    """How a camera sees light: exposure and white balance, then gamma, contrast, saturation.

    Args:
        gain: (T, 3) factors of red, green and blue; exposure may drift over the frames.
        gamma: Exponent of the tone curve.
        contrast: Slope of the tone curve around the middle.
        saturation: 0 is grey, 1 leaves colours as they are.
    """

    gain: NDArray[np.float64]
    gamma: float
    contrast: float
    saturation: float

    @classmethod
    def draw(cls, frames: int, strength: float, rng: np.random.Generator) -> Self:
        """Draw one; at strength 1 the exposure varies by about a third of a stop."""
        stops, drift, warmth, tint, gamma, contrast, saturation = rng.normal(0, strength, 7) * (
            (0.3, 0.06, 0.06, 0.03, 0.12, 0.12, 0.2)
        )
        exposure = np.exp2(stops + drift * ease(frames, rng))
        gain = exposure[:, None] * np.exp([warmth, tint, -warmth])
        return cls(gain, float(np.exp(gamma)), float(np.exp(contrast)), float(np.exp(saturation)))

    def curve(self, levels: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map (T, N, 3) levels in [0, 1] to what the camera makes of them, in [0, 1]."""
        levels = np.clip(levels * self.gain[:, None], 0, 1) ** self.gamma
        return np.clip((levels - 0.5) * self.contrast + 0.5, 0, 1)


def relight(frames: Pixels, lights: Sequence[Light]) -> Pixels:
    """See (T, H, W, 3) frames under one light after the other."""
    levels = np.broadcast_to(np.linspace(0, 1, 256)[:, None], (len(frames), 256, 3))
    for light in lights:
        levels = light.curve(levels)
    tables = np.rint(255 * levels).astype(np.uint8)
    saturation = float(np.prod([light.saturation for light in lights]))
    mix = saturation * np.eye(3) + (1 - saturation) * _LUMA
    lit = np.empty_like(frames)
    for frame, table, out in zip(frames, tables, lit, strict=True):
        cv2.LUT(cv2.transform(frame, mix), table[None], dst=out)
    return lit


@dataclass(frozen=True, slots=True)
class Grain:
    """A sensor's noise, another in every frame of a window.

    Args:
        brighter: What it adds, levels one after another.
        darker: What it takes away.
        starts: (T,) where among them each frame begins.
    """

    brighter: Pixels
    darker: Pixels
    starts: NDArray[np.int64]

    @classmethod
    def draw(cls, shape: tuple[int, ...], deviation: float, rng: np.random.Generator) -> Self:
        """Draw the noise of (T, H, W, 3) frames; ``deviation`` is of 255.

        From the fifth frame on it is that of earlier ones from another pixel on.
        """
        frames, levels = shape[0], math.prod(shape[1:])
        fresh = min(4, frames)
        # Bytes, eight at a time, each of which stands for a 256th of a normal distribution: quicker than to sample it.
        drawn = rng.integers(2**64 - 1, size=fresh * levels // 8 + 1, dtype=np.uint64, endpoint=True).view(np.uint8)
        levels_of = np.clip(np.rint(deviation * _QUANTILES), -255, 255)
        added, taken = (np.maximum(sign * levels_of, 0).astype(np.uint8) for sign in (1, -1))
        brighter, darker = (np.asarray(cv2.LUT(drawn[None], table[None]), np.uint8)[0] for table in (added, taken))
        later = rng.integers((fresh - 1) * levels + 1, size=frames - fresh)
        starts = np.concatenate([levels * np.arange(fresh), later])
        return cls(brighter, darker, starts)

    def on(self, frames: Pixels) -> Pixels:
        """Add it to (T, H, W, 3) frames, within 0 to 255."""
        grainy = np.empty_like(frames)
        for frame, start, out in zip(frames, self.starts, grainy, strict=True):
            levels = slice(start, start + frame.size)
            cv2.add(frame, self.brighter[levels].reshape(frame.shape), dst=out)
            cv2.subtract(out, self.darker[levels].reshape(frame.shape), dst=out)
        return grainy
