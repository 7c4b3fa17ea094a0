"""Places without people: each is painted once, as layers from far to near."""

from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.random import Generator

from vmatte_pl.data.demo import textures
from vmatte_pl.data.demo.canvas import Canvas, Light, Piece
from vmatte_pl.data.demo.shapes import capsule, down, ellipse, mirrored, points, rounded
from vmatte_pl.data.demo.textures import CLOTHS, Array, cloth_colour, hsv, pink


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


def room(s: Stage) -> None:
    """A wall with a window, pictures and shelves, and furniture before it."""
    r = s.rng
    wall = hsv(r.random(), r.uniform(0.03, 0.35), r.uniform(0.45, 0.9))
    image = s.ramp(wall, wall * r.uniform(0.6, 0.9), 0.03)
    sun = np.linspace(*((1.15, 0.6) if r.random() < 0.5 else (0.6, 1.15)), s.width, dtype=np.float32)
    s.backdrop(image * sun[None, :, None], 0.5, 0.5)
    back = s.canvas()
    floor = s.plain(hsv(r.uniform(0.04, 0.1), r.uniform(0.3, 0.6), r.uniform(0.3, 0.6)), 0.2, (0.4, 8))
    if r.random() < 0.75:
        _window(s, back, r.uniform(0.2, s.wide - 0.9), r.uniform(0.15, 0.3))
    for _ in range(int(r.integers(1, 4))):
        _picture(s, back, r.uniform(0.1, s.wide - 0.5), r.uniform(0.15, 0.5))
    if r.random() < 0.6:
        _shelf(s, back, r.uniform(0, s.wide - 0.9), r.uniform(0.35, 0.6), r.uniform(0.5, 0.9))
    s.box(back, -0.1, r.uniform(0.98, 1.1), s.wide + 0.2, 0.6, floor, 0.02)
    s.put(back, 0.55, r.uniform(0.2, 0.9))
    front = s.canvas()
    for _ in range(int(r.integers(1, 3))):
        _sofa(s, front, r.uniform(0.0, s.wide - 0.8), r.uniform(0.72, 0.92))
    for painter in (_lamp, _plant, _rack, _vase):
        if r.random() < 0.5:
            painter(s, front, r.uniform(0.1, s.wide - 0.1), r.uniform(0.85, 1.1))
    s.put(front, 0.8, r.uniform(0.2, 0.8))


def street(s: Stage) -> None:
    """Houses behind houses, lamps, trees and cars."""
    r = s.rng
    haze = hsv(r.uniform(0.5, 0.65), r.uniform(0.05, 0.35), r.uniform(0.6, 0.95))
    s.backdrop(s.ramp(haze * 0.9, haze * 1.1, 0.04), 0.0, 1.0)
    for depth, blur in ((0.2, 1.0), (0.4, 0.6)):
        houses = s.canvas()
        x = -0.1
        while x < s.wide:
            width = float(r.uniform(0.25, 0.7))
            _house(s, houses, x, r.uniform(0.0, 0.45) + 0.15 * (1 - depth), width, haze, 0.55 * (1 - depth))
            x += width + float(r.uniform(-0.02, 0.08))
        s.put(houses, depth, blur * r.uniform(0.4, 1.2))
    road = s.canvas()
    s.box(
        road,
        -0.2,
        r.uniform(0.98, 1.12),
        s.wide + 0.4,
        0.6,
        s.plain(hsv(0.1, 0.04, r.uniform(0.25, 0.5)), 0.12),
        0.02,
    )
    for painter in (_lamp, _tree, _post, _tree, _post):
        if r.random() < 0.6:
            painter(s, road, r.uniform(0.1, s.wide - 0.1), r.uniform(1.0, 1.15))
    s.put(road, 0.6, r.uniform(0.2, 0.7))
    cars = s.canvas()
    for _ in range(int(r.integers(1, 4))):
        _car(s, cars, r.uniform(0, s.wide), r.uniform(1.0, 1.1))
    s.put(cars, 0.7, r.uniform(0.3, 0.9), drift=(float(r.uniform(-0.9, 0.9)), 0.0))


