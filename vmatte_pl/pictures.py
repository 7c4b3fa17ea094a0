"""Pictures that let the eye judge mattes: contact sheets, strips, the frames of a comparison video."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from vmatte_pl.files import atomic

Picture: TypeAlias = NDArray[np.uint8]
"""(H, W, 3) RGB, or (H, W) for an alpha, 255 opaque."""
Box: TypeAlias = tuple[int, int]
"""Width and height in pixels."""
Colour: TypeAlias = tuple[int, int, int]
Panels: TypeAlias = Sequence[tuple[str, Picture]]
"""Titles and pictures, from left to right."""

GROUND, TEXT, MUTED = (19, 21, 24), (231, 234, 238), (150, 157, 166)
FLAT = np.array((56, 118, 104), np.float32)
"""The one-coloured background that lets leftovers and holes be seen."""
TOO_MUCH, TOO_LITTLE, NO_ERROR = np.array([(255, 146, 66), (66, 170, 255), (26, 28, 31)], np.float32)
TALLEST = 0.75
"""Height of a panel over its width, at most: portrait footage is made narrower rather than taller."""


@dataclass(frozen=True)
class Shot:
    """A frame of a clip with its mattes.

    Shape:
        - com: (H, W, 3) uint8 RGB.
        - true, boosted, base: (H, W) uint8, 255 opaque; no ``base`` if a network runs alone.
    """

    clip: str
    frame: int
    com: Picture
    true: Picture
    boosted: Picture
    base: Picture | None = None

    def within(self, box: Box) -> "Shot":
        """Return the shot made small enough for ``box``, its aspect kept; never larger than it is."""
        if self.com.shape[1] <= box[0] and self.com.shape[0] <= box[1]:
            return self
        base = None if self.base is None else _fit(self.base, box)
        return Shot(self.clip, self.frame, _fit(self.com, box), _fit(self.true, box), _fit(self.boosted, box), base)


def panel_box(shot: Shot, width: int) -> Box:
    """Return the size of a panel ``width`` pixels wide that suits a shot's aspect."""
    height, across = shot.com.shape[:2]
    return width, round(width * min(height / across, TALLEST))


def contact_sheet(shots: Sequence[Shot], width: int = 320, note: str = "") -> Picture:
    """Lay out one row a shot: the frame, the true alpha, the predicted ones, and where they err.

    Args:
        shots: One at least, of any sizes; all with a base or all without.
        width: Of a panel, in pixels.
        note: What a reader should know of the choice of frames, for the lower left corner.
    """
    rows = [_evidence(shot) for shot in shots]
    sheet = _Sheet(len(rows[0]), width)
    sheet.text([title for title, _ in rows[0]], TEXT)
    for shot, row in zip(shots, rows, strict=True):
        sheet.pictures([picture for _, picture in row], panel_box(shot, width)[1])
        sheet.text([_name(shot), "", *_scores(shot)], MUTED)
        sheet.space()
    sheet.add(_legend(sheet, note))
    return sheet.picture()


def comparison(shot: Shot, box: Box) -> Picture:
    """Return a frame of a comparison video: the mattes, and the subject cut out by them over one flat colour.

    Args:
        shot: What to show.
        box: Of each panel; the same for every frame of a video, whatever its clips' sizes are.
    """
    if shot.base is None:
        return _grid([[*_mattes(shot), ("cut-out", over_flat(shot.com, shot.boosted))]], box, _name(shot))
    frame, true, *predicted = _mattes(shot)
    base, boosted = over_flat(shot.com, shot.base), over_flat(shot.com, shot.boosted)
    rows = [[frame, *predicted], [true, ("base cut-out", base), ("boosted cut-out", boosted)]]
    return _grid(rows, box, _name(shot))


def strip(shot: Shot, width: int = 320) -> Picture:
    """Return the frame, the true alpha and the predicted ones side by side, titled."""
    return _grid([_mattes(shot)], panel_box(shot, width), _name(shot))


def over_flat(com: Picture, alpha: Picture) -> Picture:
    """Lay the frame's own colours over one flat colour, as a user without a foreground estimate would."""
    opacity = alpha[..., None].astype(np.float32) / 255
    return (com * opacity + FLAT * (1 - opacity)).round().astype(np.uint8)


def error_map(pred: Picture, true: Picture) -> Picture:
    """Colour a matte's error, warm where it has too much alpha, cool where too little, over a dim subject."""
    ground = NO_ERROR + true[..., None].astype(np.float32) * (36 / 255)
    error: NDArray[np.float32] = (pred.astype(np.float32) - true) / np.float32(255)
    return _tint(error, ground)


def save_png(picture: Picture, path: Path) -> None:
    """Write a picture, whole or not at all."""
    with atomic(path) as part:
        Image.fromarray(picture).save(part, format="PNG", optimize=True)


def _tint(error: NDArray[np.float32], ground: NDArray[np.float32]) -> Picture:
    colour = np.where(error[..., None] > 0, TOO_MUCH, TOO_LITTLE)
    # the root lets errors of a few percent be seen beside those of 100 %
    tinted: NDArray[np.float32] = ground + (colour - ground) * np.abs(error)[..., None] ** 0.6
    return tinted.round().astype(np.uint8)


