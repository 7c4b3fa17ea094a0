"""A canvas that paints outlines as lit, rounded bodies and hair as single strands."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from vmatte_pl.data.demo.shapes import points
from vmatte_pl.data.demo.textures import Array

_SHIFT = 4  # fractional bits of the coordinates given to OpenCV's rasteriser


class Piece(NamedTuple):
    """A closed outline that carries its cloth along: the tile's y axis points down its bone."""

    outline: Array  # (n, 2) pixels, x then y
    origin: Array  # (2,) where the tile starts
    angle: float = 0.0  # radians, clockwise on screen is negative: 0 hangs straight down


@dataclass(frozen=True)
class Light:
    """One far light: where it stands in the picture, and the colours of its bright and dark side."""

    towards: tuple[float, float]
    bright: Array  # (3,)
    dark: Array  # (3,)


class Canvas:
    """Premultiplied RGBA, painted from back to front; kept as planes, which blend several times faster.

    Args:
        height: Rows.
        width: Columns.
        light: What shades every body painted here.
    """

    def __init__(self, height: int, width: int, light: Light) -> None:
        self.planes: Array = np.zeros((4, height, width), np.float32)
        self.light = light

    def paint(
        self, pieces: Sequence[Piece], tile: Array, volume: float, shadow: float = 0.3, opacity: float = 1.0
    ) -> None:
        """Paint the union of the pieces as one rounded body that throws a soft shadow on what lies below.

        Args:
            pieces: Its parts; the first one's texture lies lowest.
            tile: Seamless texture, one texel a pixel.
            volume: Radius of the rounding in pixels; about half of the body's thickness.
            shadow: Darkening of the layers below around the body, 0 to 1.
            opacity: 1 hides what is below.
        """
        window = self._window(np.concatenate([p.outline for p in pieces]), volume + 3)
        if window is None:
            return
        rows, columns = window
        corner = np.array([columns.start, rows.start], np.float32)
        shape = (rows.stop - rows.start, columns.stop - columns.start)
        cover = np.zeros(shape, np.uint8)
        colour = texture = _lay(tile, pieces[0], corner, shape)
        for before, piece in zip((pieces[0], *pieces), pieces, strict=False):
            own = _fill(shape, piece.outline - corner)
            if piece.origin is not before.origin or piece.angle != before.angle:
                texture = _lay(tile, piece, corner, shape)
                cv2.copyTo(texture, own, colour)
            cv2.max(cover, own, cover)
        self._lay_down(rows, columns, cover.astype(np.float32) / 255, colour, volume, shadow, opacity)

    def flat(self, outline: Array, colour: Array, opacity: float = 1.0) -> None:
        """Paint an outline in one colour, unlit, as print, buttons and features of a face are."""
        window = self._window(outline, 2)
        if window is None:
            return
        rows, columns = window
        shape = (rows.stop - rows.start, columns.stop - columns.start)
        cover = _fill(shape, outline - np.array([columns.start, rows.start], np.float32))
        self._over(rows, columns, cover.astype(np.float32) * np.float32(opacity / 255), colour[:, None, None])

    def strands(self, paths: Array, tones: Sequence[Array], zoom: int = 2, thickness: int = 1) -> None:
        """Draw thin hairs, a fraction of a pixel wide, so that single ones are half transparent.

        Args:
            paths: Their courses in pixels, dealt out to the tones in turn.
            tones: Colours (3,), the lowest layer first.
            zoom: How much finer than the canvas they are drawn.
            thickness: Width in pixels of the finer canvas.

        Shape:
            - paths: (n, points, 2).
        """
        window = self._window(paths.reshape(-1, 2), 2)
        if window is None:
            return
        rows, columns = window
        height, width = rows.stop - rows.start, columns.stop - columns.start
        corner = np.array([columns.start, rows.start], np.float32)
        fixed = np.round((paths - corner) * (zoom * (1 << _SHIFT))).astype(np.int32)
        for k, tone in enumerate(tones):
            fine = np.zeros((height * zoom, width * zoom), np.uint8)
            cv2.polylines(fine, list(fixed[k :: len(tones)]), False, 255, thickness, cv2.LINE_AA, _SHIFT)
            cover = cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA)
            self._over(rows, columns, cover.astype(np.float32) / 255, tone[:, None, None])

    def stamp(self, colour: Array, cover: Array, corner: Array) -> None:
        """Lay a patch of colour (h, w, 3), as opaque as ``cover`` (h, w), from its upper left corner."""
        left, top = (int(c) for c in corner)
        box = points((left, top), (left + cover.shape[1] - 1, top + cover.shape[0] - 1))
        window = self._window(box, 0)
        if window is None:
            return
        rows, columns = window
        inner = slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left)
        self._over(rows, columns, cover[inner], colour[inner].transpose(2, 0, 1))

    def _window(self, points: Array, margin: float) -> tuple[slice, slice] | None:
        """Rows and columns that the points touch, or None when they lie off the canvas."""
        low, high = np.floor(points.min(0) - margin), np.ceil(points.max(0) + margin)
        height, width = self.planes.shape[1:]
        left, top = max(int(low[0]), 0), max(int(low[1]), 0)
        right, bottom = min(int(high[0]), width), min(int(high[1]), height)
        return (slice(top, bottom), slice(left, right)) if right - left > 1 and bottom - top > 1 else None

    def _lay_down(
        self,
        rows: slice,
        columns: slice,
        cover: Array,
        colour: Array,
        volume: float,
        shadow: float,
        opacity: float,
    ) -> None:
        side = 2 * max(int(volume), 1) + 1
        height = cv2.blur(cover, (side, side), borderType=cv2.BORDER_REPLICATE)
        height = cv2.blur(height, (side, side), borderType=cv2.BORDER_REPLICATE)
        slope_x = cv2.Sobel(height, cv2.CV_32F, 1, 0, scale=volume / 8)
        slope_y = cv2.Sobel(height, cv2.CV_32F, 0, 1, scale=volume / 8)
        towards = self.light.towards
        lit = np.clip(0.64 - 1.25 * (towards[0] * slope_x + towards[1] * slope_y) + 0.28 * (height - 0.6), 0.0, 1.25)
        dark = self.light.dark[:, None, None]
        colour = np.stack(cv2.split(colour)) * (dark + lit * (self.light.bright[:, None, None] - dark))
        if shadow:
            self.planes[:3, rows, columns] *= 1 - shadow * height
        self._over(rows, columns, cover * np.float32(opacity), colour)

    def _over(self, rows: slice, columns: slice, cover: Array, colour: Array) -> None:
        """Porter and Duff's "over" on a window of the canvas."""
        below = self.planes[:, rows, columns]
        below *= 1 - cover
        below[:3] += colour * cover
        below[3] += cover

    def rgba(self, height: int, width: int) -> Array:
        """What was painted, (height, width, 4), averaged down to a smaller size."""
        merged = cv2.merge(list(self.planes))
        small: Array = cv2.resize(merged, (width, height), interpolation=cv2.INTER_AREA)
        return small


