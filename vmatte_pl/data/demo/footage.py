"""Footage of people: framing, shutter, lens and film."""

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from vmatte_pl.data.demo.canvas import Canvas, Light, unfold
from vmatte_pl.data.demo.people import Person
from vmatte_pl.data.demo.textures import Array

FPS = 24
ZOOM = 1.5  # people are painted this much finer than they are kept
_FRAMINGS = {
    "bust": (0.40, 0.56),
    "half": (0.27, 0.38),
    "knees": (0.165, 0.21),
    "full": (0.105, 0.122),
}  # head height


def people(
    rng: Generator, split: str, frames: int, height: int, width: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Render one clip of people.

    Shape:
        - outputs: (T, H, W, 3) straight RGB, carried on beyond the silhouette, and (T, H, W) alpha.
    """
    angle = rng.uniform(-2.6, -0.5)
    warm = rng.uniform(-0.06, 0.06) * np.array([1, 0.1, -1], np.float32)
    light = Light(
        towards=(float(np.cos(angle)), float(np.sin(angle))),
        bright=(rng.uniform(1.0, 1.25) * (1 + warm)).astype(np.float32),
        dark=(rng.uniform(0.22, 0.5) * (1 - 1.2 * warm)).astype(np.float32),
    )
    cast = _cast(rng, split, round(height * ZOOM), round(width * ZOOM))
    lens = float(rng.uniform(0.35, 1.0)) * height / 144
    shutter = float(rng.uniform(0.4, 0.8)) / FPS
    grain = float(rng.uniform(0.004, 0.016))
    fgr = np.empty((frames, height, width, 3), np.uint8)
    pha = np.empty((frames, height, width), np.uint8)
    for i in range(frames):
        rgba = _expose(cast, light, i / FPS, shutter, height, width)
        rgba = cv2.GaussianBlur(rgba, (0, 0), max(lens, 0.2))
        colour, alpha = unfold(rgba)
        colour = colour + rng.normal(0, grain, (height, width, 1)) + rng.normal(0, grain / 2, colour.shape)
        fgr[i] = np.clip(colour * 255 + 0.5, 0, 255)
        pha[i] = np.clip(alpha * 255 + 0.5, 0, 255)
    return fgr, pha


def _cast(rng: Generator, split: str, height: int, width: int) -> list[Person]:
    """Who is in the clip, where they stand and how large they are, the farthest first."""
    framing = str(rng.choice(list(_FRAMINGS), p=[0.15, 0.4, 0.2, 0.25]))
    count = 1 if framing == "bust" or rng.random() < 0.72 else 2
    low, high = _FRAMINGS[framing]
    people = []
    for k in range(count):
        head = float(rng.uniform(low, high)) * height * (0.9 if count > 1 and k == 0 else 1.0)
        if framing == "full":
            y = height * rng.uniform(0.9, 0.97) - 6.25 * head
        else:
            y = height * rng.uniform(0.08, 0.2) + 1.3 * head
        x = width * (rng.uniform(0.25, 0.75) if count == 1 else rng.uniform(0.18, 0.36) + 0.44 * k)
        people.append(Person(rng, split, (float(x), float(y)), head, float(rng.uniform(0.5, 1.4))))
    return people


def _expose(cast: list[Person], light: Light, t: float, shutter: float, height: int, width: int) -> Array:
    """Average what passes before the camera while the shutter is open, in premultiplied colour."""
    speed = max(_speed(person, t, shutter) for person in cast) / ZOOM
    instants = int(np.clip(np.ceil(speed / 2), 1, 8))
    total: Array = np.zeros((height, width, 4), np.float32)
    for k in range(instants):
        canvas = Canvas(round(height * ZOOM), round(width * ZOOM), light)
        for person in cast:
            person.paint(canvas, t + shutter * (k + 0.5) / instants)
        total += canvas.rgba(height, width)
    return total / instants


def _speed(person: Person, t: float, shutter: float) -> float:
    """About how many pixels the person's fastest part moves while the shutter is open."""
    a, b = person.motion(t), person.motion(t + shutter)
    limbs = max(
        abs(x - y)
        for p, q in ((a.arms, b.arms), (a.legs, b.legs))
        for u, v in zip(p, q, strict=True)
        for x, y in zip(u, v, strict=True)
    )
    return person.head * (2.0 * limbs + abs(a.x - b.x) + abs(a.y - b.y) + abs(a.yaw - b.yaw))