def forest(s: Stage) -> None:
    """Trunks and three depths of leaves with light between them."""
    r = s.rng
    hue = r.uniform(0.17, 0.38)
    glow = hsv(hue - 0.05, 0.35, r.uniform(0.5, 0.95))
    s.backdrop(s.ramp(glow, hsv(hue, 0.5, 0.2)) * (1 + 0.25 * s.noise(1.1))[..., None], 0.1, 1.5)
    for near, count in ((0.3, 260), (0.55, 160), (0.85, 60)):
        layer = s.canvas()
        for _ in range(int(r.integers(2, 5))):
            x = r.uniform(0, s.wide)
            bark = s.plain(hsv(r.uniform(0.05, 0.12), r.uniform(0.2, 0.5), r.uniform(0.15, 0.45)), 0.3, (5, 1))
            trunk = points((x, -0.1), (x + r.uniform(-0.15, 0.15), 1.5)) * s.height
            width = 0.05 * near * s.height * r.uniform(0.6, 1.4)
            layer_piece = Piece(capsule(trunk[0], trunk[1], width * 0.7, width * 1.3), trunk[0])
            layer.paint([layer_piece], bark, width)
            _branch(s, layer, trunk[0] + r.uniform(0.2, 0.7) * (trunk[1] - trunk[0]), width, bark)
        middle = r.uniform(0, 1, (7, 2)) * (s.wide, 1.4)
        for k in range(count):
            place = middle[k % 7] + r.normal(0, 0.16 + 0.1 * near, 2)
            size = 0.035 * (0.4 + near) * r.uniform(0.5, 1.2)
            leaf = ellipse(
                (place * s.height).astype(np.float32),
                0.45 * size * s.height,
                size * s.height,
                r.uniform(0, 6),
                8,
            )
            layer.flat(leaf, hsv(hue + r.normal(0, 0.03), r.uniform(0.3, 0.8), r.uniform(0.15, 0.75)), 0.95)
        s.put(layer, near, r.uniform(0.2, 1.0) * (2.5 if near > 0.8 else 1), sway=float(r.uniform(0.2, 0.9)))


def hills(s: Stage) -> None:
    """Drifting clouds over ridges that fade with distance."""
    r = s.rng
    sky = hsv(r.uniform(0.52, 0.64), r.uniform(0.2, 0.65), r.uniform(0.6, 0.95))
    dusk = hsv(r.uniform(0.02, 0.14), r.uniform(0.1, 0.5), 0.95)
    s.backdrop(s.ramp(sky, dusk, 0.02), 0.0, 0.5)
    _clouds(s, r.uniform(-0.2, 0.6))
    hue = r.uniform(0.08, 0.4)
    for k in range(4):
        near = 0.15 + 0.22 * k
        ridge = np.cumsum(pink(r, 2, s.width, 1.4)[0])
        ridge = np.interp(np.arange(s.width), np.arange(s.width), ridge / np.abs(ridge).max())
        top = (0.5 + 0.17 * k + (0.12 - 0.015 * k) * ridge) * s.height
        ground = hsv(hue + 0.03 * k, 0.25 + 0.12 * k, r.uniform(0.35, 0.6))
        ground = ground + (dusk - ground) * (0.75 - 0.25 * k)
        texture = ground * (1 + (0.08 + 0.06 * k) * s.noise(0.8, (0.5, 2.0)))[..., None]
        cover = np.clip(np.arange(s.height)[:, None] - top[None], 0, 1).astype(np.float32)[..., None]
        rgba = np.concatenate([np.clip(texture, 0, 1) * cover, cover], 2).astype(np.float32)
        s.layers.append(Layer(rgba, near, float(r.uniform(0.1, 0.8))))
        if k >= 2:
            trees = s.canvas()
            for _ in range(int(r.integers(1, 6))):
                (_tree if r.random() < 0.75 else _post)(s, trees, r.uniform(0, s.wide), 0.62 + 0.2 * k)
            s.put(trees, near, r.uniform(0.2, 0.7), sway=0.2)


