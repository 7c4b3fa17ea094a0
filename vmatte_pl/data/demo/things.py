"""What stands about in scenes; some of it in the colours and shapes of limbs and clothes."""

import cv2
import numpy as np

from vmatte_pl.data.demo import textures
from vmatte_pl.data.demo.canvas import Canvas, Piece
from vmatte_pl.data.demo.shapes import capsule, down, ellipse, mirrored, points, rounded, turned
from vmatte_pl.data.demo.stage import Stage
from vmatte_pl.data.demo.textures import Array, cloth_colour, hsv, pink


def window(s: Stage, canvas: Canvas, x: float, y: float) -> None:
    """A window onto something bright."""
    w, h = s.rng.uniform(0.4, 0.8), s.rng.uniform(0.45, 0.7)
    view = s.plain(hsv(s.rng.uniform(0.2, 0.6), 0.25, 0.95), 0.25)
    frame = s.plain(hsv(0.1, 0.1, s.rng.uniform(0.3, 0.95)), 0.04)
    s.box(canvas, x - 0.03, y - 0.03, w + 0.06, h + 0.06, frame)
    s.box(canvas, x, y, w, h, cv2.GaussianBlur(view, (0, 0), 4), 0.002)
    for k in range(1, int(s.rng.integers(2, 4))):
        s.box(canvas, x + w * k / 3, y, 0.02, h, frame)
    s.box(canvas, x, y + h * 0.5, w, 0.02, frame)


def picture(s: Stage, canvas: Canvas, x: float, y: float) -> None:
    """A framed picture."""
    w, h = s.rng.uniform(0.15, 0.4, 2)
    s.box(canvas, x - 0.02, y - 0.02, w + 0.04, h + 0.04, s.plain(cloth_colour(s.rng) * 0.5, 0.1))
    s.box(canvas, x, y, w, h, s.cloth(), 0.003)


def shelf(s: Stage, canvas: Canvas, x: float, y: float, w: float) -> None:
    """A board with books and a few vessels."""
    at = x
    while at < x + w - 0.05:
        thick, tall = s.rng.uniform(0.018, 0.06), s.rng.uniform(0.13, 0.22)
        if s.rng.random() < 0.88:
            spine = np.broadcast_to(cloth_colour(s.rng), (16, 16, 3)).astype(np.float32)
            s.box(canvas, at, y - tall, thick, tall, spine, 0.008)
        else:
            thick = 0.12
            vase(s, canvas, at + 0.06, y, 0.18)
        at += thick + (s.rng.uniform(0, 0.05) if s.rng.random() < 0.15 else 0.002)
    s.box(canvas, x, y, w, 0.03, s.plain(hsv(0.08, 0.5, s.rng.uniform(0.2, 0.5)), 0.15, (0.4, 6)))


def sofa(s: Stage, canvas: Canvas, x: float, y: float) -> None:
    """A sofa with cushions."""
    tile, w = s.cloth(), s.rng.uniform(0.6, 1.1)
    back, seat = (0, -0.22, w, 0.18), (0.02, 0.08, w - 0.02, 0.48)
    arms = (-0.08, -0.08, 0.08, 0.42), (w - 0.08, -0.08, w + 0.08, 0.42)
    for left, top, right, bottom in (back, *arms, seat):
        corners = points((left, top), (right, top), (right, bottom), (left, bottom)) + points((x, y))
        outline = rounded(corners * s.height, 8)
        canvas.paint([Piece(outline, outline[0])], tile, 0.05 * s.height)
    for _ in range(int(s.rng.integers(0, 3))):
        centre = points((x + s.rng.uniform(0.1, w - 0.1), y - 0.05))[0] * s.height
        pillow = rounded(centre + points((-1, -1), (1, -0.9), (0.9, 1), (-1, 0.9)) * 0.1 * s.height)
        canvas.paint([Piece(pillow, centre, s.rng.uniform(0, 1))], s.cloth(), 0.05 * s.height)


def lamp(s: Stage, canvas: Canvas, x: float, y: float) -> None:
    """A floor lamp with its glow."""
    foot, top = points((x, y))[0] * s.height, points((x, y - s.rng.uniform(0.5, 0.9)))[0] * s.height
    pole = Piece(capsule(top, foot, 0.012 * s.height, 0.016 * s.height), top)
    canvas.paint([pole], s.plain(hsv(0.1, 0.2, 0.3)), 0.012 * s.height)
    glow = hsv(s.rng.uniform(0.08, 0.14), s.rng.uniform(0.1, 0.5), 1.0)
    for k in range(8, 0, -1):
        canvas.flat(ellipse(top, 0.035 * k * s.height, 0.035 * k * s.height), glow, 0.035)
    shade = points((0.06, -0.09), (0.08, -0.08), (0.13, 0.07), (0.11, 0.09)) * s.rng.uniform(0.6, 1.2)
    canvas.flat(mirrored(shade * s.height) + top, glow, 0.95)


