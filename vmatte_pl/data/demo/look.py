"""What a person looks like, and the person at one instant."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from vmatte_pl.data.demo import textures
from vmatte_pl.data.demo.canvas import Canvas, Piece
from vmatte_pl.data.demo.motion import Pose, Wobble
from vmatte_pl.data.demo.shapes import points, rounded, turned
from vmatte_pl.data.demo.textures import CLOTHS, UNSEEN_CLOTHS, Array, pick

TOPS = ("tee", "tee", "long", "long", "jacket", "tank", "coat", "dress")
UNSEEN_TOPS = {"valid": ("hoodie",), "test": ("hoodie", "poncho")}
BOTTOMS = ("trousers", "trousers", "wide", "shorts", "skirt")
PROPS = ("none", "none", "none", "none", "cup", "book", "bag", "ball")
UNSEEN_PROPS = {"valid": ("balloon",), "test": ("umbrella", "balloon")}


class Look:
    """Build, skin and clothes; lengths are in heights of the head.

    Args:
        rng: Source of randomness.
        split: "train", "valid" or "test"; each has kinds of cloth and clothes of its own.
        head: Height of the head in pixels.
        lively: How much loose cloth moves; 1 is usual.
    """

    def __init__(self, rng: Generator, split: str, head: float, lively: float) -> None:
        self.head = head
        self.girth = float(rng.uniform(0.85, 1.3))
        self.shoulder = float(rng.uniform(0.76, 1.0))
        self.hip = float(rng.uniform(0.62, 0.8)) * self.girth**0.6
        self.waist = float(rng.uniform(0.52, 0.66)) * self.girth
        self.limb = float(rng.uniform(0.85, 1.15)) * self.girth**0.5

        def cloth() -> Array:
            return textures.cloth(rng, pick(rng, split, CLOTHS, UNSEEN_CLOTHS), head)

        self.skin = textures.skin(rng, head)
        self.cloth, self.inner, self.trousers, self.extra = cloth(), cloth(), cloth(), cloth()
        self.shoe = np.broadcast_to(textures.cloth_colour(rng), (16, 16, 3)).astype(np.float32)
        self.top = pick(rng, split, TOPS, UNSEEN_TOPS)
        self.bottom = "skirt" if self.top == "dress" else str(rng.choice(BOTTOMS))
        self.scarf = bool(rng.random() < 0.2)
        self.printed = bool(rng.random() < 0.4)
        self.logo = rounded(rng.normal(0, 0.2, (6, 2)).astype(np.float32) + points((0, 0.75)))
        self.prop = pick(rng, split, PROPS, UNSEEN_PROPS)
        self.prop_hand = int(rng.integers(2))
        self.spread = float(rng.uniform(0.1, 0.3))
        self.hem = [Wobble(rng, 0.12 * lively, 0.6, 2.0) for _ in range(5)]

    @property
    def accent(self) -> Array:
        """The colour of prints, buttons and fringes, (3,)."""
        return np.asarray(self.extra.mean((0, 1)))

    def ruffle(self, t: float, n: int) -> Array:
        """How far n points along a loose hem are displaced at t seconds."""
        return np.array([self.hem[k % 5](t + 0.1 * k) for k in range(n)], np.float32)


@dataclass(frozen=True)
class Instant:
    """A person before the canvas at one instant."""

    canvas: Canvas
    look: Look
    pose: Pose
    t: float  # seconds into the clip
    neck: Array  # (2,) pixels
    drag: float  # how far loose cloth and hair lag behind, positive to the right

    def on_trunk(self, shape: Array) -> Array:
        """Points in heads from the neck, in the frame of the trunk, brought into the picture."""
        return self.neck + turned(shape * self.look.head, -self.pose.lean)

    def drape(self, shape: Array, tile: Array, volume: float, shadow: float = 0.3, slant: float = 0.0) -> None:
        """Paint a piece of cloth, or skin, that follows the trunk."""
        piece = Piece(self.on_trunk(shape), self.neck, slant - self.pose.lean)
        self.canvas.paint([piece], tile, volume * self.look.head, shadow)