def bokeh(s: Stage) -> None:
    """Lights of a city at night, far out of focus."""
    r = s.rng
    base = hsv(r.random(), r.uniform(0.2, 0.7), r.uniform(0.08, 0.25))
    s.backdrop(s.ramp(base, base * r.uniform(0.4, 1.6), 0.2), 0.1, 2.0)
    warm = r.uniform(0, 1)
    for near in (0.15, 0.35, 0.6):
        lights = s.canvas()
        for _ in range(int(r.integers(10, 30))):
            radius = s.height * r.uniform(0.012, 0.06) * (0.6 + near)
            centre = (r.uniform(0, 1, 2) * (s.width, s.height)).astype(np.float32)
            colour = hsv(warm + r.normal(0, 0.09), r.uniform(0.2, 0.8), r.uniform(0.6, 1.0))
            lights.flat(ellipse(centre, radius, radius, n=20), colour, r.uniform(0.15, 0.7))
            lights.flat(ellipse(centre, radius * 0.85, radius * 0.85, n=20), colour * 0.85, 0.4)
        s.put(lights, near, r.uniform(0.3, 0.9), flicker=float(r.uniform(0, 0.5)))
    if r.random() < 0.6:
        front = s.canvas()
        for painter in (_post, _lamp, _vase, _plant):
            painter(s, front, r.uniform(0.1, s.wide - 0.1), r.uniform(0.9, 1.2))
        s.put(front, 0.8, r.uniform(0.4, 1.2))


def bricks(s: Stage) -> None:
    """A brick wall with posters, pipes and a lamp."""
    _masonry(
        s,
        *((0.055, 0.16) if s.rng.random() < 0.7 else (0.12, 0.3)),
        hsv(s.rng.uniform(0.0, 0.09), s.rng.uniform(0.2, 0.6), s.rng.uniform(0.35, 0.7)),
    )
    _wall_things(s)


def tiles(s: Stage) -> None:
    """A tiled wall, shelves and vessels."""
    side = s.rng.uniform(0.09, 0.2)
    _masonry(s, side, side, hsv(s.rng.random(), s.rng.uniform(0.05, 0.4), s.rng.uniform(0.6, 0.95)), bond=0.0)
    _wall_things(s)


def curtain(s: Stage) -> None:
    """A hanging cloth with deep folds."""
    r = s.rng
    tile = s.cloth()
    x = np.linspace(0, 1, s.width, dtype=np.float32)
    fold = sum(
        np.sin(2 * np.pi * f * x + r.uniform(0, 6)) * a
        for f, a in zip(r.uniform(4, 22, 4), (0.5, 0.3, 0.3, 0.2), strict=True)
    )
    field_x = (np.arange(s.width) + 0.02 * s.height * fold)[None].repeat(s.height, 0).astype(np.float32)
    field_y = np.arange(s.height, dtype=np.float32)[:, None].repeat(s.width, 1)
    laid = cv2.remap(tile, field_x % (tile.shape[1] - 1), field_y % (tile.shape[0] - 1), cv2.INTER_LINEAR)
    s.backdrop(
        laid * (0.75 + 0.28 * fold[None, :, None]) * (1 + 0.06 * s.noise(1.3))[..., None],
        0.5,
        r.uniform(0.1, 0.9),
        sway=0.5,
    )
    front = s.canvas()
    for painter in (_plant, _lamp, _vase, _sofa):
        if r.random() < 0.6:
            painter(s, front, r.uniform(0.1, s.wide - 0.3), r.uniform(0.8, 1.1))
    s.put(front, 0.8, r.uniform(0.2, 0.8))


def library(s: Stage) -> None:
    """Bookshelves from edge to edge."""
    back = s.canvas()
    s.backdrop(s.ramp(hsv(0.08, 0.5, 0.2), hsv(0.08, 0.5, 0.12)), 0.5, 0.5)
    for y in np.arange(0.22, 1.5, 0.27):
        _shelf(s, back, -0.1, float(y), s.wide + 0.2)
    s.put(back, 0.5, s.rng.uniform(0.2, 1.1))
    front = s.canvas()
    for painter in (_lamp, _plant, _vase):
        if s.rng.random() < 0.6:
            painter(s, front, s.rng.uniform(0.1, s.wide - 0.1), s.rng.uniform(0.9, 1.15))
    s.put(front, 0.75, s.rng.uniform(0.2, 0.8))


