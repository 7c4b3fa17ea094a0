"""Hair: masses, locks and single strands that sway behind the head's motion."""

import numpy as np
from numpy.random import Generator

from vmatte_pl.data.demo.canvas import Canvas, Piece
from vmatte_pl.data.demo.motion import Wobble
from vmatte_pl.data.demo.shapes import ellipse, points, ribbon, rounded, turned
from vmatte_pl.data.demo.textures import Array

STYLES = ("short", "short", "long", "long", "ponytail", "curly", "tousled", "bun", "bald")
UNSEEN_STYLES = {"valid": ("bob", "spiky"), "test": ("afro", "locks", "windswept")}

# Per style: strands, their length in heads, curl, how far they stand off, and which part of the skull bears
# them (radians from the crown, to both sides).
_STRANDS = {
    "short": (150, 0.13, 0.0, 0.5, 1.5),
    "long": (240, 1.35, 0.03, 0.12, 1.5),
    "ponytail": (60, 0.2, 0.02, 0.2, 1.4),
    "curly": (320, 0.34, 0.09, 0.9, 1.75),
    "tousled": (260, 0.32, 0.03, 0.8, 1.5),
    "bun": (60, 0.16, 0.02, 0.4, 1.4),
    "bald": (0, 0.1, 0.0, 0.5, 1.0),
    "bob": (240, 0.72, 0.02, 0.22, 1.55),
    "spiky": (260, 0.36, 0.0, 1.3, 1.35),
    "afro": (520, 0.42, 0.06, 1.5, 1.9),
    "locks": (60, 1.1, 0.03, 0.25, 1.5),
    "windswept": (300, 1.15, 0.04, 0.5, 1.5),
}
_HANGING = ("long", "bob", "locks", "windswept")


