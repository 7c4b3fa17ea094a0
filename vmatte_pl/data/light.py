"""Light, colour and grain of a window's frames."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from vmatte_pl.data.frames import Pixels

_LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601


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
    return np.stack(
        [cv2.LUT(cv2.transform(frame, mix), table[None]) for frame, table in zip(frames, tables, strict=True)]
    )


def draw_grain(shape: tuple[int, ...], deviation: float, rng: np.random.Generator) -> NDArray[np.int16]:
    """Draw sensor noise, another in every frame; ``deviation`` is of 255.

    From the fifth frame on it is that of an earlier one, shifted: drawing costs more than all else of a window.
    """
    fresh = (deviation * rng.standard_normal((min(4, shape[0]), *shape[1:]), np.float32)).astype(np.int16)
    later = [np.roll(fresh[t % 4], tuple(rng.integers(shape[1:3])), axis=(0, 1)) for t in range(len(fresh), shape[0])]
    return np.concatenate([fresh, np.stack(later)]) if later else fresh


def add_grain(frames: Pixels, grain: NDArray[np.int16]) -> Pixels:
    """Add noise to (T, H, W, 3) frames, within 0 to 255."""
    rows = (-1, *frames.shape[2:])  # OpenCV takes one image: the frames below each other
    total = cv2.add(frames.reshape(rows), grain.reshape(rows), dtype=cv2.CV_8U)
    return np.asarray(total, np.uint8).reshape(frames.shape)
