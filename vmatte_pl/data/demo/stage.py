"""What scenes are painted on: layers at several depths, under one light."""

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.random import Generator

from vmatte_pl.data.demo import textures
from vmatte_pl.data.demo.canvas import Canvas, Light, Piece
from vmatte_pl.data.demo.shapes import points
from vmatte_pl.data.demo.textures import CLOTHS, Array, pink


@dataclass
class Layer:
    """One depth of a scene.

    Shape:
        - rgba: (H, W, 4), premultiplied.
    """

    rgba: Array
    near: float  # 0 is infinitely far and stands still under a pan, 1 moves with it
    blur: float  # standard deviation of its defocus, in hundredths of the scene's height
    drift: tuple[float, float] = (0.0, 0.0)  # own motion, in scene heights a second
    sway: float = 0.0  # leaves in the wind, in hundredths of the scene's height
    flicker: float = 0.0  # relative change of brightness


@dataclass
class Stage:
    """What the painters of scenes share: a size, a light and a source of randomness."""

    rng: Generator
    height: int
    width: int
    light: Light
    layers: list[Layer] = field(default_factory=list)

    @property
    def wide(self) -> float:
        """The width in heights; every place on stage is in heights."""
        return self.width / self.height

    def canvas(self) -> Canvas:
        """A new empty layer to paint on."""
        return Canvas(self.height, self.width, self.light)

    def put(self, canvas: Canvas, near: float, blur: float, **moves: object) -> None:
        """Add a painted layer in front of those before it."""
        self.layers.append(Layer(cv2.merge(list(canvas.planes)), near, blur, **moves))  # type: ignore[arg-type]

    def backdrop(self, image: Array, near: float, blur: float, **moves: object) -> None:
        """Add an opaque layer from RGB (H, W, 3)."""
        rgba = np.concatenate([np.clip(image, 0, 1.2), np.ones((*image.shape[:2], 1), np.float32)], 2)
        self.layers.append(Layer(rgba.astype(np.float32), near, blur, **moves))  # type: ignore[arg-type]

    def noise(self, beta: float, stretch: tuple[float, float] = (1.0, 1.0)) -> Array:
        """1/f noise over the whole stage."""
        return pink(self.rng, self.height, self.width, beta, stretch)

    def ramp(self, top: Array, bottom: Array, rough: float = 0.06) -> Array:
        """A vertical gradient with cloudy unevenness."""
        y = np.linspace(0, 1, self.height, dtype=np.float32)[:, None, None]
        image = top + y * (bottom - top)
        return image * (1 + rough * self.noise(1.2))[..., None]

    def cloth(self, kind: str | None = None) -> Array:
        """A cloth of random kind, in the scale of furniture."""
        kind = kind or str(self.rng.choice(CLOTHS))
        return textures.cloth(self.rng, kind, self.height * self.rng.uniform(0.15, 0.4))

    def plain(self, colour: Array, rough: float = 0.1, stretch: tuple[float, float] = (1.0, 1.0)) -> Array:
        """A tile of one colour with a natural grain: wood, plaster, stone."""
        grain = 1 + rough * pink(self.rng, textures.TILE, textures.TILE, 1.0, stretch)
        return np.clip(colour * grain[..., None], 0, 1).astype(np.float32)

    def box(self, canvas: Canvas, x: float, y: float, w: float, h: float, tile: Array, volume: float = 0.01) -> None:
        """A box seen from the front."""
        corners = points((x, y), (x + w, y), (x + w, y + h), (x, y + h)) * self.height
        canvas.paint([Piece(corners, corners[0])], tile, volume * self.height, 0.25)