def shore(s: Stage) -> None:
    """Water under a sky, with boats and posts."""
    r = s.rng
    sky = hsv(r.uniform(0.5, 0.65), r.uniform(0.1, 0.5), r.uniform(0.6, 0.95))
    s.backdrop(s.ramp(sky, sky * 0.5 + 0.5 * hsv(0.08, 0.3, 0.95), 0.02), 0.0, 0.5)
    _clouds(s, r.uniform(0.0, 0.6))
    water = hsv(r.uniform(0.45, 0.62), r.uniform(0.3, 0.7), r.uniform(0.25, 0.6))
    cover = (
        (np.arange(s.height) > r.uniform(0.45, 0.65) * s.height).astype(np.float32)[:, None, None].repeat(s.width, 1)
    )
    for near, drift in ((0.3, 0.05), (0.6, -0.08)):
        texture = np.clip(water * (1 + 0.22 * s.noise(0.9, (0.35, 3.0)))[..., None], 0, 1)
        s.layers.append(
            Layer(
                np.concatenate([texture * cover, cover], 2) * (1.0 if near < 0.5 else 0.5),
                near,
                0.3,
                (drift, 0.0),
                0.8,
            )
        )
    front = s.canvas()
    for _ in range(int(r.integers(2, 6))):
        _post(s, front, r.uniform(0, s.wide), r.uniform(0.8, 1.2))
    s.put(front, 0.8, r.uniform(0.2, 0.8))


Scene = Callable[[Stage], None]
SCENES: dict[str, Scene] = {
    f.__name__: f for f in (room, street, forest, hills, bokeh, bricks, tiles, curtain, library, shore)
}
SEEN = ("room", "room", "street", "forest", "hills", "bokeh", "bricks")
UNSEEN = {"valid": ("curtain", "tiles"), "test": ("library", "shore", "tiles")}


def _window(s: Stage, canvas: Canvas, x: float, y: float) -> None:
    w, h = s.rng.uniform(0.4, 0.8), s.rng.uniform(0.45, 0.7)
    view = s.plain(hsv(s.rng.uniform(0.2, 0.6), 0.25, 0.95), 0.25)
    s.box(canvas, x - 0.03, y - 0.03, w + 0.06, h + 0.06, s.plain(hsv(0.1, 0.1, s.rng.uniform(0.3, 0.95)), 0.04))
    s.box(canvas, x, y, w, h, cv2.GaussianBlur(view, (0, 0), 4), 0.002)
    for k in range(1, int(s.rng.integers(2, 4))):
        s.box(canvas, x + w * k / 3, y, 0.02, h, s.plain(hsv(0.1, 0.08, 0.8), 0.04))
    s.box(canvas, x, y + h * 0.5, w, 0.02, s.plain(hsv(0.1, 0.08, 0.8), 0.04))


def _picture(s: Stage, canvas: Canvas, x: float, y: float) -> None:
    w, h = s.rng.uniform(0.15, 0.4, 2)
    s.box(canvas, x - 0.02, y - 0.02, w + 0.04, h + 0.04, s.plain(cloth_colour(s.rng) * 0.5, 0.1))
    s.box(canvas, x, y, w, h, s.cloth(str(s.rng.choice(["camouflage", "plain", "floral", "hoops"]))), 0.003)


def _shelf(s: Stage, canvas: Canvas, x: float, y: float, w: float) -> None:
    at = x
    while at < x + w - 0.05:
        thick, tall = s.rng.uniform(0.018, 0.06), s.rng.uniform(0.13, 0.22)
        if s.rng.random() < 0.88:
            s.box(
                canvas,
                at,
                y - tall,
                thick,
                tall,
                cloth_colour(s.rng) * np.ones((16, 16, 1), np.float32),
                0.008,
            )
        else:
            thick = 0.12
            _vase(s, canvas, at + 0.06, y, 0.18)
        at += thick + (s.rng.uniform(0, 0.05) if s.rng.random() < 0.15 else 0.002)
    s.box(canvas, x, y, w, 0.03, s.plain(hsv(0.08, 0.5, s.rng.uniform(0.2, 0.5)), 0.15, (0.4, 6)))