def _mattes(shot: Shot) -> Panels:
    seen = [("frame", shot.com), ("true alpha", shot.true)]
    if shot.base is None:
        return [*seen, ("alpha", shot.boosted)]
    return [*seen, ("base alpha", shot.base), ("boosted alpha", shot.boosted)]


def _evidence(shot: Shot) -> Panels:
    if shot.base is None:
        return [*_mattes(shot), ("error", error_map(shot.boosted, shot.true))]
    errors = error_map(shot.base, shot.true), error_map(shot.boosted, shot.true)
    return [*_mattes(shot), ("base error", errors[0]), ("boosted error", errors[1])]


def _fit(picture: Picture, box: Box) -> Picture:
    """Scale to the largest size that fits the box."""
    height, width = picture.shape[:2]
    scale = min(box[0] / width, box[1] / height)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    fitted = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    return np.asarray(fitted, dtype=np.uint8)


class _Sheet:
    """Lines of text and of pictures in columns, top to bottom on a dark ground.

    Args:
        columns: Of panels.
        width: Of a panel in pixels; text and gaps follow it.
    """

    def __init__(self, columns: int, width: int) -> None:
        self.pitch, self.gap = width + max(4, width // 40), max(4, width // 40)
        self.width, self.panel = columns * self.pitch - self.gap, width
        self.font = _font(max(12, width // 14))
        self.line_height = round(self.font.size * 1.35)
        self._lines: list[Image.Image] = []

    def line(self, height: int) -> Image.Image:
        """Return an empty line, not yet added."""
        return Image.new("RGB", (self.width, height), GROUND)

    def add(self, line: Image.Image) -> None:
        """Add a line below what is there."""
        self._lines.append(line)

    def space(self) -> None:
        """Add an empty line of half a text's height."""
        self.add(self.line(self.line_height // 2))

    def text(self, texts: Sequence[str], colour: Colour) -> None:
        """Write a text at the left edge of each column."""
        line = self.line(self.line_height)
        draw = ImageDraw.Draw(line)
        for i, text in enumerate(texts):
            draw.text((i * self.pitch, line.height / 2), text, colour, self.font, anchor="lm")
        self.add(line)

    def pictures(self, pictures: Sequence[Picture], height: int) -> None:
        """Put a picture in the middle of each column, as large as it fits."""
        line = self.line(height)
        for i, picture in enumerate(pictures):
            image = Image.fromarray(_fit(picture, (self.panel, height))).convert("RGB")
            line.paste(image, (i * self.pitch + (self.panel - image.width) // 2, (height - image.height) // 2))
        self.add(line)

    def picture(self) -> Picture:
        """Return the sheet with a margin around it."""
        gap, margin = self.gap, 2 * self.gap
        height = sum(line.height + gap for line in self._lines) - gap
        sheet, y = Image.new("RGB", (self.width + 2 * margin, height + 2 * margin), GROUND), margin
        for line in self._lines:
            sheet.paste(line, (margin, y))
            y += line.height + gap
        return np.asarray(sheet, dtype=np.uint8)


def _grid(rows: Sequence[Panels], box: Box, caption: str) -> Picture:
    sheet = _Sheet(len(rows[0]), box[0])
    for row in rows:
        sheet.text([title for title, _ in row], TEXT)
        sheet.pictures([picture for _, picture in row], box[1])
    sheet.text([caption], MUTED)
    return sheet.picture()


def _legend(sheet: _Sheet, note: str) -> Image.Image:
    """Return the note and, under the error maps, their colours' scale."""
    line, size = sheet.line(2 * sheet.line_height), sheet.line_height
    draw, bar = ImageDraw.Draw(line), sheet.panel
    left = sheet.width - bar
    scale = np.tile(np.linspace(-1, 1, bar, dtype=np.float32), (size // 2, 1))
    line.paste(Image.fromarray(_tint(scale, NO_ERROR)), (left, size // 4))
    for value, anchor in ((-1, "lm"), (-0.5, "mm"), (0, "mm"), (0.5, "mm"), (1, "rm")):
        at = (left + (value + 1) / 2 * (bar - 1), 1.5 * size)
        draw.text(at, f"{value:+g}" if value else "0", MUTED, sheet.font, anchor)
    draw.text((left - 2 * sheet.gap, size / 2), "too little alpha  |  too much", MUTED, sheet.font, "rm")
    draw.text((0, size / 2), note, MUTED, sheet.font, "lm")
    return line


def _name(shot: Shot) -> str:
    return f"{shot.clip}  ·  frame {shot.frame}"


def _scores(shot: Shot) -> list[str]:
    """Return what stands below the predicted alphas: each one's MAD in 1e-3, and the gain."""
    boosted = _mad(shot.boosted, shot.true)
    if shot.base is None:
        return [f"MAD {boosted:.2f}"]
    base = _mad(shot.base, shot.true)
    gain = f"  ·  gain {100 * (1 - boosted / base):+.0f} %" if base else ""
    return [f"MAD {base:.2f}", f"MAD {boosted:.2f}{gain}"]


def _mad(pred: Picture, true: Picture) -> float:
    return float(np.abs(pred.astype(np.float32) - true).mean() / 255 * 1e3)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise RuntimeError("Pillow was built without FreeType, which draws the labels")
    return font