def plant(s: Stage, canvas: Canvas, x: float, y: float) -> None:
    """A plant in a pot."""
    pot = points((x, y))[0] * s.height
    hue = s.rng.uniform(0.2, 0.42)
    for _ in range(int(s.rng.integers(14, 40))):
        lean, length = s.rng.normal(np.pi, 0.7), s.rng.uniform(0.15, 0.45) * s.height
        tip = pot + down(lean, length)
        colour = hsv(hue + s.rng.normal(0, 0.02), s.rng.uniform(0.3, 0.7), s.rng.uniform(0.2, 0.6))
        left, right = (pot + down(lean + turn, 0.55 * length) for turn in (0.2, -0.2))
        canvas.flat(rounded(np.stack([pot, left, tip, right])), colour)
    vase(s, canvas, x, y + 0.1, 0.2)


def vase(s: Stage, canvas: Canvas, x: float, y: float, tall: float | None = None) -> None:
    """Turned vessels and statues' busts: rounded bodies in the colours of skin, clay and metal."""
    size = tall or s.rng.uniform(0.2, 0.6)
    rows = int(s.rng.integers(4, 8))
    half = s.rng.uniform(0.12, 0.4, rows)
    profile = np.stack([half, np.linspace(-1, 0, rows)], 1).astype(np.float32) * size
    outline = (mirrored(profile) + points((x, y))) * s.height
    tone = textures.along(textures.SKIN, s.rng) if s.rng.random() < 0.5 else cloth_colour(s.rng)
    canvas.paint([Piece(outline.astype(np.float32), outline[0])], s.plain(tone, 0.06), 0.09 * size * s.height)


def rack(s: Stage, canvas: Canvas, x: float, y: float) -> None:
    """Clothes on pegs: cloth in the shapes cloth has, and nobody in it."""
    for k in range(int(s.rng.integers(1, 4))):
        size = s.rng.uniform(0.55, 0.85) * s.height
        peg, tile = points((x + 0.3 * k, y - 0.7))[0] * s.height, s.cloth()
        half = points((0.03, 0), (0.15, 0.05), (0.17, 0.16), (0.14, 0.35), (0.17, 0.6))
        canvas.paint([Piece(mirrored(half * size) + peg, peg)], tile, 0.05 * size)
        for side in (-1, 1):
            shoulder, cuff = peg + points((side * 0.14, 0.09), (side * s.rng.uniform(0.16, 0.22), 0.5)) * size
            sleeve = Piece(capsule(shoulder, cuff, 0.045 * size, 0.04 * size), shoulder)
            canvas.paint([sleeve], tile, 0.04 * size, 0.2)


def post(s: Stage, canvas: Canvas, x: float, y: float) -> None:
    """Posts, some with a round head, some with a sign or a balloon."""
    h = s.height
    foot, top = points((x, y + 0.3), (x + s.rng.normal(0, 0.02), y - s.rng.uniform(0.25, 0.7))) * h
    width = s.rng.uniform(0.006, 0.028) * h
    tone = cloth_colour(s.rng) if s.rng.random() < 0.5 else textures.along(textures.SKIN, s.rng)
    tile = s.plain(tone, 0.12, (4, 1))
    canvas.paint([Piece(capsule(top, foot, width, width), top)], tile, width)
    kind = s.rng.random()
    if kind < 0.35:
        canvas.paint([Piece(ellipse(top, 2.2 * width, 2.4 * width), top)], tile, 1.6 * width)
    elif kind < 0.6:
        s.box(canvas, top[0] / h - 0.1, top[1] / h - 0.05, 0.2, 0.14, s.plain(cloth_colour(s.rng), 0.05))
    elif kind < 0.8:
        for _ in range(3):
            balloon = ellipse(top + (s.rng.normal(0, 0.06, 2) * h).astype(np.float32), 0.06 * h, 0.075 * h)
            canvas.paint([Piece(balloon, top)], s.plain(hsv(s.rng.random(), 0.7, 0.8), 0.02), 0.05 * h)


def branch(s: Stage, canvas: Canvas, start: Array, width: float, tile: Array) -> None:
    """A bough that bends as an arm does."""
    angle = float(s.rng.choice([-1, 1]) * s.rng.uniform(1.0, 2.6))
    for _ in range(3):
        end = start + down(angle, s.rng.uniform(0.1, 0.25) * s.height)
        bough = capsule(start, end, width * 0.6, width * 0.45)
        canvas.paint([Piece(bough, start, angle)], tile, width * 0.6, 0.1)
        start, width, angle = end, width * 0.75, angle + float(s.rng.normal(0, 0.5))


