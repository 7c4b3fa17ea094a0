"""Footage of places: a camera that pans and zooms over a painted scene, its lens and its film."""

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from vmatte_pl.data.demo.canvas import Light
from vmatte_pl.data.demo.motion import Wobble
from vmatte_pl.data.demo.scenes import SCENES, SEEN, UNSEEN
from vmatte_pl.data.demo.stage import Layer, Stage
from vmatte_pl.data.demo.textures import Array, pick

_MARGIN = 1.4  # how much larger than the picture a scene is painted, for the camera to move in


def ground(rng: Generator, split: str, frames: int, height: int, width: int, fps: float) -> NDArray[np.uint8]:
    """Render one background; with a single frame, a still.

    Shape:
        - output: (T, H, W, 3) RGB.
    """
    stage = _stage(rng, height, width)
    SCENES[pick(rng, split, SEEN, UNSEEN)](stage)
    camera = Camera(rng, height, width)
    layers = [_focused(layer, stage.height) for layer in stage.layers]
    finish = Film(rng, height, width)
    clip = np.empty((frames, height, width, 3), np.uint8)
    for i in range(frames):
        image: Array = np.zeros((height, width, 4), np.float32)
        for k, layer in enumerate(layers):
            shot = camera.shoot(layer, i / fps, k)
            image = shot + image * (1 - shot[..., 3:])
        clip[i] = finish(image[..., :3])
    return clip


def _stage(rng: Generator, height: int, width: int) -> Stage:
    angle = rng.uniform(-2.6, -0.5)
    bright = np.full(3, rng.uniform(0.9, 1.2), np.float32)
    dark = np.full(3, rng.uniform(0.3, 0.55), np.float32)
    light = Light((float(np.cos(angle)), float(np.sin(angle))), bright, dark)
    return Stage(rng, round(height * _MARGIN), round(width * _MARGIN), light)


def _focused(layer: Layer, height: int) -> Layer:
    sigma = layer.blur * height / 100
    if sigma > 0.15:
        layer.rgba = cv2.GaussianBlur(layer.rgba, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    return layer


class Camera:
    """A pan, a slow zoom and an unsteady hand; near layers move more than far ones.

    Args:
        rng: Source of randomness.
        height: Rows of the picture.
        width: Columns of the picture.
    """

    def __init__(self, rng: Generator, height: int, width: int) -> None:
        self.height, self.width = height, width
        travel = 0.3 if rng.random() < 0.6 else 0.05
        self.pan = rng.uniform(-travel, travel, 2) * (height, 0.25 * height)
        self.zoom = float(rng.uniform(0.92, 1.08)), float(rng.normal(0, 0.05))
        self.hand = [Wobble(rng, 0.012 * height, 0.3, 2.0) for _ in range(2)]
        self.start = rng.uniform(-0.06, 0.06, 2) * height
        self.phase = rng.uniform(0, 6, 8)
        y, x = np.mgrid[:height, :width].astype(np.float32)
        self.grid = x, y
        self.eddy = (
            np.sin(x / height * 9 + self.phase[0]) + np.sin((x + 2 * y) / height * 7),
            y / height * 8 + x / height * 5,
        )

    def shoot(self, layer: Layer, t: float, k: int) -> Array:
        """The layer as it stands before the camera at t seconds, (H, W, 4)."""
        tall, wide = layer.rgba.shape[:2]
        scale = (self.zoom[0] + self.zoom[1] * (t - 0.5)) * (1 + 0.1 * layer.near * self.zoom[1] * t)
        hand = np.array([wobble(t) for wobble in self.hand])
        shift = self.start + layer.near * (self.pan * (t - 0.5)) + (0.3 + 0.7 * layer.near) * hand
        shift = shift - np.array(layer.drift) * self.height * t
        origin = np.array([wide, tall]) / 2 + shift - np.array([self.width, self.height]) / 2 * scale
        if layer.sway:
            wind = layer.sway * self.height / 100
            x = (
                self.grid[0] * scale
                + origin[0]
                + wind * np.sin(5 * t + self.phase[k % 8] + self.eddy[1]) * (1 + 0.5 * self.eddy[0])
            )
            y = self.grid[1] * scale + origin[1] + 0.5 * wind * np.sin(4 * t + self.eddy[0])
            shot: Array = cv2.remap(
                layer.rgba,
                x.astype(np.float32),
                y.astype(np.float32),
                cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_REFLECT,
            )
        else:
            matrix = np.array([[scale, 0, origin[0]], [0, scale, origin[1]]])
            flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            shot = cv2.warpAffine(
                layer.rgba, matrix, (self.width, self.height), flags=flags, borderMode=cv2.BORDER_REFLECT
            )
        if layer.flicker:
            shot[..., :3] *= 1 + layer.flicker * np.float32(np.sin(9 * t + self.phase[k % 8]))
        return shot


class Film:
    """Vignette, grading and grain.

    Args:
        rng: Source of randomness.
        height: Rows of the picture.
        width: Columns of the picture.
    """

    def __init__(self, rng: Generator, height: int, width: int) -> None:
        y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
        self.vignette = (1 - rng.uniform(0.05, 0.35) * (x**2 + y**2) / 2)[..., None].astype(np.float32)
        self.gain = (rng.uniform(0.85, 1.15) * (1 + rng.normal(0, 0.05, 3))).astype(np.float32)
        self.gamma = (rng.uniform(0.8, 1.25) * (1 + rng.normal(0, 0.04, 3))).astype(np.float32)
        self.grain = float(rng.uniform(0.004, 0.02))
        self.rng = rng

    def __call__(self, image: Array) -> NDArray[np.uint8]:
        """Develop RGB (H, W, 3) into bytes."""
        graded = np.clip(image * self.vignette * self.gain, 0, 1) ** self.gamma
        graded = (
            graded
            + self.rng.normal(0, self.grain, (*image.shape[:2], 1))
            + self.rng.normal(0, self.grain / 2, image.shape)
        )
        return np.asarray(np.clip(graded * 255 + 0.5, 0, 255), np.uint8)
