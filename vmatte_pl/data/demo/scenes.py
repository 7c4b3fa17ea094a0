"""Places without people: each is painted once, as layers from far to near."""

from collections.abc import Callable

import cv2
import numpy as np

from vmatte_pl.data.demo import things
from vmatte_pl.data.demo.canvas import Piece
from vmatte_pl.data.demo.shapes import capsule, ellipse, points
from vmatte_pl.data.demo.stage import Layer, Stage
from vmatte_pl.data.demo.textures import Array, hsv, pink


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
        things.window(s, back, r.uniform(0.2, s.wide - 0.9), r.uniform(0.15, 0.3))
    for _ in range(int(r.integers(1, 4))):
        things.picture(s, back, r.uniform(0.1, s.wide - 0.5), r.uniform(0.15, 0.5))
    if r.random() < 0.6:
        things.shelf(s, back, r.uniform(0, s.wide - 0.9), r.uniform(0.35, 0.6), r.uniform(0.5, 0.9))
    s.box(back, -0.1, r.uniform(0.98, 1.1), s.wide + 0.2, 0.6, floor, 0.02)
    s.put(back, 0.55, r.uniform(0.2, 0.9))
    front = s.canvas()
    for _ in range(int(r.integers(1, 3))):
        things.sofa(s, front, r.uniform(0.0, s.wide - 0.8), r.uniform(0.72, 0.92))
    for painter in (things.lamp, things.plant, things.rack, things.vase):
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
            top = r.uniform(0.0, 0.45) + 0.15 * (1 - depth)
            things.house(s, houses, x, top, width, haze, 0.55 * (1 - depth))
            x += width + float(r.uniform(-0.02, 0.08))
        s.put(houses, depth, blur * r.uniform(0.4, 1.2))
    road = s.canvas()
    asphalt = s.plain(hsv(0.1, 0.04, r.uniform(0.25, 0.5)), 0.12)
    s.box(road, -0.2, r.uniform(0.98, 1.12), s.wide + 0.4, 0.6, asphalt, 0.02)
    for painter in (things.lamp, things.tree, things.post, things.tree, things.post):
        if r.random() < 0.6:
            painter(s, road, r.uniform(0.1, s.wide - 0.1), r.uniform(1.0, 1.15))
    s.put(road, 0.6, r.uniform(0.2, 0.7))
    cars = s.canvas()
    for _ in range(int(r.integers(1, 4))):
        things.car(s, cars, r.uniform(0, s.wide), r.uniform(1.0, 1.1))
    s.put(cars, 0.7, r.uniform(0.3, 0.9), drift=(float(r.uniform(-0.9, 0.9)), 0.0))


def forest(s: Stage) -> None:
    """Trunks and three depths of leaves with light between them."""
    r = s.rng
    hue = r.uniform(0.17, 0.38)
    glow = hsv(hue - 0.05, 0.35, r.uniform(0.5, 0.95))
    s.backdrop(s.ramp(glow, hsv(hue, 0.5, 0.2)) * (1 + 0.25 * s.noise(1.1))[..., None], 0.1, 1.5)
    for near, count in ((0.3, 14), (0.55, 9), (0.85, 4)):
        layer = s.canvas()
        for _ in range(int(r.integers(2, 5))):
            x = r.uniform(0, s.wide)
            brown = hsv(r.uniform(0.05, 0.12), r.uniform(0.2, 0.5), r.uniform(0.15, 0.45))
            bark = s.plain(brown, 0.3, (5, 1))
            trunk = points((x, -0.1), (x + r.uniform(-0.15, 0.15), 1.5)) * s.height
            width = 0.05 * near * s.height * r.uniform(0.6, 1.4)
            layer.paint([Piece(capsule(trunk[0], trunk[1], width * 0.7, width * 1.3), trunk[0])], bark, width)
            things.branch(s, layer, trunk[0] + r.uniform(0.2, 0.7) * (trunk[1] - trunk[0]), width, bark)
        for _ in range(count):
            place, size = r.uniform(0, 1, 2) * (s.width, s.height), r.uniform(0.1, 0.24) * (0.7 + near)
            things.foliage(s, layer, place, size * s.height, hue + r.normal(0, 0.03))
        for _ in range(4 * count):
            place = r.uniform(0, 1, 2) * (s.width, s.height)
            things.leaf(s, layer, place, 0.02 * (0.4 + near) * s.height, hue)
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
        top = (0.5 + 0.17 * k + (0.12 - 0.015 * k) * ridge / np.abs(ridge).max()) * s.height
        ground = hsv(hue + 0.03 * k, 0.25 + 0.12 * k, r.uniform(0.35, 0.6))
        ground = ground + (dusk - ground) * (0.75 - 0.25 * k)
        texture = ground * (1 + (0.08 + 0.06 * k) * s.noise(0.8, (0.5, 2.0)))[..., None]
        cover = np.clip(np.arange(s.height)[:, None] - top[None], 0, 1).astype(np.float32)[..., None]
        rgba = np.concatenate([np.clip(texture, 0, 1) * cover, cover], 2).astype(np.float32)
        s.layers.append(Layer(rgba, near, float(r.uniform(0.1, 0.8))))
        if k >= 2:
            trees = s.canvas()
            for _ in range(int(r.integers(1, 6))):
                painter = things.tree if r.random() < 0.75 else things.post
                painter(s, trees, r.uniform(0, s.wide), 0.62 + 0.2 * k)
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
        for painter in (things.post, things.lamp, things.vase, things.plant):
            painter(s, front, r.uniform(0.1, s.wide - 0.1), r.uniform(0.9, 1.2))
        s.put(front, 0.8, r.uniform(0.4, 1.2))


