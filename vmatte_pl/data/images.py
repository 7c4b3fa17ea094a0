"""An image file -> its pixels, or what its header says."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from vmatte_pl.errors import DataError

Pixels: TypeAlias = NDArray[np.uint8]
"""(H, W, 3) RGB or (H, W) grey, 0 to 255."""

_ORIENTATION, _FIRST_SIDEWAYS = 0x0112, 5  # EXIF: from 5 on, height and width change places

# OpenCV's flag for a reduced size has the bit of the factor; that of grey has no other, and RGB's can join it.
_REDUCED = {
    1: 0,
    2: cv2.IMREAD_REDUCED_GRAYSCALE_2,
    4: cv2.IMREAD_REDUCED_GRAYSCALE_4,
    8: cv2.IMREAD_REDUCED_GRAYSCALE_8,
}


def decode_rgb(path: Path, reduced: int = 1) -> Pixels:
    """Decode an image as (H, W, 3) RGB.

    Args:
        path: The file.
        reduced: 2, 4 or 8 decodes a JPEG at a half, a quarter or an eighth of its height and width, rounded up,
            from the low frequencies that it stores: in less time, and each pixel is about the mean of those it
            stands for.

    Raises:
        DataError: If the file cannot be read.
    """
    return _decode(path, cv2.IMREAD_COLOR_RGB | _REDUCED[reduced])


def decode_grey(path: Path) -> Pixels:
    """Decode an image's brightness as (H, W).

    Raises:
        DataError: If the file cannot be read.
    """
    return _decode(path, cv2.IMREAD_GRAYSCALE)


def decode_alpha(path: Path) -> Pixels:
    """Decode an image's alpha channel as (H, W).

    Raises:
        DataError: If the file cannot be read, or has no alpha channel.
    """
    pixels = _decode(path, cv2.IMREAD_UNCHANGED)
    if pixels.ndim != 3 or pixels.shape[2] != 4:
        raise DataError(
            expected="an image with an alpha channel",
            found="one without",
            where=path,
            remedy="export the sequence with alpha, or give the alpha as images of its own",
        )
    return np.ascontiguousarray(pixels[..., 3])


def decode_shares(path: Path | str) -> NDArray[np.float32]:
    """Decode a grey image as (H, W) in [0, 1], to all the bits that it has.

    Raises:
        DataError: If the file cannot be read.
    """
    pixels = _imdecode(Path(path), cv2.IMREAD_UNCHANGED)
    return np.asarray(pixels / np.float32(np.iinfo(pixels.dtype).max), np.float32)


def image_size(path: Path) -> tuple[int, int]:
    """Read an image's height and width from its header, turned upright as its EXIF orientation says.

    Raises:
        DataError: If the file cannot be read.
    """
    with _opened(path) as image:
        width, height = image.size
        # Where there is none in the header, some formats would decode the image to look for it.
        sideways = "exif" in image.info and image.getexif().get(_ORIENTATION, 1) >= _FIRST_SIDEWAYS
    return (width, height) if sideways else (height, width)


def image_has_alpha(path: Path) -> bool:
    """Read from an image's header whether it has an alpha channel.

    Raises:
        DataError: If the file cannot be read.
    """
    with _opened(path) as image:
        return image.has_transparency_data


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """Open an image and read its header."""
    try:
        with Image.open(path) as image:
            yield image
    except (OSError, UnidentifiedImageError) as error:
        raise _unreadable(path) from error


def _decode(path: Path, flags: int) -> Pixels:
    pixels = _imdecode(path, flags)
    if pixels.dtype == np.uint16:
        pixels = cv2.convertScaleAbs(pixels, alpha=1 / 257)
    return np.asarray(pixels, np.uint8)


def _imdecode(path: Path, flags: int) -> NDArray[np.uint8] | NDArray[np.uint16]:
    try:
        data = path.read_bytes()
        # Some decoders fill what a truncated JPEG lacks with grey; its end marker tells.
        whole = not data.startswith(b"\xff\xd8") or _jpeg_ends(data)
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags) if whole else None
    except (OSError, cv2.error) as error:
        raise _unreadable(path) from error
    if pixels is None:
        raise _unreadable(path)
    return np.asarray(pixels)


def _jpeg_ends(data: bytes) -> bool:
    """Tell whether a JPEG has its end marker; behind it may lie anything, such as the film of a phone's photograph."""
    at = 2
    while data[at : at + 1] == b"\xff" and at + 4 <= len(data):
        if data[at + 1] == 0xFF:  # markers may have more of these before them
            at += 1
            continue
        if data[at + 1] == 0xDA:  # the first scan, in which the marker cannot stand for anything else
            return data.rfind(b"\xff\xd9", at) >= 0  # from behind: mostly it is the last there is
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return False


def _unreadable(path: Path) -> DataError:
    return DataError(
        expected="a readable image",
        found="a missing, truncated or damaged file",
        where=path,
        remedy="copy the file again, or remove the frame from its clip (fgr and pha)",
    )
