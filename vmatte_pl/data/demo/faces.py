"""Heads: face, ears, beard, glasses and hats."""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator

from vmatte_pl.data.demo.canvas import Canvas, Piece
from vmatte_pl.data.demo.hair import Hair
from vmatte_pl.data.demo.motion import Wobble
from vmatte_pl.data.demo.shapes import ellipse, mirrored, points, ribbon, rounded, turned
from vmatte_pl.data.demo.textures import Array, pick

_Put = Callable[[Array], Array]  # from heads to pixels

HATS = ("none", "none", "none", "none", "cap", "beanie")
UNSEEN_HATS = {"valid": ("headband",), "test": ("brim", "headband")}


class Face:
    """One head, hair included.

    Args:
        rng: Source of randomness.
        split: Which kinds of hats may be drawn.
        head: Height of the head in pixels.
        skin: Texture of skin.
        hair: The hair it bears.
        hat_tile: Texture of a hat.
    """

    def __init__(self, rng: Generator, split: str, head: float, skin: Array, hair: Hair, hat_tile: Array) -> None:
        self.head, self.skin, self.hair, self.hat_tile = head, skin, hair, hat_tile
        self.hat = pick(rng, split, HATS, UNSEEN_HATS) if hair.style not in ("afro", "spiky", "bun") else "none"
        jaw, width = rng.uniform(0.85, 1.15), rng.uniform(0.94, 1.08)
        half = ((0.0, -0.5), (0.2, -0.46), (0.32, -0.3), (0.36, -0.08), (0.345, 0.1), (0.3 * jaw, 0.28))
        self.profile = points(*half, (0.2 * jaw, 0.42), (0.08 * jaw, 0.49)) * np.array([width, 1], np.float32)
        self.beard = bool(rng.random() < 0.22)
        self.beard_phase = rng.normal(0, 1, (90, 2)).astype(np.float32)
        self.glasses = bool(rng.random() < 0.2)
        self.blink = float(rng.uniform(0, 3))
        self.mouth = Wobble(rng, 1.0, 1.0, 3.0)
        self.lips = np.clip(skin.mean((0, 1)) * np.array([0.95, 0.62, 0.6], np.float32), 0, 1)
        self.brow = hair.tones[0] * 0.8
        self.eye = np.array([(0.16, 0.1, 0.07), (0.2, 0.3, 0.36), (0.1, 0.08, 0.07)][int(rng.integers(3))], np.float32)

    def paint(self, canvas: Canvas, centre: Array, tilt: float, gaze: float, drag: float, t: float) -> None:
        """Paint the head over the neck; ``gaze`` is its yaw, ``drag`` how far the hair lags behind."""
        h = self.head
        gaze = float(np.clip(gaze, -1.1, 1.1))

        def put(outline: Array) -> Array:
            return centre + turned(outline * h, tilt)

        for side in (-1, 1):
            if side * gaze < 0.45:
                ear = ellipse(points((side * 0.365 - 0.06 * np.sin(gaze), 0.02))[0], 0.055, 0.1, -0.15 * side)
                canvas.paint([Piece(put(ear), centre, tilt)], self.skin, 0.05 * h, 0.1)
        face = mirrored(self.profile)
        face = face + points((0.05 * np.sin(gaze), 0)) * np.clip(face[:, 1:] + 0.3, 0, 1)
        canvas.paint([Piece(put(face), centre, tilt)], self.skin, 0.17 * h, 0.35)
        self._features(canvas, put, gaze, t)
        if self.beard:
            self._beard(canvas, put, centre, tilt, gaze)
        self.hair.front(canvas, centre, tilt, gaze, drag, t)
        self._hat(canvas, put, centre, tilt, gaze)

    def _features(self, canvas: Canvas, put: _Put, gaze: float, t: float) -> None:
        shift, narrow = 0.27 * np.sin(gaze), np.cos(gaze)
        skin = self.skin.mean((0, 1))
        closed = (t + self.blink) % 2.7 < 0.12
        for side in (-1, 1):
            x = shift + side * 0.155 * narrow
            wide = 0.056 * (narrow + 0.25 * (1 - narrow)) * (1 + 0.1 * side * np.sin(gaze))
            canvas.flat(put(ellipse(points((x, -0.03))[0], wide * 1.5, 0.06)), skin * 0.62, 0.3)
            if not closed:
                canvas.flat(
                    put(ellipse(points((x, -0.02))[0], wide, 0.026)),
                    np.array([0.92, 0.9, 0.88], np.float32),
                    0.9,
                )
                canvas.flat(put(ellipse(points((x + 0.015 * np.sin(gaze), -0.02))[0], 0.026, 0.027)), self.eye)
            lid = np.stack(
                [x + np.linspace(-1.1, 1.1, 5) * wide, -0.045 - 0.015 * np.cos(np.linspace(-1.5, 1.5, 5))], 1
            )
            canvas.flat(put(ribbon(lid.astype(np.float32), np.full(5, 0.009, np.float32))), skin * 0.3, 0.85)
            brow = lid * [1.0, 1.0] + [0, -0.075]
            canvas.flat(put(ribbon(brow.astype(np.float32), np.full(5, 0.017, np.float32))), self.brow, 0.8)
        tip = shift * 1.28
        nose = points(
            (shift * 0.9, -0.02),
            (tip + 0.055, 0.13),
            (tip + 0.03, 0.165),
            (tip - 0.05, 0.16),
            (tip - 0.045, 0.12),
        )
        canvas.flat(put(rounded(nose)), skin * 0.72, 0.4)
        canvas.flat(put(ellipse(points((tip, 0.165))[0], 0.05, 0.012)), skin * 0.4, 0.5)
        gap = 0.018 + 0.022 * max(0.0, self.mouth(t))
        mouth = points((shift * 1.15, 0.285))[0]
        canvas.flat(put(ellipse(mouth, 0.105 * narrow, gap + 0.014)), self.lips, 0.85)
        canvas.flat(put(ellipse(mouth, 0.085 * narrow, gap * 0.5)), self.lips * 0.3, 0.9)
        if self.glasses:
            rings = [
                put(ellipse(points((shift + s * 0.155 * narrow, -0.02))[0], 0.1 * narrow + 0.01, 0.085))
                for s in (-1, 1)
            ]
            closed_rings = np.stack([np.concatenate([ring, ring[:1]]) for ring in rings])
            canvas.strands(closed_rings, [self.brow * 0.5], thickness=max(1, round(self.head / 45)))

    def _beard(self, canvas: Canvas, put: _Put, centre: Array, tilt: float, gaze: float) -> None:
        s = 0.2 * np.sin(gaze)
        chin = points((-0.34, 0.05), (-0.3, 0.3), (-0.17, 0.5), (0, 0.55), (0.17, 0.5), (0.3, 0.3), (0.34, 0.05))
        upper = points((0.24, 0.2), (0.1 + s, 0.22), (s, 0.21), (s - 0.1, 0.22), (-0.24, 0.2))
        canvas.paint(
            [Piece(put(rounded(np.concatenate([chin, upper]))), centre, tilt)],
            self.hair.tile,
            0.08 * self.head,
            0.1,
            0.9,
        )
        canvas.flat(put(ellipse(points((s * 1.2, 0.29))[0], 0.075, 0.02)), self.lips * 0.8, 0.8)
        turn = np.linspace(-1.35, 1.35, 90, dtype=np.float32)
        root = np.stack([0.28 * np.sin(turn), 0.12 + 0.4 * np.cos(turn)], 1)
        ends = root + np.stack([0.08 * np.sin(turn), 0.1 * np.cos(turn) + 0.03], 1) + 0.012 * self.beard_phase
        canvas.strands(put(np.stack([root, ends], 1).reshape(-1, 2)).reshape(-1, 2, 2), self.hair.tones)

    def _hat(self, canvas: Canvas, put: _Put, centre: Array, tilt: float, gaze: float) -> None:
        if self.hat == "none":
            return
        h, shift = self.head, 0.25 * np.sin(gaze)
        dome = points(
            (-0.41, -0.2),
            (-0.4, -0.42),
            (-0.22, -0.62),
            (0, -0.66),
            (0.22, -0.62),
            (0.4, -0.42),
            (0.41, -0.2),
        )
        if self.hat == "headband":
            band = points((-0.4, -0.36), (0, -0.42), (0.4, -0.36), (0.41, -0.25), (0, -0.29), (-0.41, -0.25))
            canvas.paint([Piece(put(rounded(band)), centre, tilt)], self.hat_tile, 0.05 * h, 0.2)
            return
        canvas.paint(
            [Piece(put(rounded(np.concatenate([dome, points((0, -0.16))]))), centre, tilt)],
            self.hat_tile,
            0.16 * h,
        )
        if self.hat == "beanie":
            cuff = points((-0.43, -0.32), (0, -0.38), (0.43, -0.32), (0.43, -0.16), (0, -0.2), (-0.43, -0.16))
            canvas.paint([Piece(put(rounded(cuff)), put(cuff[:1])[0], tilt + 0.4)], self.hat_tile * 0.85, 0.06 * h, 0.2)
            canvas.paint([Piece(put(ellipse(points((0, -0.7))[0], 0.09, 0.09)), centre, 0.7)], self.hat_tile, 0.06 * h)
        else:
            wide = 0.34 if self.hat == "cap" else 0.72
            rim = ellipse(points((shift * (1.5 if self.hat == "cap" else 0.2), -0.22))[0], wide, 0.075)
            canvas.paint([Piece(put(rim), centre, tilt)], self.hat_tile * 0.8, 0.05 * h, 0.45)
