"""People: build, clothes and limbs, painted at any instant of their motion."""

import numpy as np
from numpy.random import Generator

from vmatte_pl.data.demo import textures
from vmatte_pl.data.demo.canvas import Canvas, Piece
from vmatte_pl.data.demo.faces import Face
from vmatte_pl.data.demo.hair import STYLES, UNSEEN_STYLES, Hair
from vmatte_pl.data.demo.motion import ACTIONS, UNSEEN_ACTIONS, Motion, Pose, Wobble
from vmatte_pl.data.demo.shapes import capsule, down, ellipse, mirrored, points, ribbon, rounded, turned
from vmatte_pl.data.demo.textures import CLOTHS, UNSEEN_CLOTHS, Array, pick

TOPS = ("tee", "tee", "long", "long", "jacket", "tank", "coat", "dress")
UNSEEN_TOPS = {"valid": ("hoodie",), "test": ("hoodie", "poncho")}
BOTTOMS = ("trousers", "trousers", "wide", "shorts", "skirt")
PROPS = ("none", "none", "none", "none", "cup", "book", "bag", "ball")
UNSEEN_PROPS = {"valid": ("balloon",), "test": ("umbrella", "balloon")}

_LONG_SLEEVES = ("long", "jacket", "coat", "hoodie")


class Person:
    """One person and their motion; everything about them is drawn from ``rng`` when they are made.

    Args:
        rng: Source of randomness.
        split: "train", "valid" or "test"; each has kinds of hair, cloth and motion of its own.
        place: Where the neck is, in pixels, x and y.
        head: Height of the head in pixels.
        lively: How much they move; 1 is usual.
    """

    def __init__(self, rng: Generator, split: str, place: tuple[float, float], head: float, lively: float) -> None:
        self.place, self.head = points(place)[0], head
        self.motion = Motion(rng, pick(rng, split, ACTIONS, UNSEEN_ACTIONS), lively)
        self.girth = float(rng.uniform(0.85, 1.3))
        self.shoulder = float(rng.uniform(0.76, 1.0))
        self.hip = float(rng.uniform(0.62, 0.8)) * self.girth**0.6
        self.waist = float(rng.uniform(0.52, 0.66)) * self.girth
        self.limb = float(rng.uniform(0.85, 1.15)) * self.girth**0.5
        self.skin = textures.skin(rng, head)

        def cloth() -> Array:
            return textures.cloth(rng, pick(rng, split, CLOTHS, UNSEEN_CLOTHS), head)

        self.cloth, self.inner, self.trousers, self.extra = cloth(), cloth(), cloth(), cloth()
        self.shoe = textures.scaled(np.full((textures.TILE, textures.TILE, 3), textures.cloth_colour(rng)), head)
        self.top = pick(rng, split, TOPS, UNSEEN_TOPS)
        self.bottom = str(rng.choice(BOTTOMS))
        self.scarf = bool(rng.random() < 0.2)
        self.logo = (
            rounded(rng.normal(0, 0.2, (6, 2)).astype(np.float32) + points((0, 0.75))) if rng.random() < 0.4 else None
        )
        self.prop = pick(rng, split, PROPS, UNSEEN_PROPS)
        self.prop_hand = int(rng.integers(2))
        self.spread = float(rng.uniform(0.1, 0.3))
        self.hem = [Wobble(rng, 0.12 * lively, 0.6, 2.0) for _ in range(5)]
        style = pick(rng, split, STYLES, UNSEEN_STYLES)
        self.face = Face(
            rng, split, head, self.skin, Hair(rng, style, textures.hair(rng, split, head), head), self.extra
        )

    def paint(self, canvas: Canvas, t: float) -> None:
        """Paint the person as they stand t seconds into the clip."""
        h = self.head
        pose = self.motion(t)
        before = self.motion(t - 0.12)
        neck = self.place + h * points((pose.x, pose.y))[0]
        drag = float(np.clip(2.2 * (before.x - pose.x) + 0.5 * (before.yaw - pose.yaw), -0.9, 0.9))
        tilt = 0.5 * -pose.lean + pose.nod
        centre = neck + turned(points((0.12 * np.sin(pose.yaw), -0.72)) * h, tilt)[0]
        self.face.hair.back(canvas, centre, tilt, drag, t)
        far = -1 if abs(pose.yaw) < 0.4 else int(pose.yaw > 0)
        if far >= 0:
            self._arm(canvas, neck, pose, far, t)
        self._legs(canvas, neck, pose, t, drag)
        self._trunk(canvas, neck, pose, t, drag)
        self._throat(canvas, neck, centre, pose, t, drag)
        self.face.paint(canvas, centre, tilt, pose.yaw + pose.gaze, drag, t)
        for side in (0, 1):
            if side != far:
                self._arm(canvas, neck, pose, side, t)

    def _trunk(self, canvas: Canvas, neck: Array, pose: Pose, t: float, drag: float) -> None:
        h, angle, turn = self.head, -pose.lean, 0.68 + 0.32 * np.cos(pose.yaw)
        long = {"coat": 4.1, "dress": 3.9, "poncho": 2.2}.get(self.top, 2.55)
        s, w, p = self.shoulder, self.waist, self.hip
        profile = [(0.2, -0.1), (0.42, 0.0), (s * 0.86, 0.1), (s, 0.3), (0.9 * s * self.girth**0.3, 0.75)]
        profile += [(w, 1.5), (p, 2.2), (p * 1.02, 2.55)]
        if self.top == "poncho":
            profile = [(0.2, -0.1), (0.5, 0.0), (s, 0.25), (s * 1.25, 0.9), (s * 1.45, 1.6)]
        outline = mirrored(points(*profile) * np.array([turn, 1], np.float32), 5)
        if long > 2.6 or self.top == "poncho":
            base = profile[-1][0] * turn
            flare = (1.25 if self.top == "coat" else 1.55) if self.top != "poncho" else 1.1
            x = np.linspace(1, -1, 7)
            sway = 0.5 * drag + self.hem[0](t)
            ruffle = np.array([self.hem[k % 5](t + 0.1 * k) for k in range(7)])
            bottom = np.stack([x * base * flare + sway + 0.6 * ruffle, long + 0.12 * np.cos(9 * x) + ruffle], 1)
            half = len(outline) // 2
            outline = np.concatenate([outline[: half - 2], bottom.astype(np.float32), outline[half + 3 :]])
        body = [Piece(neck + turned(outline * h, angle), neck, angle)]
        canvas.paint(body, self.inner if self.top in ("jacket", "coat") else self.cloth, 0.3 * h, 0.35)

        def put(shape: Array) -> Array:
            return neck + turned((shape * np.array([turn, 1], np.float32) + shift) * h, angle)

        shift = points((0.3 * np.sin(pose.yaw), 0))
        if self.logo is not None and self.top in ("tee", "long", "hoodie", "tank"):
            canvas.flat(put(self.logo), self.extra.mean((0, 1)), 0.85)
        if self.top in ("jacket", "coat"):
            self._open_front(canvas, neck, outline, angle, 0.16 + 0.1 * self.spread, shift)
        elif self.top == "hoodie":
            pocket = points((-0.42, 2.05), (-0.3, 1.65), (0.3, 1.65), (0.42, 2.05))
            canvas.paint([Piece(put(pocket), neck, angle)], self.cloth * 0.9, 0.06 * h, 0.3)
        elif self.top == "long":
            for y in np.arange(0.25, 2.4, 0.36):
                canvas.flat(put(ellipse(points((0, y))[0], 0.035, 0.035, n=10)), self.extra.mean((0, 1)) * 0.7, 0.9)

    def _open_front(self, canvas: Canvas, neck: Array, outline: Array, angle: float, gap: float, shift: Array) -> None:
        """The two halves of a jacket over the shirt, with lapels."""
        for side in (-1, 1):
            edge = shift[0, 0] + side * gap
            half = outline.copy()
            half[:, 0] = np.maximum(half[:, 0], edge) if side > 0 else np.minimum(half[:, 0], edge)
            half[:, 0] += side * 0.015
            canvas.paint(
                [Piece(neck + turned(half * self.head, angle), neck, angle)],
                self.cloth,
                0.16 * self.head,
                0.3,
            )
            lapel = points(
                (edge - side * 0.02, 1.15),
                (edge + side * 0.3, 0.42),
                (edge + side * 0.12, 0.0),
                (edge - side * 0.06, 0.02),
            )
            canvas.paint(
                [Piece(neck + turned(lapel * self.head, angle), neck, angle + 0.5)],
                self.cloth * 0.9,
                0.05 * self.head,
                0.3,
            )

    def _throat(self, canvas: Canvas, neck: Array, centre: Array, pose: Pose, t: float, drag: float) -> None:
        h, angle = self.head, -pose.lean
        deep = {"tank": 0.42, "dress": 0.36, "tee": 0.16}.get(self.top, 0.08)
        cut = points((-0.27, -0.1), (-0.2, deep * 0.6), (0, deep), (0.2, deep * 0.6), (0.27, -0.1)) + points(
            (0.12 * np.sin(pose.yaw), 0)
        )
        throat = capsule(centre + points((0, 0.3 * h))[0], neck + points((0, 0.02 * h))[0], 0.235 * h, 0.25 * h)
        canvas.paint(
            [Piece(throat, neck, angle), Piece(neck + turned(rounded(cut) * h, angle), neck, angle)],
            self.skin * 0.9,
            0.14 * h,
            0.15,
        )
        if self.scarf:
            loop = points((-0.4, -0.16), (0, -0.06), (0.4, -0.16), (0.44, 0.1), (0, 0.26), (-0.44, 0.1))
            tau = np.linspace(0, 1, 8, dtype=np.float32)
            wave = (0.5 * drag + self.hem[1](t)) * tau**1.6 + 0.05 * np.sin(6 * tau + 7 * t)
            spine = np.stack([0.16 + wave, 0.05 + 1.25 * tau], 1)
            end = ribbon(spine.astype(np.float32), 0.13 + 0.05 * tau)
            canvas.paint([Piece(neck + turned(end * h, angle), neck, angle)], self.extra, 0.09 * h)
            fringe = np.stack([spine[-1] + points((0.18 * k, 0)) for k in np.linspace(-1, 1, 14)])
            ends = fringe + points((0.0, 0.16)) + 0.4 * wave[-1] * points((0.3, 0))
            strands = np.concatenate([fringe, ends], 1).reshape(-1, 2)
            canvas.strands(
                (neck + turned(strands * h, angle)).reshape(-1, 2, 2).astype(np.float32),
                [self.extra.mean((0, 1)) * 0.8],
            )
            canvas.paint([Piece(neck + turned(rounded(loop) * h, angle), neck, angle + 0.9)], self.extra, 0.12 * h)
        elif self.top in ("jacket", "coat", "long", "hoodie"):
            for side in (-1, 1):
                collar = points((side * 0.3, -0.2), (side * 0.05, 0.12), (side * 0.2, 0.3), (side * 0.44, 0.02))
                canvas.paint(
                    [Piece(neck + turned(rounded(collar) * h, angle), neck, angle + side)],
                    self.cloth * 0.95,
                    0.06 * h,
                )

    def _arm(self, canvas: Canvas, neck: Array, pose: Pose, side: int, t: float) -> None:
        h, sign = self.head, 2 * side - 1
        turn = 0.62 + 0.38 * np.cos(pose.yaw)
        upper, fore = (sign * a for a in pose.arms[side])
        lift = 0.14 * max(0.0, abs(upper) - 0.8)
        shoulder = neck + turned(points((sign * (self.shoulder - 0.2) * turn, 0.3 - lift)) * h, -pose.lean)[0]
        elbow = shoulder + down(upper, 1.4 * h * pose.reach[side])
        wrist = elbow + down(fore, 1.2 * h * pose.reach[1 - side])
        thick = self.limb * h
        self._hand(canvas, wrist, fore, sign, t, side)
        skin = [
            Piece(capsule(shoulder, elbow, 0.2 * thick, 0.155 * thick, 0.02 * thick), shoulder, upper),
            Piece(capsule(elbow, wrist, 0.155 * thick, 0.1 * thick, 0.025 * thick), elbow, fore),
        ]
        if self.top not in _LONG_SLEEVES:
            canvas.paint(skin, self.skin, 0.14 * h)
        if self.top in ("tank",):
            return
        loose = 1.25 if self.top in ("jacket", "coat", "hoodie") else 1.1
        if self.top in _LONG_SLEEVES:
            sleeve = [
                Piece(capsule(shoulder, elbow, 0.24 * thick * loose, 0.19 * thick * loose), shoulder, upper),
                Piece(
                    capsule(elbow, wrist, 0.19 * thick * loose, 0.135 * thick * loose, 0.02 * thick),
                    elbow,
                    fore,
                ),
            ]
        else:
            end = shoulder + (0.62 if self.top != "dress" else 0.35) * (elbow - shoulder)
            sleeve = [Piece(capsule(shoulder, end, 0.25 * thick, 0.235 * thick), shoulder, upper)]
        canvas.paint(sleeve, self.cloth, 0.17 * h)

    def _hand(self, canvas: Canvas, wrist: Array, angle: float, sign: int, t: float, side: int) -> None:
        h = self.head
        holds = self.prop != "none" and side == self.prop_hand
        if holds:
            self._prop(canvas, wrist + down(angle, 0.3 * h), angle, t)
        palm = wrist + down(angle, 0.2 * h)
        pieces = [Piece(ellipse(palm, 0.15 * h, 0.22 * h, angle), wrist, angle)]
        open_hand = 0.35 if holds else 1.0
        for k in range(4):
            bone = angle + self.spread * (k - 1.5) * 0.8 * open_hand
            root = palm + turned(points(((k - 1.5) * 0.075, 0.12)) * h, angle)[0]
            tip = root + down(bone, (0.3 - 0.03 * abs(k - 1.4)) * h * (0.5 + 0.5 * open_hand))
            pieces.append(Piece(capsule(root, tip, 0.045 * h, 0.034 * h), wrist, angle))
        thumb = palm + turned(points((-sign * 0.12, -0.03)) * h, angle)[0]
        pieces.append(
            Piece(capsule(thumb, thumb + down(angle - sign * 0.75, 0.22 * h), 0.05 * h, 0.038 * h), wrist, angle)
        )
        canvas.paint(pieces, self.skin, 0.07 * h, 0.25)

    def _prop(self, canvas: Canvas, hand: Array, angle: float, t: float) -> None:
        h = self.head
        match self.prop:
            case "cup":
                shape, volume = points((-0.17, -0.28), (0.17, -0.28), (0.14, 0.24), (-0.14, 0.24)), 0.15
            case "book":
                shape, volume = (
                    turned(points((-0.36, -0.48), (0.36, -0.48), (0.36, 0.42), (-0.36, 0.42)), 0.2),
                    0.04,
                )
            case "bag":
                sway = self.hem[2](t)
                shape, volume = (
                    rounded(
                        points(
                            (-0.12, 0),
                            (0.12, 0),
                            (0.5 + sway, 0.6),
                            (0.42 + sway, 1.3),
                            (-0.42 + sway, 1.3),
                            (-0.5 + sway, 0.6),
                        )
                    ),
                    0.2,
                )
            case "ball":
                shape, volume = ellipse(points((0, 0.25))[0], 0.42, 0.42), 0.3
            case _:
                top = points((0.25 + self.hem[2](t) + 0.5 * np.sin(angle), -1.9))[0]
                canvas.strands(
                    np.stack([hand, hand + top * h])[None],
                    [self.extra.mean((0, 1)) * 0.4],
                    thickness=max(1, round(h / 20)),
                )
                across, along = (0.5, 0.6) if self.prop == "balloon" else (1.5, 0.6)
                dome = ellipse(top, across, along)
                shape, volume = (
                    (np.minimum(dome, top + points((9, 0.12))) if self.prop == "umbrella" else dome),
                    0.35,
                )
        canvas.paint([Piece(hand + shape.astype(np.float32) * h, hand, 0.0)], self.extra, volume * h)

    def _legs(self, canvas: Canvas, neck: Array, pose: Pose, t: float, drag: float) -> None:
        h = self.head
        if neck[1] + 2.0 * h > canvas.planes.shape[1]:
            return
        turn = 0.7 + 0.3 * np.cos(pose.yaw)
        cover = {"shorts": 0.85, "skirt": 0.3, "trousers": 2.0, "wide": 2.0}[self.bottom]
        wide = 1.3 if self.bottom == "wide" else 1.08
        thick = self.limb * self.girth**0.3 * h
        for side in (0, 1):
            sign = 2 * side - 1
            thigh, shin = (sign * a for a in pose.legs[side])
            hip = neck + turned(points((sign * 0.52 * self.hip * turn, 2.45)) * h, -pose.lean)[0]
            knee = hip + down(thigh, 1.75 * h)
            ankle = knee + down(shin, 1.75 * h)
            toe = ankle + points((0.2 * np.sin(pose.yaw) + 0.1 * sign, 0.17))[0] * h
            canvas.paint(
                [Piece(capsule(ankle + points((-0.04 * sign, 0.06))[0] * h, toe, 0.15 * h, 0.15 * h), ankle)],
                self.shoe,
                0.1 * h,
            )
            bones = [
                Piece(capsule(hip, knee, 0.33 * thick, 0.21 * thick, 0.03 * thick), hip, thigh),
                Piece(capsule(knee, ankle, 0.21 * thick, 0.12 * thick, 0.05 * thick), knee, shin),
            ]
            if cover < 2:
                canvas.paint(bones, self.skin, 0.2 * h)
                end = hip + cover * (knee - hip)
                cloth = [Piece(capsule(hip, end, 0.38 * thick, 0.32 * thick), hip, thigh)]
            else:
                cloth = [
                    Piece(capsule(hip, knee, 0.36 * thick, 0.25 * thick * wide), hip, thigh),
                    Piece(capsule(knee, ankle, 0.25 * thick * wide, 0.17 * thick * wide**2), knee, shin),
                ]
            canvas.paint(cloth, self.trousers, 0.2 * h, 0.35)
        if self.bottom == "skirt":
            x = np.linspace(1, -1, 8)
            ruffle = np.array([self.hem[k % 5](t + 0.1 * k) for k in range(8)])
            bottom = np.stack([x * self.hip * turn * 1.5 + 0.6 * drag + 0.5 * ruffle, 3.75 + 0.5 * ruffle], 1)
            skirt = np.concatenate(
                [points((-self.waist * turn, 1.5), (self.waist * turn, 1.5)), bottom.astype(np.float32)]
            )
            canvas.paint([Piece(neck + turned(skirt * h, -pose.lean), neck, -pose.lean)], self.trousers, 0.25 * h)
