"""Outlines: rounded polygons, capsules and tubes."""

from functools import cache

import numpy as np

from vmatte_pl.data.demo.textures import Array


def points(*pairs: tuple[float, float]) -> Array:
    """Points (n, 2) from pairs."""
    return np.array(pairs, np.float32)


def down(angle: float, length: float = 1.0) -> Array:
    """The vector of a bone: 0 hangs straight down, positive swings to the right of the picture."""
    return np.array([np.sin(angle) * length, np.cos(angle) * length], np.float32)


def turned(outline: Array, angle: float) -> Array:
    """Points given in a bone's frame (x across, y along it) turned into the picture."""
    c, s = np.cos(angle), np.sin(angle)
    return outline @ np.array([[c, -s], [s, c]], np.float32)


def rounded(corners: Array, steps: int = 6) -> Array:
    """A closed Catmull-Rom curve through the corners.

    Shape:
        - corners: (n, 2).
        - output: (n * steps, 2).
    """
    p0, p1, p2, p3 = (np.roll(corners, k, 0)[:, None] for k in (1, 0, -1, -2))
    t = np.linspace(0, 1, steps, endpoint=False, dtype=np.float32)[None, :, None]
    curve = p1 + 0.5 * t * (p2 - p0 + t * (2 * p0 - 5 * p1 + 4 * p2 - p3 + t * (3 * (p1 - p2) + p3 - p0)))
    return curve.reshape(-1, 2).astype(np.float32)


def mirrored(profile: Array, steps: int = 4) -> Array:
    """A closed, rounded outline from half widths: rows of (half width, y), from top to bottom."""
    left = profile[::-1] * np.array([-1, 1], np.float32)
    return rounded(np.concatenate([profile, left]), steps)


@cache
def _circle(n: int) -> Array:
    t = np.linspace(0, 2 * np.pi, n, endpoint=False, dtype=np.float32)
    return np.stack([np.cos(t), np.sin(t)], 1)


def ellipse(centre: Array, across: float, along: float, angle: float = 0.0, n: int = 24) -> Array:
    """An ellipse with half axes across and along the bone's direction."""
    return centre + turned(_circle(n) * np.array([across, along], np.float32), angle)


# A capsule's constants: how far down the bone its sides are sampled, their bulge, and its round ends.
_DOWN = np.linspace(0, 1, 7, dtype=np.float32)[:, None]
_BULGE = np.sin(np.pi * np.clip(_DOWN * 1.3, 0, 1)).astype(np.float32)
_END = _circle(12)[1:6]


def capsule(start: Array, end: Array, r0: float, r1: float, bulge: float = 0.0) -> Array:
    """A limb: round at both ends, from radius r0 to r1, thicker by ``bulge`` at its upper third."""
    axis = end - start
    along = axis / max(float(np.hypot(axis[0], axis[1])), 1e-3)
    across = np.array([-along[1], along[0]], np.float32)
    spine = start + _DOWN * axis
    side = (r0 + (r1 - r0) * _DOWN + bulge * _BULGE) * across
    turn = _END @ np.stack([across, along])
    return np.concatenate([spine + side, end + r1 * turn, (spine - side)[::-1], start - r0 * turn]).astype(np.float32)


def ribbon(spine: Array, radius: Array) -> Array:
    """A tube of varying radius around a smooth spine (n, 2); it must not cross itself."""
    along = np.gradient(spine, axis=0)
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-6)
    across = np.stack([-along[:, 1], along[:, 0]], 1) * radius[:, None]
    return np.concatenate([spine + across, (spine - across)[::-1]]).astype(np.float32)