def _sofa(s: Stage, canvas: Canvas, x: float, y: float) -> None:
    tile, w = s.cloth(), s.rng.uniform(0.6, 1.1)
    for part in (
        (0, -0.22, w, 0.4),
        (-0.08, -0.08, 0.16, 0.5),
        (w - 0.08, -0.08, 0.16, 0.5),
        (0.02, 0.08, w - 0.04, 0.4),
    ):
        left, top, wide, tall = part
        corners = points((left, top), (left + wide, top), (left + wide, top + tall), (left, top + tall)) + points(
            (x, y)
        )
        canvas.paint([Piece(rounded(corners * s.height, 8), corners[0] * s.height)], tile, 0.05 * s.height, 0.3)
    for _ in range(int(s.rng.integers(0, 3))):
        centre = points((x + s.rng.uniform(0.1, w - 0.1), y - 0.05))[0] * s.height
        pillow = rounded(centre + points((-1, -1), (1, -0.9), (0.9, 1), (-1, 0.9)) * 0.1 * s.height)
        canvas.paint([Piece(pillow, centre, s.rng.uniform(0, 1))], s.cloth(), 0.05 * s.height)


def _lamp(s: Stage, canvas: Canvas, x: float, y: float) -> None:
    foot, top = points((x, y))[0] * s.height, points((x, y - s.rng.uniform(0.5, 0.9)))[0] * s.height
    canvas.paint(
        [Piece(capsule(top, foot, 0.012 * s.height, 0.016 * s.height), top)],
        s.plain(hsv(0.1, 0.2, 0.3)),
        0.012 * s.height,
    )
    glow = hsv(s.rng.uniform(0.08, 0.14), s.rng.uniform(0.1, 0.5), 1.0)
    for k in range(8, 0, -1):
        canvas.flat(ellipse(top, 0.035 * k * s.height, 0.035 * k * s.height), glow, 0.035)
    shade = (
        mirrored(points((0.06, -0.09), (0.08, -0.08), (0.13, 0.07), (0.11, 0.09)) * s.rng.uniform(0.6, 1.2) * s.height)
        + top
    )
    canvas.flat(shade, glow, 0.95)


def _plant(s: Stage, canvas: Canvas, x: float, y: float) -> None:
    pot = points((x, y))[0] * s.height
    hue = s.rng.uniform(0.2, 0.42)
    for _ in range(int(s.rng.integers(14, 40))):
        lean, length = s.rng.normal(np.pi, 0.7), s.rng.uniform(0.15, 0.45) * s.height
        tip = pot + down(lean, length)
        colour = hsv(hue + s.rng.normal(0, 0.02), s.rng.uniform(0.3, 0.7), s.rng.uniform(0.2, 0.6))
        leaf = rounded(
            np.stack([pot, pot + down(lean + 0.2, 0.55 * length), tip, pot + down(lean - 0.2, 0.55 * length)])
        )
        canvas.flat(leaf.astype(np.float32), colour)
    _vase(s, canvas, x, y + 0.1, 0.2)


def _vase(s: Stage, canvas: Canvas, x: float, y: float, tall: float | None = None) -> None:
    """Turned vessels and statues' busts: rounded bodies in the colours of skin, clay and metal."""
    size = tall or s.rng.uniform(0.2, 0.6)
    rows = int(s.rng.integers(4, 8))
    half = s.rng.uniform(0.12, 0.4, rows)
    profile = np.stack([half, np.linspace(-1, 0, rows)], 1).astype(np.float32) * size
    outline = (mirrored(profile) + points((x, y))) * s.height
    tone = textures.along(textures.SKIN, s.rng) if s.rng.random() < 0.5 else cloth_colour(s.rng)
    canvas.paint([Piece(outline.astype(np.float32), outline[0])], s.plain(tone, 0.06), 0.09 * size * s.height)