def tree(s: Stage, canvas: Canvas, x: float, y: float) -> None:
    """A trunk with a crown of leaves."""
    top = points((x, y - s.rng.uniform(0.3, 0.6)))[0] * s.height
    bark = s.plain(hsv(0.08, 0.4, s.rng.uniform(0.2, 0.4)), 0.3, (5, 1))
    width = s.rng.uniform(0.012, 0.03) * s.height
    canvas.paint([Piece(capsule(top, points((x, y))[0] * s.height, width, width * 1.4), top)], bark, width)
    hue, size = s.rng.uniform(0.12, 0.4), s.rng.uniform(0.16, 0.32) * s.height
    for _ in range(int(s.rng.integers(3, 6))):
        place = top + s.rng.normal(0, 0.5, 2) * size
        foliage(s, canvas, place, size * s.rng.uniform(0.7, 1.1), hue)


def leaf(s: Stage, canvas: Canvas, place: Array, size: float, hue: float) -> None:
    """A single pointed leaf."""
    length, angle = size * s.rng.uniform(0.5, 1.3), s.rng.uniform(0, 6)
    outline = rounded(turned(points((0, -1), (0.4, 0), (0, 1), (-0.4, 0)) * length, angle) + place, 4)
    green = hsv(hue + s.rng.normal(0, 0.03), s.rng.uniform(0.3, 0.8), s.rng.uniform(0.15, 0.75))
    canvas.flat(outline, green, 0.95)


def foliage(s: Stage, canvas: Canvas, place: Array, size: float, hue: float) -> None:
    """A clump of leaves: noise, dense in the middle, lit from above."""
    n = max(16, 2 * int(1.4 * size / 2))
    y, x = np.mgrid[-1 : 1 : n * 1j, -1 : 1 : n * 1j].astype(np.float32)
    leaves = pink(s.rng, n, n, 0.75)
    dense = 2.0 - 3.2 * (x * x + y * y) + 0.6 * pink(s.rng, n, n, 1.5) + 0.8 * leaves
    cover = 1 / (1 + np.exp(-5 * dense))
    colour = hsv(hue, s.rng.uniform(0.35, 0.7), s.rng.uniform(0.3, 0.6))
    shade = np.clip(0.75 + 0.3 * leaves - 0.35 * y, 0.12, 1.9)[..., None]
    canvas.stamp(np.clip(colour * shade, 0, 1), cover, place - n / 2)


def house(s: Stage, canvas: Canvas, x: float, top: float, width: float, haze: Array, fog: float) -> None:
    """A front with rows of windows, fading into the haze."""
    wall = hsv(s.rng.uniform(0.0, 0.14), s.rng.uniform(0.05, 0.5), s.rng.uniform(0.3, 0.85))
    wall = wall + (haze - wall) * fog
    s.box(canvas, x, top, width, 1.6, s.plain(wall, 0.045, (2, 1)), 0.006)
    pane, rows = s.rng.uniform(0.05, 0.1), s.rng.uniform(0.12, 0.2)
    columns = max(2, int(width / (pane * 1.8)))
    glass = hsv(0.58, s.rng.uniform(0.1, 0.4), s.rng.uniform(0.1, 0.4))
    for row in np.arange(top + 0.06, 1.0, rows):
        for k in range(columns):
            left = x + width * (k + 0.5) / columns - pane / 2
            bright = glass * s.rng.uniform(0.6, 1.5) if s.rng.random() < 0.85 else hsv(0.12, 0.5, 0.9)
            right, sill = left + pane, row + rows * 0.6
            corners = points((left, row), (right, row), (right, sill), (left, sill))
            canvas.flat(corners * s.height, wall * 0.75)
            canvas.flat((corners * 0.9 + corners.mean(0) * 0.1) * s.height, bright + (haze - bright) * fog)


def car(s: Stage, canvas: Canvas, x: float, y: float) -> None:
    """A car from the side."""
    length = s.rng.uniform(0.15, 0.25) * s.height  # half of it
    where = points((x, y))[0] * s.height
    paint = s.plain(hsv(s.rng.random(), s.rng.uniform(0, 0.8), s.rng.uniform(0.2, 0.9)), 0.03)
    hood, roof, tail = (
        ((-0.95, -0.3), (-0.5, -0.36)),
        ((-0.3, -0.62), (0.35, -0.62)),
        ((0.6, -0.34), (0.98, -0.28)),
    )
    body = rounded(points((-1, 0), *hood, *roof, *tail, (1, 0)) * length) + where
    canvas.paint([Piece(body, where)], paint, 0.04 * s.height)
    glass = points((-0.42, -0.37), (-0.26, -0.56), (0.3, -0.56), (0.48, -0.37)) * length + where
    canvas.flat(glass, hsv(0.58, 0.3, 0.25))
    for k in (-0.58, 0.58):
        canvas.flat(ellipse(where + points((k * length, 0))[0], 0.18 * length, 0.18 * length), hsv(0, 0, 0.08))