class Hair:
    """One head of hair.

    Args:
        rng: Source of randomness.
        style: One of ``STYLES`` or ``UNSEEN_STYLES``.
        tile: Texture of hair.
        head: Height of the head in pixels.
    """

    def __init__(self, rng: Generator, style: str, tile: Array, head: float) -> None:
        self.style, self.tile, self.head = style, tile, head
        count, length, self.curl, self.lift, reach = _STRANDS[style]
        self.angle = (rng.uniform(-reach, reach, count) * rng.uniform(0.75, 1.0, count)).astype(np.float32)
        self.length = (length * rng.uniform(0.55, 1.1, count)).astype(np.float32)
        self.depth = rng.uniform(0.82, 1.02, count).astype(np.float32)
        self.phase = rng.uniform(0, 2 * np.pi, (2, count)).astype(np.float32)
        self.stray = np.clip(rng.standard_t(2.5, count), -4, 4).astype(np.float32)
        self.volume = float(rng.uniform(0.06, 0.2))
        self.apart = (self.volume * np.abs(rng.normal(0, 1, count))).astype(np.float32)
        self.wind = Wobble(rng, 0.5 if style != "windswept" else 0.9, 0.4, 1.6)
        self.breeze = float(rng.normal(0, 0.12)) + (float(rng.choice([-0.7, 0.7])) if style == "windswept" else 0)
        tone = tile.mean((0, 1))
        self.tones = [tone * 0.6, tone * 0.95, np.clip(tone * 1.4 + 0.04, 0, 1)]
        self.rough = rng.normal(0, 1, 40).astype(np.float32)
        self.fringe = float(rng.uniform(-0.34, -0.2))
        self.parting = float(rng.uniform(-0.14, 0.14))

    def back(self, canvas: Canvas, centre: Array, tilt: float, drag: float, t: float) -> None:
        """Paint what falls behind neck and shoulders."""
        h = self.head
        if self.style in _HANGING:
            length = float(np.quantile(self.length, 0.6)) if len(self.length) else 1.0
            width = 0.4 + 0.8 * self.volume + 0.1 * self.lift
            sway = (drag + self.breeze + 0.25 * self.wind(t)) * length
            mass = points((0, -0.5), (0.3, -0.42), (width, -0.05), (width + 0.02 + sway * 0.4, length * 0.45))
            left = points((-width - 0.02 + sway * 0.4, length * 0.45), (-width, -0.05), (-0.3, -0.42))
            ends = points((width * 0.7 + sway, length * 0.78), (sway, length * 0.7), (sway - width * 0.7, length * 0.8))
            outline = rounded(np.concatenate([mass, ends, left]))
            canvas.paint([Piece(centre + turned(outline * h, tilt), centre, tilt)], self.tile, 0.14 * h, 0.1)
        if self.style == "ponytail":
            self._tail(canvas, centre, tilt, drag, t)
        if self.style == "bun":
            knot = centre + turned(points((self.parting * 0.6, -0.58)) * h, tilt)[0]
            canvas.paint([Piece(ellipse(knot, 0.2 * h, 0.17 * h), knot, 0.9)], self.tile, 0.09 * h)

    def front(self, canvas: Canvas, centre: Array, tilt: float, gaze: float, drag: float, t: float) -> None:
        """Paint the cap over the skull and every single strand."""
        if self.style == "bald":
            return
        h = self.head
        canvas.paint([Piece(centre + turned(self._cap(gaze) * h, tilt), centre, tilt)], self.tile, 0.12 * h, 0.25)
        canvas.strands(self._paths(centre, tilt, drag, t), self.tones, thickness=2 if self.style == "locks" else 1)

    def _cap(self, gaze: float) -> Array:
        """Outline of the hair on the skull, with the hairline over the forehead, in heads."""
        turn = np.linspace(-1.75, 1.75, 26, dtype=np.float32)
        puff = {"afro": 0.24, "curly": 0.1, "tousled": 0.05, "spiky": 0.04}.get(self.style, 0.015)
        rough = {"afro": 0.012, "curly": 0.022, "tousled": 0.025, "spiky": 0.03}.get(self.style, 0.007)
        radius = 1 + 2 * puff + 2 * rough * self.rough[:26]
        outer = np.stack([0.385 * radius * np.sin(turn), -0.07 - 0.455 * radius * np.cos(turn)], 1)
        shift = 0.16 * np.sin(gaze)
        line = np.linspace(0.33, -0.33, 12, dtype=np.float32)
        brow = self.fringe + 0.16 * (np.abs(line - self.parting) / 0.33) ** 2.2 + 0.012 * self.rough[26:38]
        inner = np.stack([line + shift * (1 - (line / 0.4) ** 2), brow], 1)
        return np.concatenate([outer, inner]).astype(np.float32)

    def _paths(self, centre: Array, tilt: float, drag: float, t: float) -> Array:
        """Courses (n, 9, 2) of the strands: out of the skull, down by weight, aside by drag and wind."""
        tau = np.linspace(0, 1, 9, dtype=np.float32)[None]
        out = np.stack([np.sin(self.angle), -np.cos(self.angle)], 1)
        puff = {"afro": 1.4, "curly": 1.15}.get(self.style, 1.0)
        root = out * np.array([0.37, 0.44], np.float32) * (self.depth * puff)[:, None] + np.array(
            [0, -0.08], np.float32
        )
        length = self.length[:, None]
        heavy = np.clip(1.25 - self.lift, 0.02, 1.0) if self.style in _HANGING else 0.25 / (0.4 + self.lift)
        sway = drag + self.breeze + 0.22 * self.wind(t) + 0.05 * np.sin(self.phase[0] + 4 * t)
        curl = self.curl * np.sin(self.phase[1][:, None] + 11 * tau * (1 + length))
        flow = np.sin(np.pi * np.clip(tau * 1.2, 0, 1))
        side = np.sign(self.angle)[:, None]
        x = root[:, :1] + out[:, :1] * self.lift * length * 0.5 * tau + side * 0.09 * flow * heavy
        y = root[:, 1:] + out[:, 1:] * self.lift * length * 0.5 * tau * (1 - 0.3 * tau * heavy)
        if self.style in _HANGING:  # down past the ears, not across the face
            fall = np.clip(tau / 0.4, 0, 1) ** 0.7
            x = x + fall * (side * (0.36 + self.apart[:, None] * (0.6 + tau)) - x)
        x = x + sway[:, None] * length * tau**1.7 + 0.04 * self.stray[:, None] * tau**1.5 * (0.4 + length) + curl * tau
        y = y + heavy * length * tau**1.3 + curl * 0.5 * tau
        return centre + turned(np.stack([x, y], -1).reshape(-1, 2) * self.head, tilt).reshape(*x.shape, 2)

    def _tail(self, canvas: Canvas, centre: Array, tilt: float, drag: float, t: float) -> None:
        tau = np.linspace(0, 1, 10, dtype=np.float32)
        side = 1.0 if self.parting > 0 else -1.0
        swing = 1.3 * drag + 0.3 * self.wind(t)
        x = side * (0.3 + 0.28 * np.sin(2.2 * tau)) + swing * tau**1.5
        spine = np.stack([x, -0.3 + 1.25 * tau**1.15], 1) * self.head
        spine = centre + turned(spine.astype(np.float32), tilt)
        radius = (0.11 * np.sin(np.pi * np.clip(0.25 + 0.75 * tau, 0, 1)) + 0.01) * self.head
        canvas.paint([Piece(ribbon(spine, radius), centre, tilt)], self.tile, 0.06 * self.head)
        n = 60
        spread = (
            np.linspace(-1, 1, n)[:, None] * (0.3 + tau[None] ** 2) * 0.17
            + 0.02 * np.sin(9 * tau + 5 * np.arange(n)[:, None])
        ) * self.head
        loose = np.stack(
            [spine[None, :, 0] + spread, np.broadcast_to(spine[:, 1], spread.shape) + 0.25 * np.abs(spread)],
            -1,
        )
        canvas.strands(loose.astype(np.float32), self.tones)
