"""A sequence of frames on disk -> frame t, as 8-bit pixels."""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Protocol, Self, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from vmatte_pl.errors import DataError

Pixels: TypeAlias = NDArray[np.uint8]
"""(H, W, 3) RGB or (H, W) grey, 0 to 255."""

Footage: TypeAlias = Sequence[Pixels] | Pixels
"""T frames of one size, apart or stacked."""

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})

_SUFFIXES = tuple(IMAGE_SUFFIXES)  # what str.endswith takes
_LAST_NUMBER = re.compile(r"(\d+)(?!.*\d)")
_ORIENTATION, _FIRST_SIDEWAYS = 0x0112, 5  # EXIF: from 5 on, height and width change places


def is_image(name: str) -> bool:
    """Tell from a file's name whether it is an image; hidden files are not."""
    return not name.startswith(".") and name.lower().endswith(_SUFFIXES)


class Frames(Protocol):
    """A sequence of frames that can be read in any order, counted from 0, from images or from a video."""

    @property
    def home(self) -> Path:
        """The folder of the images, or the video."""

    @property
    def ids(self) -> list[int]:
        """The frames' numbers on disk, rising."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the first frame."""

    @property
    def fps(self) -> float | None:
        """Frames a second, if known."""

    @property
    def has_alpha(self) -> bool:
        """Whether the frames have an alpha channel."""

    def __len__(self) -> int: ...

    def take(self, positions: Sequence[int]) -> Self:
        """Keep the frames at these positions."""

    def matte(self) -> Self:
        """Return the same frames with their alpha channel for ``grey``."""

    def where(self, t: int) -> Path | str:
        """Say where frame ``t`` lies, for messages."""

    def rgb(self, t: int) -> Pixels:
        """Decode frame ``t`` as (H, W, 3) RGB."""

    def grey(self, t: int) -> Pixels:
        """Decode frame ``t`` as (H, W): brightness, or the alpha channel of a ``matte``."""


@dataclass(frozen=True, slots=True)
class ImageFrames:
    """Images of one folder, as a sequence; a photo is a sequence of one.

    Holds names only: nothing is decoded before a frame is asked for, nothing stays open, so that it is
    cheap to keep by the thousand and to send to worker processes.

    Args:
        folder: The folder.
        names: The file names, in order.
        is_matte: Whether ``grey`` is the alpha channel.
        fps: Frames a second, if known.
    """

    folder: Path
    names: tuple[str, ...]
    is_matte: bool = False
    fps: float | None = None

    @classmethod
    def of_folder(cls, folder: Path) -> Self:
        """Take every image of a folder, in the order of their frame ids.

        Raises:
            DataError: If there is no image, one without a number, or two with the same number.
        """
        frames, twins = cls.first_of_each(folder)
        if twins:
            raise DataError(
                expected="one file for each frame",
                found=f"{twins[0]} beside another file, both frame {frame_id(twins[0], folder)}",
                where=folder,
                remedy="keep one of them",
            )
        return frames

    @classmethod
    def first_of_each(cls, folder: Path) -> tuple[Self, list[str]]:
        """Take one image for each frame id of a folder, and name those whose id another one has.

        Raises:
            DataError: If there is no image, or one without a number.
        """
        names = os.listdir(folder)  # noqa: PTH208 - again, names alone
        found = sorted((frame_id(name, folder), name) for name in names if is_image(name))
        if not found:
            raise DataError(
                expected="image files",
                found="none",
                where=folder,
                remedy=f"put the frames there ({', '.join(sorted(IMAGE_SUFFIXES))}), or remove the folder",
            )
        twins = [twin for (one, _), (other, twin) in pairwise(found) if one == other]
        if twins:
            found = sorted(dict(reversed(found)).items())
        return cls(folder, tuple(name for _, name in found)), twins

    def __len__(self) -> int:
        return len(self.names)

    @property
    def home(self) -> Path:
        """The folder."""
        return self.folder

    @property
    def ids(self) -> list[int]:
        """The frames' numbers, rising."""
        return [frame_id(name, self.folder) for name in self.names]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the first frame, from its header."""
        return image_size(self.folder / self.names[0])

    @property
    def has_alpha(self) -> bool:
        """Whether the first image has an alpha channel, from its header."""
        with _opened(self.where(0)) as image:
            return image.has_transparency_data

    def take(self, positions: Sequence[int]) -> Self:
        """Keep the frames at these positions."""
        return replace(self, names=tuple(self.names[t] for t in positions))

    def matte(self) -> Self:
        """Return the same frames with their alpha channel for ``grey``."""
        return replace(self, is_matte=True)

    def where(self, t: int) -> Path:
        """Return the path of frame ``t``."""
        return self.folder / self.names[t]

    def rgb(self, t: int) -> Pixels:
        """Decode frame ``t``, counted from 0, as (H, W, 3) RGB."""
        return _decode(self.where(t), cv2.IMREAD_COLOR_RGB)

    def grey(self, t: int) -> Pixels:
        """Decode frame ``t``, counted from 0, as (H, W): brightness, or the alpha channel of a matte.

        Raises:
            DataError: If the file cannot be read, or a matte has no alpha channel.
        """
        return _decode_alpha(self.where(t)) if self.is_matte else _decode(self.where(t), cv2.IMREAD_GRAYSCALE)


def frame_id(name: str, folder: Path) -> int:
    """Return the last number in a file's name: 12 for ``shot2_00012.png``.

    Raises:
        DataError: If there is no number in it.
    """
    number = _LAST_NUMBER.search(name.rpartition(".")[0])
    if number is None:
        raise DataError(
            expected="a frame number in every file's name",
            found=name,
            where=folder,
            remedy="name the frames 00000.jpg, 00001.jpg, …",
        )
    return int(number[1])


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
        whole = not data.startswith(b"\xff\xd8") or b"\xff\xd9" in data[-1024:]
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags) if whole else None
    except (OSError, cv2.error) as error:
        raise _unreadable(path) from error
    if pixels is None:
        raise _unreadable(path)
    return np.asarray(pixels)


def _decode_alpha(path: Path) -> Pixels:
    pixels = _decode(path, cv2.IMREAD_UNCHANGED)
    if pixels.ndim != 3 or pixels.shape[2] != 4:
        raise DataError(
            expected="an image with an alpha channel",
            found="one without",
            where=path,
            remedy="export the sequence with alpha, or give the alpha as images of its own",
        )
    return np.ascontiguousarray(pixels[..., 3])


def _unreadable(path: Path) -> DataError:
    return DataError(
        expected="a readable image",
        found="a missing, truncated or damaged file",
        where=path,
        remedy="copy the file again, or remove the frame from its clip (fgr and pha)",
    )
