"""Arms, hands, what they hold, and legs."""

import numpy as np

from vmatte_pl.data.demo.canvas import Piece
from vmatte_pl.data.demo.look import Instant
from vmatte_pl.data.demo.shapes import capsule, down, ellipse, points, rounded, turned
from vmatte_pl.data.demo.textures import Array

LONG_SLEEVES = ("long", "jacket", "coat", "hoodie")


def paint_arm(body: Instant, side: int) -> None:
    """Paint the left (0) or right (1) arm of the picture, from hand to sleeve."""
    look, pose, h, sign = body.look, body.pose, body.look.head, 2 * side - 1
    upper, fore = (sign * angle for angle in pose.arms[side])
    turn = 0.62 + 0.38 * np.cos(pose.yaw)
    lift = 0.14 * max(0.0, abs(upper) - 0.8)
    shoulder = body.on_trunk(points((sign * (look.shoulder - 0.2) * turn, 0.3 - lift)))[0]
    elbow = shoulder + down(upper, 1.4 * h * pose.reach[side])
    wrist = elbow + down(fore, 1.2 * h * pose.reach[1 - side])
    _paint_hand(body, wrist, fore, side)

    def sleeve(r0: float, r1: float, r2: float, muscle: float) -> list[Piece]:
        thick = look.limb * h
        return [
            Piece(capsule(shoulder, elbow, r0 * thick, r1 * thick, muscle * thick), shoulder, upper),
            Piece(capsule(elbow, wrist, r1 * thick, r2 * thick, muscle * thick), elbow, fore),
        ]

    if look.top in LONG_SLEEVES:
        loose = 1.05 if look.top == "long" else 1.2
        body.canvas.paint(sleeve(0.215 * loose, 0.175 * loose, 0.125 * loose, 0.01), look.cloth, 0.15 * h, 0.2)
        return
    body.canvas.paint(sleeve(0.185, 0.145, 0.09, 0.022), look.skin, 0.13 * h, 0.2)
    if look.top != "tank":
        cuff = shoulder + (0.35 if look.top == "dress" else 0.62) * (elbow - shoulder)
        short = capsule(shoulder, cuff, 0.225 * look.limb * h, 0.22 * look.limb * h)
        body.canvas.paint([Piece(short, shoulder, upper)], look.cloth, 0.15 * h, 0.2)


def _paint_hand(body: Instant, wrist: Array, angle: float, side: int) -> None:
    look, h, sign = body.look, body.look.head, 2 * side - 1
    holds = look.prop != "none" and side == look.prop_hand
    if holds:
        _paint_prop(body, wrist + down(angle, 0.3 * h), angle)
    palm = wrist + down(angle, 0.2 * h)
    shapes = [ellipse(palm, 0.15 * h, 0.22 * h, angle)]
    for k in range(4):
        bone = angle + look.spread * (k - 1.5) * (0.28 if holds else 0.8)
        knuckle = palm + turned(points(((k - 1.5) * 0.075, 0.12)) * h, angle)[0]
        length = (0.3 - 0.03 * abs(k - 1.4)) * (0.67 if holds else 1.0)
        shapes.append(capsule(knuckle, knuckle + down(bone, length * h), 0.045 * h, 0.034 * h))
    thumb = palm + turned(points((-sign * 0.12, -0.03)) * h, angle)[0]
    shapes.append(capsule(thumb, thumb + down(angle - sign * 0.75, 0.22 * h), 0.05 * h, 0.038 * h))
    body.canvas.paint([Piece(shape, wrist, angle) for shape in shapes], look.skin, 0.07 * h, 0.25)


