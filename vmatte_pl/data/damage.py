"""What lenses and codecs do to a picture, drawn once a window: blur, sharpening, lost resolution, JPEG blocks."""

import os
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vmatte_pl.data.images import Pixels
from vmatte_pl.data.light import ease

_DEFOCUS = 0.008  # of the picture's height: the largest standard deviation of blur at strength 1


@dataclass(frozen=True, slots=True)
class Damage:
    """Blur layers as a lens does, the subject's alpha with it; then treat the composition as a camera's codec does.

    Args:
        strength: 0 does nothing; at 1 about a third of the windows get each fault; more means more and worse.
    """

    strength: float

    def __post_init__(self) -> None:
        _codec(self.strength)  # imported once, before workers are forked off, not in each of them

    def __call__(
        self, fgr: Pixels, pha: Pixels, bgr: Pixels, rng: np.random.Generator
    ) -> tuple[Pixels, Pixels, Pixels, Pixels]:
        """Damage the layers of one window.

        Shape:
            - fgr, bgr: (T, H, W, 3), 0 to 255.
            - pha: (T, H, W), 0 to 255.
            - outputs: fgr, pha, bgr, and their composition with what the codec did to it.
        """
        near, far = self._focus(pha.shape, rng), self._focus(pha.shape, rng)
        if near is not None:
            fgr, pha = _blur_subject(fgr, pha, near)
        if far is not None:
            bgr = np.stack([_blur(frame, sigma) for frame, sigma in zip(bgr, far, strict=True)])
        com = compose_bytes(fgr, pha, bgr)
        for transform in _codec(self.strength):
            # One by one: seeded as a whole, albumentations' Compose draws the same for each of them.
            transform.set_random_seed(int(rng.integers(2**31)))
            com = np.asarray(transform(images=com)["images"], np.uint8)
        return fgr, pha, bgr, com

    def _focus(self, shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float64] | None:
        """Draw how the focus is pulled: the blur's standard deviation in each frame, in pixels."""
        frames, height = shape[:2]
        first, last = rng.uniform(0, self.strength * _DEFOCUS * height, 2)
        path = first + (last - first) * ease(frames, rng)
        return path if rng.random() < 0.3 * self.strength else None


def compose_bytes(fgr: Pixels, pha: Pixels, bgr: Pixels) -> Pixels:
    """Lay (*, H, W, 3) over another with an alpha of (*, H, W), all 0 to 255, and round to whole levels."""
    share = pha[..., None].astype(np.uint32)
    return np.asarray((fgr * share + bgr * (255 - share) + 127) // 255, np.uint8)


@lru_cache(maxsize=4)
def _codec(strength: float) -> list[Any]:
    """Make the transforms that all frames of a window share."""
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it would ask the network for a newer version
    import albumentations  # takes seconds, and only those who damage need it

    often = min(1.0, 0.3 * strength)
    return [
        albumentations.Downscale(scale_range=(min(max(0.2, 1 - 0.5 * strength), 0.9), 0.9), p=0.5 * often),
        albumentations.Sharpen(alpha=(0.1, min(1.0, 0.1 + 0.3 * strength)), lightness=(1.0, 1.0), p=often),
        albumentations.ImageCompression(quality_range=(max(10, round(90 - 55 * strength)), 90), p=often),
    ]


def _blur(frame: Pixels, sigma: float) -> Any:
    return cv2.GaussianBlur(frame, (0, 0), sigma) if sigma > 0.1 else frame


def _blur_subject(fgr: Pixels, pha: Pixels, sigmas: NDArray[np.float64]) -> tuple[Pixels, Pixels]:
    """Blur premultiplied colour, so that what lies under the background's part does not bleed into the edge."""
    colours, alphas = [], []
    for colour, alpha, sigma in zip(fgr, pha, sigmas, strict=True):
        if sigma <= 0.1:
            colours.append(colour)
            alphas.append(alpha)
            continue
        share = alpha[..., None].astype(np.float32) / 255
        spread = _blur(np.concatenate([colour * share, share], axis=2), sigma)
        seen = spread[..., 3:]
        straight = np.where(seen > 1 / 255, spread[..., :3] / np.maximum(seen, 1 / 255), colour)
        colours.append(np.clip(np.rint(straight), 0, 255).astype(np.uint8))
        alphas.append(np.clip(np.rint(255 * seen[..., 0]), 0, 255).astype(np.uint8))
    return np.stack(colours), np.stack(alphas)