def _rack(s: Stage, canvas: Canvas, x: float, y: float) -> None:
    """Clothes on pegs: cloth in the shapes cloth has, and nobody in it."""
    for k in range(int(s.rng.integers(1, 4))):
        centre = points((x + 0.28 * k, y - 0.75))[0] * s.height
        half = points((0.02, 0), (0.12, 0.05), (0.14, 0.3), (0.16, 0.6)) * s.height * s.rng.uniform(0.8, 1.2)
        canvas.paint([Piece(mirrored(half) + centre, centre)], s.cloth(), 0.06 * s.height)


def _post(s: Stage, canvas: Canvas, x: float, y: float) -> None:
    """Posts, some with a round head, some with a sign or a balloon."""
    h = s.height
    foot, top = (
        points((x, y + 0.3))[0] * h,
        points((x + s.rng.normal(0, 0.02), y - s.rng.uniform(0.25, 0.7)))[0] * h,
    )
    width = s.rng.uniform(0.008, 0.045) * h
    tile = s.plain(cloth_colour(s.rng) if s.rng.random() < 0.5 else textures.along(textures.SKIN, s.rng), 0.12, (4, 1))
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


def _branch(s: Stage, canvas: Canvas, start: Array, width: float, tile: Array) -> None:
    """A bough that bends as an arm does."""
    angle = float(s.rng.choice([-1, 1]) * s.rng.uniform(1.0, 2.6))
    for _ in range(3):
        end = start + down(angle, s.rng.uniform(0.1, 0.25) * s.height)
        canvas.paint(
            [
                Piece(
                    capsule(start.astype(np.float32), end.astype(np.float32), width * 0.6, width * 0.45),
                    start,
                    angle,
                )
            ],
            tile,
            width * 0.6,
            0.1,
        )
        start, width, angle = end, width * 0.75, angle + float(s.rng.normal(0, 0.5))


def _tree(s: Stage, canvas: Canvas, x: float, y: float) -> None:
    top = points((x, y - s.rng.uniform(0.3, 0.6)))[0] * s.height
    bark = s.plain(hsv(0.08, 0.4, s.rng.uniform(0.2, 0.4)), 0.3, (5, 1))
    width = s.rng.uniform(0.012, 0.03) * s.height
    canvas.paint([Piece(capsule(top, points((x, y))[0] * s.height, width, width * 1.4), top)], bark, width)
    hue, size = s.rng.uniform(0.12, 0.4), s.rng.uniform(0.1, 0.22) * s.height
    for _ in range(90):
        place = top + (s.rng.normal(0, 0.55, 2) * size).astype(np.float32)
        bright = 0.35 - 0.2 * (place[1] - top[1]) / size + s.rng.normal(0, 0.08)
        leaf = ellipse(place, size * s.rng.uniform(0.06, 0.16), size * s.rng.uniform(0.1, 0.22), s.rng.uniform(0, 3), 7)
        canvas.flat(
            leaf,
            hsv(hue + s.rng.normal(0, 0.02), s.rng.uniform(0.35, 0.7), float(np.clip(bright, 0.08, 0.8))),
            0.9,
        )


def _house(s: Stage, canvas: Canvas, x: float, top: float, width: float, haze: Array, fog: float) -> None:
    wall = hsv(s.rng.uniform(0.0, 0.14), s.rng.uniform(0.05, 0.5), s.rng.uniform(0.3, 0.85))
    wall = wall + (haze - wall) * fog
    s.box(canvas, x, top, width, 1.6, s.plain(wall, 0.1), 0.006)
    pane, rows = s.rng.uniform(0.05, 0.1), s.rng.uniform(0.12, 0.2)
    columns = max(2, int(width / (pane * 1.8)))
    glass = hsv(0.58, s.rng.uniform(0.1, 0.4), s.rng.uniform(0.1, 0.4))
    for row in np.arange(top + 0.06, 1.0, rows):
        for k in range(columns):
            left = x + width * (k + 0.5) / columns - pane / 2
            bright = glass * s.rng.uniform(0.6, 1.5) if s.rng.random() < 0.85 else hsv(0.12, 0.5, 0.9)
            corners = points((left, row), (left + pane, row), (left + pane, row + rows * 0.6), (left, row + rows * 0.6))
            canvas.flat(corners * s.height, wall * 0.75)
            canvas.flat((corners * 0.9 + corners.mean(0) * 0.1) * s.height, bright + (haze - bright) * fog)


