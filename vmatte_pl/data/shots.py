"""The frames that a window shows of a layer, decoded when they are rendered and no larger than it takes."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np

from vmatte_pl.data.frames import Frames, ImageFrames, is_jpeg
from vmatte_pl.data.images import Pixels
from vmatte_pl.errors import DataError


class Shot:
    """T frames of a sequence that are not decoded yet; each time somebody goes through them, they are.

    Args:
        frames: The sequence.
        times: Which of its frames, T of them.
        size: Height and width that each frame must have; by default those of the first one, and no frame is refused.
        reducible: Whether JPEGs may be decoded smaller where that is enough. It saves time and changes pixels a
            little: for training.
    """

    def __init__(
        self, frames: Frames, times: Sequence[int], size: tuple[int, int] | None = None, reducible: bool = False
    ) -> None:
        self.frames, self.times, self.demanded = frames, times, size
        jpegs = reducible and isinstance(frames, ImageFrames) and all(is_jpeg(frames.names[t]) for t in times)
        self.jpegs = frames if jpegs and isinstance(frames, ImageFrames) else None

    @property
    def reducible(self) -> bool:
        """Whether the frames can be decoded smaller."""
        return self.jpegs is not None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the whole frames."""
        return self.demanded or self.frames.take(self.times[:1]).size

    def __len__(self) -> int:
        return len(self.times)

    def __iter__(self) -> Iterator[Pixels]:
        yield from (frame for _, frame in sorted(self.stream(), key=lambda shown: shown[0]))

    def stream(self, reduced: int = 1) -> Iterator[tuple[int, Pixels]]:
        """Decode each frame once, in the order in which a video is decoded, and say which of the T it is.

        Args:
            reduced: 2, 4 or 8 decodes them that much smaller, if they are ``reducible``.

        Raises:
            DataError: If a frame cannot be read or is not of the size that it must have.
        """
        order = sorted(range(len(self.times)), key=self.times.__getitem__)
        for time, places in groupby(order, key=self.times.__getitem__):
            frame = self._decode(time, reduced)
            yield from ((place, frame) for place in places)

    def _decode(self, time: int, reduced: int) -> Pixels:
        frame = self.jpegs.rgb(time, reduced) if self.jpegs else self.frames.rgb(time)
        if self.demanded and frame.shape[:2] != tuple(-(-side // reduced) for side in self.demanded):
            check_size(self.frames.rgb(time), self.demanded, self.frames.where(time))
        return frame


Decoded: TypeAlias = Sequence[Pixels] | Pixels
"""T frames of one size, apart or stacked."""

Footage: TypeAlias = Shot | Decoded
"""T frames of one size, decoded or not."""


def shape_of(footage: Footage) -> tuple[int, ...]:
    """Return height and width of whole frames, and their channels if they have any."""
    return (*footage.size, 3) if isinstance(footage, Shot) else footage[0].shape


def stream(footage: Footage, reduced: int = 1) -> Iterator[tuple[int, Pixels]]:
    """Go through frames in any order, each with its place among the T.

    Args:
        footage: The frames.
        reduced: Brings them to a part of their height and width, rounded up: 2 to a half, 4 to a quarter, 8 to an
            eighth. A shot has to be ``reducible`` for it.
    """
    if isinstance(footage, Shot):
        return footage.stream(reduced)
    return ((place, _average(frame, reduced)) for place, frame in enumerate(footage))


def _average(frame: Pixels, reduced: int) -> Pixels:
    """Average squares of pixels; what a JPEG's decoder does is close to it, and lies as exactly on the whole frame."""
    if reduced == 1:
        return frame
    height, width = frame.shape[:2]
    whole = cv2.copyMakeBorder(frame, 0, -height % reduced, 0, -width % reduced, cv2.BORDER_REPLICATE)
    small = (whole.shape[1] // reduced, whole.shape[0] // reduced)
    return np.asarray(cv2.resize(whole, small, interpolation=cv2.INTER_AREA), np.uint8)


def check_size(frame: Pixels, size: tuple[int, int], where: Path | str) -> None:
    """Make sure that a frame of a clip is as large as all of them.

    Raises:
        DataError: If it is not.
    """
    if frame.shape[:2] != size:
        (height, width), (h, w) = size, frame.shape[:2]
        raise DataError(
            expected=f"frames of one size in a clip, here {width}x{height}",
            found=f"{w}x{h}",
            where=where,
            remedy="export the clip's frames again, or split it where the size changes",
        )
