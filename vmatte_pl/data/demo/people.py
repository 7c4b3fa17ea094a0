"""People, painted at any instant of their motion from back to front."""

import numpy as np
from numpy.random import Generator

from vmatte_pl.data.demo import textures
from vmatte_pl.data.demo.canvas import Canvas, Piece
from vmatte_pl.data.demo.faces import Face
from vmatte_pl.data.demo.hair import STYLES, UNSEEN_STYLES, Hair
from vmatte_pl.data.demo.limbs import LONG_SLEEVES, paint_arm, paint_legs
from vmatte_pl.data.demo.look import Instant, Look
from vmatte_pl.data.demo.motion import ACTIONS, UNSEEN_ACTIONS, Motion
from vmatte_pl.data.demo.shapes import capsule, ellipse, mirrored, points, ribbon, rounded, turned
from vmatte_pl.data.demo.textures import Array, pick


class Person:
    """One person and their motion; everything about them is drawn from ``rng`` when they are made.

    Args:
        rng: Source of randomness.
        split: "train", "valid" or "test"; each has kinds of hair, clothes and motion of its own.
        place: Where the neck is, in pixels, x and y.
        head: Height of the head in pixels.
        lively: How much they move; 1 is usual.
    """

    def __init__(self, rng: Generator, split: str, place: tuple[float, float], head: float, lively: float) -> None:
        self.place, self.head = points(place)[0], head
        self.motion = Motion(rng, pick(rng, split, ACTIONS, UNSEEN_ACTIONS), lively)
        self.look = Look(rng, split, head, lively)
        style = pick(rng, split, STYLES, UNSEEN_STYLES)
        hair = Hair(rng, style, textures.hair(rng, split, head), head)
        self.face = Face(rng, split, head, self.look.skin, hair, self.look.extra)

    def paint(self, canvas: Canvas, t: float) -> None:
        """Paint the person as they stand t seconds into the clip."""
        pose, before = self.motion(t), self.motion(t - 0.12)
        neck = self.place + self.head * points((pose.x, pose.y))[0]
        drag = float(np.clip(2.2 * (before.x - pose.x) + 0.5 * (before.yaw - pose.yaw), -0.9, 0.9))
        body = Instant(canvas, self.look, pose, t, neck, drag)
        tilt = pose.nod - 0.5 * pose.lean
        centre = neck + turned(points((0.12 * np.sin(pose.yaw), -0.72)) * self.head, tilt)[0]
        far = -1 if abs(pose.yaw) < 0.4 else int(pose.yaw > 0)
        self.face.hair.back(canvas, centre, tilt, drag, t)
        if far >= 0:
            paint_arm(body, far)
        paint_legs(body)
        _paint_trunk(body)
        _paint_throat(body, centre)
        self.face.paint(canvas, centre, tilt, pose.yaw + pose.gaze, drag, t)
        for side in (0, 1):
            if side != far:
                paint_arm(body, side)


def _paint_trunk(body: Instant) -> None:
    look, top = body.look, body.look.top
    turn = 0.68 + 0.32 * np.cos(body.pose.yaw)
    outline = _trunk(body, turn)
    opened = top in ("jacket", "coat")
    body.drape(outline, look.inner if opened else look.cloth, 0.3, 0.35)
    shift = points((0.3 * np.sin(body.pose.yaw), 0))
    if look.printed and top in ("tee", "hoodie", "tank"):
        body.canvas.flat(body.on_trunk(look.logo * points((turn, 1)) + shift), look.accent, 0.85)
    if opened:
        _paint_open_front(body, outline, 0.16 + 0.1 * look.spread, shift)
    elif top == "hoodie":
        pocket = points((-0.42, 2.05), (-0.3, 1.65), (0.3, 1.65), (0.42, 2.05)) * points((turn, 1))
        body.drape(pocket + shift, look.cloth * 0.9, 0.06)
    elif top == "long":
        for y in np.arange(0.25, 2.4, 0.36):
            button = ellipse(shift[0] + points((0, y))[0], 0.035, 0.035, n=10)
            body.canvas.flat(body.on_trunk(button), look.accent * 0.7, 0.9)