def _paint_prop(body: Instant, hand: Array, angle: float) -> None:
    look, h = body.look, body.look.head
    sway = look.hem[2](body.t)
    volume = 0.3
    match look.prop:
        case "cup":
            shape, volume = points((-0.17, -0.28), (0.17, -0.28), (0.14, 0.24), (-0.14, 0.24)), 0.15
        case "book":
            cover = points((-0.36, -0.48), (0.36, -0.48), (0.36, 0.42), (-0.36, 0.42))
            shape, volume = turned(cover, 0.2), 0.04
        case "bag":
            half = points((0.12, 0), (0.5 + sway, 0.6), (0.42 + sway, 1.3))
            shape = rounded(np.concatenate([half, half[::-1] * points((-1, 1)) + points((2 * sway, 0))]))
        case "ball":
            shape = ellipse(points((0, 0.25))[0], 0.42, 0.42)
        case _:
            top = points((0.7 * (2 * look.prop_hand - 1) + sway + 0.3 * np.sin(angle), -1.9))[0]
            string = np.stack([hand, hand + top * h])[None]
            body.canvas.strands(string, [look.accent * 0.4], thickness=max(1, round(h / 30)))
            shape = ellipse(top, 0.5, 0.6)
            if look.prop == "umbrella":
                shape = np.minimum(ellipse(top, 1.5, 0.6), top + points((9, 0.12)))
    body.canvas.paint([Piece(hand + shape * np.float32(h), hand)], look.extra, volume * h)


def paint_legs(body: Instant) -> None:
    """Paint shoes, legs and what covers them, unless the picture ends above."""
    look, pose, h = body.look, body.pose, body.look.head
    if body.neck[1] + 2.0 * h > body.canvas.planes.shape[1]:
        return
    turn = 0.7 + 0.3 * np.cos(pose.yaw)
    for side in (0, 1):
        sign = 2 * side - 1
        thigh, shin = (sign * angle for angle in pose.legs[side])
        hip = body.on_trunk(points((sign * 0.52 * look.hip * turn, 2.45)))[0]
        knee = hip + down(thigh, 1.75 * h)
        ankle = knee + down(shin, 1.75 * h)
        heel, toe = ankle + points((-0.04 * sign, 0.06), (0.2 * np.sin(pose.yaw) + 0.1 * sign, 0.17)) * h
        body.canvas.paint([Piece(capsule(heel, toe, 0.15 * h, 0.15 * h), ankle)], look.shoe, 0.1 * h)
        _paint_leg(body, (hip, knee, ankle), (thigh, shin))
    if look.bottom == "skirt" and look.top != "dress":
        ruffle = look.ruffle(body.t, 8)
        x = np.linspace(1, -1, 8) * look.hip * turn * 1.5 + 0.6 * body.drag + 0.5 * ruffle
        hem = np.stack([x, 3.75 + 0.5 * ruffle], 1)
        waist = points((-look.waist * turn, 1.5), (look.waist * turn, 1.5))
        body.drape(np.concatenate([waist, hem]).astype(np.float32), look.trousers, 0.25)


def _paint_leg(body: Instant, joints: tuple[Array, Array, Array], angles: tuple[float, float]) -> None:
    look, (hip, knee, ankle), (thigh, shin) = body.look, joints, angles
    thick = look.limb * look.girth**0.3 * look.head
    if look.bottom in ("shorts", "skirt"):
        bare = [
            Piece(capsule(hip, knee, 0.33 * thick, 0.21 * thick, 0.03 * thick), hip, thigh),
            Piece(capsule(knee, ankle, 0.21 * thick, 0.12 * thick, 0.05 * thick), knee, shin),
        ]
        body.canvas.paint(bare, look.skin, 0.2 * look.head)
        end = hip + (0.85 if look.bottom == "shorts" else 0.3) * (knee - hip)
        cloth = [Piece(capsule(hip, end, 0.38 * thick, 0.32 * thick), hip, thigh)]
    else:
        wide = 1.3 if look.bottom == "wide" else 1.08
        cloth = [
            Piece(capsule(hip, knee, 0.36 * thick, 0.25 * thick * wide), hip, thigh),
            Piece(capsule(knee, ankle, 0.25 * thick * wide, 0.17 * thick * wide**2), knee, shin),
        ]
    body.canvas.paint(cloth, look.trousers, 0.2 * look.head, 0.35)