def _car(s: Stage, canvas: Canvas, x: float, y: float) -> None:
    size = s.rng.uniform(0.3, 0.5)
    paint = s.plain(hsv(s.rng.random(), s.rng.uniform(0, 0.8), s.rng.uniform(0.2, 0.9)), 0.03)
    body = points(
        (-1, 0),
        (-0.95, -0.3),
        (-0.5, -0.36),
        (-0.3, -0.62),
        (0.35, -0.62),
        (0.6, -0.34),
        (0.98, -0.28),
        (1, 0),
    )
    where = points((x, y))[0] * s.height
    canvas.paint([Piece(rounded(body * size * 0.5 * s.height) + where, where)], paint, 0.04 * s.height)
    cabin = points((-0.42, -0.37), (-0.26, -0.56), (0.3, -0.56), (0.48, -0.37)) * size * 0.5 * s.height + where
    canvas.flat(cabin, hsv(0.58, 0.3, 0.25))
    for k in (-0.58, 0.58):
        canvas.flat(
            ellipse(
                where + points((k * size * 0.5 * s.height, 0))[0],
                0.09 * size * s.height,
                0.09 * size * s.height,
            ),
            hsv(0, 0, 0.08),
        )


def _clouds(s: Stage, amount: float) -> None:
    noise = s.noise(1.5, (0.7, 1.6))
    cover = np.clip(0.5 * (noise + amount - 0.3), 0, 0.95)[..., None]
    shade = np.clip(0.92 + 0.06 * s.noise(1.2), 0, 1)[..., None]
    rgba = np.concatenate([shade * cover * np.ones(3, np.float32), cover], 2).astype(np.float32)
    s.layers.append(Layer(rgba, 0.05, 0.5, (float(s.rng.uniform(-0.12, 0.12)), 0.0)))


def _masonry(s: Stage, tall: float, wide: float, colour: Array, bond: float = 0.5) -> None:
    """Courses of stones with mortar, each stone of its own shade."""
    y, x = np.mgrid[: s.height, : s.width].astype(np.float32) / s.height
    row = np.floor(y / tall)
    place = x / wide + bond * (row % 2)
    column = np.floor(place)
    shade = s.rng.normal(1, 0.12, (64, 64)).astype(np.float32)[row.astype(int) % 64, column.astype(int) % 64]
    edge = np.minimum(
        np.minimum(y - row * tall, (row + 1) * tall - y),
        np.minimum(place - column, column + 1 - place) * wide,
    )
    mortar = np.clip(edge * s.height / 1.6 - 0.5, 0, 1)[..., None]
    stone = colour * (shade * (1 + 0.1 * s.noise(0.7)))[..., None]
    gap = np.float32(0.75) * (colour.mean() + 0.1) * (1 + 0.1 * s.noise(0.6))[..., None]
    light = (1 + 0.12 * s.noise(1.7))[..., None]
    s.backdrop((gap + mortar * (stone - gap)) * light, 0.5, s.rng.uniform(0.1, 0.9))


def _wall_things(s: Stage) -> None:
    back = s.canvas()
    for _ in range(int(s.rng.integers(1, 4))):
        _picture(s, back, s.rng.uniform(0, s.wide - 0.3), s.rng.uniform(0.1, 0.8))
    if s.rng.random() < 0.4:
        _shelf(s, back, s.rng.uniform(0, 1.0), s.rng.uniform(0.4, 0.8), s.rng.uniform(0.5, 1.2))
    s.put(back, 0.52, s.rng.uniform(0.2, 0.8))
    front = s.canvas()
    for painter in (_lamp, _post, _plant, _vase, _rack):
        if s.rng.random() < 0.45:
            painter(s, front, s.rng.uniform(0.1, s.wide - 0.1), s.rng.uniform(0.85, 1.15))
    s.put(front, 0.75, s.rng.uniform(0.2, 0.9))
