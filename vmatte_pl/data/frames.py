"""A sequence of frames on disk -> frame t, as 8-bit pixels."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Protocol, Self

from vmatte_pl.data.images import Pixels, decode_alpha, decode_grey, decode_rgb, image_has_alpha, image_size
from vmatte_pl.errors import DataError

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})

_SUFFIXES = tuple(IMAGE_SUFFIXES)  # what str.endswith takes
_LAST_NUMBER = re.compile(r"(\d+)(?!.*\d)")


def is_image(name: str) -> bool:
    """Tell from a file's name whether it is an image; hidden files are not."""
    return not name.startswith(".") and name.lower().endswith(_SUFFIXES)


def is_jpeg(name: str) -> bool:
    """Tell from a file's name whether it is a JPEG."""
    return name.lower().endswith((".jpg", ".jpeg"))


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
        return image_has_alpha(self.where(0))

    def take(self, positions: Sequence[int]) -> Self:
        """Keep the frames at these positions."""
        return replace(self, names=tuple(self.names[t] for t in positions))

    def matte(self) -> Self:
        """Return the same frames with their alpha channel for ``grey``."""
        return replace(self, is_matte=True)

    def where(self, t: int) -> Path:
        """Return the path of frame ``t``."""
        return self.folder / self.names[t]

    def rgb(self, t: int, reduced: int = 1) -> Pixels:
        """Decode frame ``t``, counted from 0, as (H, W, 3) RGB; a JPEG may be ``reduced`` as by ``decode_rgb``.

        Raises:
            DataError: If the file cannot be read.
        """
        return decode_rgb(self.where(t), reduced)

    def grey(self, t: int) -> Pixels:
        """Decode frame ``t``, counted from 0, as (H, W): brightness, or the alpha channel of a matte.

        Raises:
            DataError: If the file cannot be read, or a matte has no alpha channel.
        """
        return decode_alpha(self.where(t)) if self.is_matte else decode_grey(self.where(t))


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