def _trunk(body: Instant, turn: float) -> Array:
    """Outline of the trunk in heads from the neck, down to the hem of what it wears."""
    look = body.look
    s, w, p = look.shoulder, look.waist, look.hip
    profile = [(0.2, -0.1), (0.42, 0.0), (s * 0.86, 0.1), (s, 0.3), (0.9 * s * look.girth**0.3, 0.75)]
    profile += [(w, 1.5), (p, 2.2), (p * 1.02, 2.55)]
    if look.top == "poncho":
        profile = [(0.2, -0.1), (0.5, 0.0), (s, 0.25), (s * 1.25, 0.9), (s * 1.45, 1.6)]
    outline = mirrored(points(*profile) * points((turn, 1)), 5)
    loose = {"coat": (4.1, 1.25), "dress": (3.9, 1.55), "poncho": (2.2, 1.05)}
    if look.top not in loose:
        return outline
    length, flare = loose[look.top]
    ruffle, x = look.ruffle(body.t, 7), np.linspace(1, -1, 7)
    sway = 0.5 * body.drag + look.hem[0](body.t)
    hem_x = x * profile[-1][0] * turn * flare + sway + 0.6 * ruffle
    hem = np.stack([hem_x, length + 0.12 * np.cos(9 * x) + ruffle], 1).astype(np.float32)
    half = len(outline) // 2
    return np.concatenate([outline[: half - 2], hem, outline[half + 3 :]])


def _paint_open_front(body: Instant, outline: Array, gap: float, shift: Array) -> None:
    """The two halves of a jacket over the shirt, with lapels."""
    for side in (-1, 1):
        edge = shift[0, 0] + side * gap
        half = outline + points((side * 0.015, 0))
        half[:, 0] = np.maximum(half[:, 0], edge) if side > 0 else np.minimum(half[:, 0], edge)
        body.drape(half, body.look.cloth, 0.16)
        lapel = points((-0.02, 1.15), (0.3, 0.42), (0.12, 0.0), (-0.06, 0.02)) * points((side, 1))
        body.drape(lapel + points((edge, 0)), body.look.cloth * 0.9, 0.05, slant=0.5)


def _paint_throat(body: Instant, centre: Array) -> None:
    """Neck, neckline, and a collar or a scarf."""
    look, h, angle = body.look, body.look.head, -body.pose.lean
    deep = {"tank": 0.42, "dress": 0.36, "tee": 0.16}.get(look.top, 0.08)
    cut = points((-0.27, -0.1), (-0.2, deep * 0.6), (0, deep), (0.2, deep * 0.6), (0.27, -0.1))
    cut = body.on_trunk(rounded(cut + points((0.12 * np.sin(body.pose.yaw), 0))))
    throat = capsule(centre + points((0, 0.3 * h))[0], body.neck + points((0, 0.02 * h))[0], 0.235 * h, 0.25 * h)
    pieces = [Piece(throat, body.neck, angle), Piece(cut, body.neck, angle)]
    body.canvas.paint(pieces, look.skin * 0.9, 0.14 * h, 0.15)
    if look.scarf:
        _paint_scarf(body)
    elif look.top in LONG_SLEEVES:
        for side in (-1, 1):
            collar = points((0.3, -0.2), (0.05, 0.12), (0.2, 0.3), (0.44, 0.02)) * points((side, 1))
            body.drape(rounded(collar), look.cloth * 0.95, 0.06, slant=side)


def _paint_scarf(body: Instant) -> None:
    """A loop around the neck with one fringed end that flies."""
    look = body.look
    along = np.linspace(0, 1, 8, dtype=np.float32)
    wave = (0.5 * body.drag + look.hem[1](body.t)) * along**1.6 + 0.05 * np.sin(6 * along + 7 * body.t)
    spine = np.stack([0.16 + wave, 0.05 + 1.25 * along], 1).astype(np.float32)
    body.drape(ribbon(spine, 0.13 + 0.05 * along), look.extra, 0.09)
    roots = spine[-1] + np.linspace(-0.18, 0.18, 14)[:, None] * points((1, 0))
    ends = roots + points((0.12 * wave[-1], 0.16))
    fringe = body.on_trunk(np.stack([roots, ends], 1).reshape(-1, 2).astype(np.float32))
    body.canvas.strands(fringe.reshape(-1, 2, 2), [look.accent * 0.8])
    loop = points((-0.4, -0.16), (0, -0.06), (0.4, -0.16), (0.44, 0.1), (0, 0.26), (-0.44, 0.1))
    body.drape(rounded(loop), look.extra, 0.12, slant=0.9)
