"""Saved mattes: which clips a folder holds, and their frames."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path, PurePath
from typing import TypeAlias

import av
import cv2
import numpy as np
from PIL import Image

from vmatte_pl.data.frames import ImageFrames, is_image
from vmatte_pl.data.images import Pixels
from vmatte_pl.data.videos import decoder_of, has_alpha, is_video, open_video, shown, unreadable_video
from vmatte_pl.errors import DataError

_ALPHA, _COLOUR, _OTHER = {"pha", "alpha"}, {"fgr"}, {"com", "bgr", "base", "trimap", "result"}


@dataclass(frozen=True)
class VideoFrames:
    """The frames of a video file, from its first on.

    Args:
        path: The file.
    """

    path: Path

    @cached_property
    def _count(self) -> int:
        with open_video(self.path) as container:
            return sum(packet.size > 0 and not packet.is_discard for packet in container.demux(video=0))

    def __len__(self) -> int:
        return self._count

    def rgb(self) -> Iterator[Pixels]:
        """Decode all frames as (H, W, 3) RGB."""
        return (shown(frame, "rgb24") for frame in self._decoded())

    def grey(self) -> Iterator[Pixels]:
        """Decode all frames as (H, W): the alpha channel, or where there is none the brightness."""
        for frame in self._decoded():
            if has_alpha(frame.format):
                yield np.ascontiguousarray(shown(frame, "rgba")[..., 3])
            else:
                yield np.asarray(cv2.cvtColor(shown(frame, "rgb24"), cv2.COLOR_RGB2GRAY), np.uint8)

    def _decoded(self) -> Iterator[av.VideoFrame]:
        with open_video(self.path) as container:
            stream = container.streams.video[0]
            decoder = decoder_of(stream)
            try:
                for packet in container.demux(stream):
                    yield from decoder.decode(packet)
            except av.FFmpegError as error:
                raise unreadable_video(self.path) from error


Frames: TypeAlias = ImageFrames | VideoFrames


def read(frames: Frames, positions: Iterable[int], colour: bool = False) -> Iterator[Pixels]:
    """Decode frames, counted from 0; of a video these are its first ones, in order."""
    if isinstance(frames, VideoFrames):
        decoded = frames.rgb() if colour else frames.grey()
        return islice(decoded, len(list(positions)))
    return (frames.rgb(t) if colour else _grey(frames, t) for t in positions)


def _grey(frames: ImageFrames, t: int) -> Pixels:
    """Decode an alpha: the channel of that name, or where there is none, or an opaque one, the brightness."""
    try:
        with Image.open(frames.folder / frames.names[t]) as image:
            alpha = np.array(image.getchannel("A"), np.uint8) if "A" in image.getbands() else None
    except (OSError, SyntaxError):  # SyntaxError is what Pillow raises for a damaged PNG
        alpha = None  # what is damaged is told of below
    return frames.grey(t) if alpha is None or alpha.min() == 255 else alpha


def frames_of(path: Path) -> Frames:
    """Take a folder as its images, a file as a video.

    Raises:
        DataError: If a folder's images are not numbered, or two have the same number.
    """
    return VideoFrames(path) if path.is_file() else ImageFrames.of_folder(path)


@dataclass(frozen=True)
class Matte:
    """Where one clip's alpha is saved, and its foreground if it has one."""

    pha: Path
    fgr: Path | None = None


def find_mattes(root: Path) -> dict[str, Matte]:
    """Find all clips below a folder, however deep, by their paths.

    A clip is a folder of images or a video. What says only which of its parts it is, as ``pha`` in
    ``motion/0000/pha/0000.png``, ``alpha/0000/00000.png`` or ``0000/pha.mp4``, is no part of its name; ``fgr``
    is its foreground; ``com``, ``bgr``, ``trimap`` and ``result`` (what a backbone made of a clip, stored beside
    it) are passed over, and what says nothing is an alpha.

    Raises:
        DataError: If there is none, or two would have the same name.
    """
    if not root.exists():
        raise DataError(expected="a folder of mattes", found="nothing", where=root, remedy="check the path")
    alphas: dict[str, Path] = {}
    colours: dict[str, Path] = {}
    for path in sorted(_sources(root)):
        whole = path.relative_to(root) if path != root else PurePath(path.name)
        parts = (whole.with_suffix("") if path.is_file() else whole).parts
        if _OTHER.intersection(parts):
            continue
        paths = colours if _COLOUR.intersection(parts) else alphas
        name = "/".join(part for part in parts if part not in _ALPHA | _COLOUR) or root.stem
        if name in paths:
            raise DataError(
                expected=f"one matte of the clip {name}", found=f"{paths[name]} too", where=path, remedy="remove one"
            )
        paths[name] = path
    if not alphas:
        raise DataError(
            expected="folders of images, or videos", found="none", where=root, remedy="give the folder above the clips"
        )
    return {name: Matte(path, colours.get(name)) for name, path in alphas.items()}


def _sources(root: Path) -> Iterator[Path]:
    """List folders that hold images, and videos."""
    if root.is_file():
        yield root
    for folder, folders, files in os.walk(root, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith(".")]
        if any(is_image(name) for name in files):
            yield Path(folder)
        for name in files:
            if is_video(name):
                yield Path(folder, name)