def _fill(shape: tuple[int, int], outline: Array) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    cover = np.zeros(shape, np.uint8)
    cv2.fillPoly(cover, [np.round(outline * (1 << _SHIFT)).astype(np.int32)], 255, cv2.LINE_AA, _SHIFT)
    return cover


def _lay(tile: Array, piece: Piece, corner: Array, shape: tuple[int, int]) -> Array:
    """The tile, turned along the piece's bone, over a window."""
    c, s = np.cos(piece.angle), np.sin(piece.angle)
    offset = corner - piece.origin
    turn = np.array([[c, -s], [s, c]], np.float32)
    matrix = np.concatenate([turn, (turn @ offset)[:, None]], 1)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    laid: Array = cv2.warpAffine(tile, matrix, shape[::-1], flags=flags, borderMode=cv2.BORDER_WRAP)
    return laid


def unfold(rgba: Array) -> tuple[Array, Array]:
    """Split premultiplied RGBA into straight colour, carried on smoothly where nothing is, and alpha.

    Colour is spread from coarse to fine over a pyramid, so even hair-thin borders keep their own colour.

    Shape:
        - rgba: (H, W, 4) in [0, 1].
        - outputs: (H, W, 3) and (H, W) in [0, 1].
    """
    levels = [rgba]
    while min(levels[-1].shape[:2]) > 2:
        levels.append(cv2.pyrDown(levels[-1]))
    spread = levels[-1][..., :3] / np.maximum(levels[-1][..., 3:], 1e-4)
    for level in reversed(levels[:-1]):
        spread = cv2.pyrUp(spread, dstsize=level.shape[1::-1])
        weight = np.clip(level[..., 3:] * 8, 0, 1)
        spread += weight * (level[..., :3] / np.maximum(level[..., 3:], 1e-4) - spread)
    return np.clip(spread, 0, 1), np.clip(rgba[..., 3], 0, 1)