def bricks(s: Stage) -> None:
    """A brick wall with pictures and things before it."""
    tall, wide = (0.055, 0.16) if s.rng.random() < 0.7 else (0.12, 0.3)
    clay = hsv(s.rng.uniform(0.0, 0.09), s.rng.uniform(0.2, 0.6), s.rng.uniform(0.35, 0.7))
    _masonry(s, tall, wide, clay)
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
    waves = np.sin(2 * np.pi * r.uniform(4, 22, (4, 1)) * x + r.uniform(0, 6, (4, 1)))
    fold = np.array([0.5, 0.3, 0.3, 0.2]) @ waves
    field_x = (np.arange(s.width) + 0.02 * s.height * fold)[None].repeat(s.height, 0).astype(np.float32)
    field_y = np.arange(s.height, dtype=np.float32)[:, None].repeat(s.width, 1)
    laid = cv2.remap(tile, field_x % (tile.shape[1] - 1), field_y % (tile.shape[0] - 1), cv2.INTER_LINEAR)
    shade = (0.75 + 0.28 * fold) * (1 + 0.06 * s.noise(1.3))
    s.backdrop(laid * shade[..., None], 0.5, r.uniform(0.1, 0.9), sway=0.5)
    front = s.canvas()
    for painter in (things.plant, things.lamp, things.vase, things.sofa):
        if r.random() < 0.6:
            painter(s, front, r.uniform(0.1, s.wide - 0.3), r.uniform(0.8, 1.1))
    s.put(front, 0.8, r.uniform(0.2, 0.8))


def library(s: Stage) -> None:
    """Bookshelves from edge to edge."""
    back = s.canvas()
    s.backdrop(s.ramp(hsv(0.08, 0.5, 0.2), hsv(0.08, 0.5, 0.12)), 0.5, 0.5)
    for y in np.arange(0.22, 1.5, 0.27):
        things.shelf(s, back, -0.1, float(y), s.wide + 0.2)
    s.put(back, 0.5, s.rng.uniform(0.2, 1.1))
    front = s.canvas()
    for painter in (things.lamp, things.plant, things.vase):
        if s.rng.random() < 0.6:
            painter(s, front, s.rng.uniform(0.1, s.wide - 0.1), s.rng.uniform(0.9, 1.15))
    s.put(front, 0.75, s.rng.uniform(0.2, 0.8))


def shore(s: Stage) -> None:
    """Water under a sky, with posts in it."""
    r = s.rng
    sky = hsv(r.uniform(0.5, 0.65), r.uniform(0.1, 0.5), r.uniform(0.6, 0.95))
    s.backdrop(s.ramp(sky, sky * 0.5 + 0.5 * hsv(0.08, 0.3, 0.95), 0.02), 0.0, 0.5)
    _clouds(s, r.uniform(0.0, 0.6))
    water = hsv(r.uniform(0.45, 0.62), r.uniform(0.3, 0.7), r.uniform(0.25, 0.6))
    below = np.arange(s.height) > r.uniform(0.45, 0.65) * s.height
    cover = np.repeat(below.astype(np.float32)[:, None, None], s.width, 1)
    for near, drift, opacity in ((0.3, 0.05, 1.0), (0.6, -0.08, 0.5)):
        waves = np.clip(water * (1 + 0.22 * s.noise(0.9, (0.35, 3.0)))[..., None], 0, 1)
        rgba = np.concatenate([waves * cover, cover], 2).astype(np.float32) * np.float32(opacity)
        s.layers.append(Layer(rgba, near, 0.3, (drift, 0.0), 0.8))
    front = s.canvas()
    for _ in range(int(r.integers(2, 6))):
        things.post(s, front, r.uniform(0, s.wide), r.uniform(0.8, 1.2))
    s.put(front, 0.8, r.uniform(0.2, 0.8))


Scene = Callable[[Stage], None]
SCENES: dict[str, Scene] = {
    f.__name__: f for f in (room, street, forest, hills, bokeh, bricks, tiles, curtain, library, shore)
}
SEEN = ("room", "room", "street", "forest", "hills", "bokeh", "bricks")
UNSEEN = {"valid": ("curtain", "tiles"), "test": ("library", "shore", "tiles")}


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
        things.picture(s, back, s.rng.uniform(0, s.wide - 0.3), s.rng.uniform(0.1, 0.8))
    if s.rng.random() < 0.4:
        things.shelf(s, back, s.rng.uniform(0, 1.0), s.rng.uniform(0.4, 0.8), s.rng.uniform(0.5, 1.2))
    s.put(back, 0.52, s.rng.uniform(0.2, 0.8))
    front = s.canvas()
    for painter in (things.lamp, things.post, things.plant, things.vase, things.rack):
        if s.rng.random() < 0.45:
            painter(s, front, s.rng.uniform(0.1, s.wide - 0.1), s.rng.uniform(0.85, 1.15))
    s.put(front, 0.75, s.rng.uniform(0.2, 0.9))
