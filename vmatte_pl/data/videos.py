"""A video file -> frame t, exactly, in any order."""

import gc
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Self

import av
import numpy as np
from av.sidedata.sidedata import Type

from vmatte_pl.data.images import Pixels
from vmatte_pl.errors import DataError

VIDEO_SUFFIXES = frozenset({".mp4", ".mov", ".webm", ".mkv", ".m4v", ".avi"})

_OPEN_FILES = 8  # decoders that a process keeps: foreground, alpha and background of the clips it is in


def is_video(name: str) -> bool:
    """Tell from a file's name whether it is a video; hidden files are not."""
    return not name.startswith(".") and name.lower().endswith(tuple(VIDEO_SUFFIXES))


@dataclass(frozen=True, slots=True)
class VideoFrames:
    """Frames of a video file, in the order in which they are shown.

    Args:
        path: The file.
        positions: Which of the file's frames.
        size: Height and width.
        fps: Frames a second, on average.
        has_alpha: Whether the video has an alpha channel.
        is_matte: Whether ``grey`` is the alpha channel.
    """

    path: Path
    positions: Sequence[int]
    size: tuple[int, int]
    fps: float | None
    has_alpha: bool
    is_matte: bool = False

    @classmethod
    def of_file(cls, path: Path) -> Self:
        """Take all frames of a file; the first one is decoded, as nothing else tells how it is shown.

        Raises:
            DataError: If it cannot be read.
        """
        with open_video(path) as container:
            stream = container.streams.video[0]
            if stream.frames:  # the header lists the frames: no need to read the whole file
                count = sum(not entry.is_discard for entry in stream.index_entries)
            else:
                count = len(_timestamps(path))
            first = _first_frame(container) if count else None
            if first is None:
                raise unreadable_video(path)
            height, width = shown(first, "gray").shape
            alpha = _hides_alpha(stream) or has_alpha(first.format)
            fps = float(stream.average_rate) if stream.average_rate else None
            return cls(path, range(count), (height, width), fps, alpha)

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def home(self) -> Path:
        """The file."""
        return self.path

    @property
    def ids(self) -> list[int]:
        """The frames' places in the file."""
        return list(self.positions)

    def take(self, positions: Sequence[int]) -> Self:
        """Keep the frames at these positions."""
        return replace(self, positions=tuple(self.positions[t] for t in positions))

    def matte(self) -> Self:
        """Return the same frames with their alpha channel for ``grey``."""
        return replace(self, is_matte=True)

    def where(self, t: int) -> str:
        """Name the file and the frame in it."""
        return f"{self.path}, frame {self.positions[t]}"

    def rgb(self, t: int) -> Pixels:
        """Decode frame ``t`` as (H, W, 3) RGB.

        Raises:
            DataError: If the file is damaged.
        """
        return shown(self._frame(t), "rgb24")

    def grey(self, t: int) -> Pixels:
        """Decode frame ``t`` as (H, W): brightness, or the alpha channel of a matte.

        Raises:
            DataError: If the file is damaged, or a matte has no alpha channel.
        """
        frame = self._frame(t)
        if not self.is_matte:
            return shown(frame, "gray")
        if not has_alpha(frame.format):
            raise DataError(
                expected="a video with an alpha channel",
                found=f"{frame.format.name} without",
                where=self.path,
                remedy="export it with alpha (ProRes 4444, VP9 WebM), or give the alpha as a video of its own",
            )
        return np.ascontiguousarray(shown(frame, "rgba")[..., 3])

    def _frame(self, t: int) -> av.VideoFrame:
        return _decoder(self.path).frame(self.positions[t])


class _Decoder:
    """Reads frames by number: on from where it stands, or from the last keyframe before the frame."""

    def __init__(self, path: Path) -> None:
        self.path = path
        packets = _timestamps(path)
        self.shown = sorted(packets)
        self.keys = sorted(pts for pts, is_key in packets.items() if is_key)
        self.container = open_video(path)
        self.stream = self.container.streams.video[0]
        self.frames = self._decoded()
        self.last: av.VideoFrame | None = None

    def frame(self, number: int) -> av.VideoFrame:
        if number >= len(self.shown):
            raise DataError(
                expected=f"at least {number + 1} frames",
                found=str(len(self.shown)),
                where=self.path,
                remedy="copy the file again, or encode it again",
            )
        wanted = self.shown[number]
        if self.last is not None and self.last.pts == wanted:
            return self.last
        key = max((key for key in self.keys if key <= wanted), default=self.shown[0])
        if self.last is None or not key <= (self.last.pts or 0) < wanted:
            self._seek(key)
        found = self._advance(wanted)
        if found is None:  # a keyframe from which decoding cannot start, or a seek that went too far
            self._seek(self.shown[0])
            found = self._advance(wanted)
        if found is None:
            raise unreadable_video(self.path, f"no picture for frame {number}")
        return found

    def _seek(self, pts: int) -> None:
        self.container.seek(pts, stream=self.stream, backward=True)
        self.frames, self.last = self._decoded(), None

    def _advance(self, wanted: int) -> av.VideoFrame | None:
        try:
            for frame in self.frames:
                self.last = frame
                if frame.pts is not None and frame.pts >= wanted:
                    return frame if frame.pts == wanted else None
        except av.FFmpegError as error:
            raise unreadable_video(self.path) from error
        return None

    def _decoded(self) -> Iterator[av.VideoFrame]:
        decoder = decoder_of(self.stream)
        if not _hides_alpha(self.stream):  # the file's own decoder, which has been elsewhere
            decoder.flush_buffers()
        for packet in self.container.demux(self.stream):
            yield from decoder.decode(packet)


@lru_cache(maxsize=_OPEN_FILES)
def _decoder(path: Path) -> _Decoder:
    return _Decoder(path)


def _close_decoders() -> None:
    _decoder.cache_clear()
    gc.collect()  # a file and its streams know each other, so that nothing else closes them at once


# A worker that is forked off would share its parent's place in a file, and wait forever for threads that were not
# forked, once it closes one of its parent's files.
if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(before=_close_decoders)


def _first_frame(container: av.container.InputContainer) -> av.VideoFrame | None:
    try:
        return next(container.decode(video=0), None)
    except av.FFmpegError as error:
        raise unreadable_video(Path(container.name)) from error


def _timestamps(path: Path) -> dict[int, bool]:
    """Return when each frame is shown, and whether it is a keyframe; reads the file, decodes nothing."""
    with open_video(path) as container:
        packets = {p.pts: p.is_keyframe for p in container.demux(video=0) if p.size and not p.is_discard}
    if None in packets:
        raise DataError(
            expected="a time for every frame",
            found="frames without",
            where=path,
            remedy="copy it into another container: ffmpeg -fflags +genpts -i IN -c copy OUT.mov",
        )
    return {pts: is_key for pts, is_key in packets.items() if pts is not None}


def _hides_alpha(stream: av.VideoStream) -> bool:
    """Tell whether VP8 or VP9 carries an alpha channel beside its pictures."""
    return stream.metadata.get("alpha_mode") == "1"


def decoder_of(stream: av.VideoStream) -> av.VideoCodecContext:
    """Return what decodes a stream, its alpha channel included: FFmpeg's own decoders of VP8 and VP9 drop it."""
    decoder = stream.codec_context
    if not _hides_alpha(stream):
        return decoder
    return av.VideoCodecContext.create("libvpx-vp9" if decoder.name == "vp9" else "libvpx", "r")


def shown(frame: av.VideoFrame, pixels: str) -> Pixels:
    """Return a frame's pixels turned and mirrored as players show them: phones film lying on their side, and say so.

    Args:
        frame: The frame as it is stored.
        pixels: FFmpeg's name of the format to return it in.
    """
    picture = np.asarray(frame.to_ndarray(format=pixels), np.uint8)
    try:
        said = frame.side_data[Type.DISPLAYMATRIX]  # type: ignore[typeddict-item]  # PyAV's types know other data alone
    except KeyError:
        return picture
    matrix = np.frombuffer(bytes(said), np.int32).reshape(3, 3)
    # How far to the right and down a step to the right leads, and one down.
    (right, down), (right_of_down, down_of_down) = matrix[:2, :2]
    if abs(right) < abs(down):
        picture, right, down_of_down = picture.swapaxes(0, 1), right_of_down, down
    picture = picture[:, ::-1] if right < 0 else picture
    return np.ascontiguousarray(picture[::-1] if down_of_down < 0 else picture)


def has_alpha(pixels: av.VideoFormat) -> bool:
    """Tell whether pixels of a format have an alpha channel."""
    return any(component.is_alpha for component in pixels.components)


def open_video(path: Path) -> av.container.InputContainer:
    """Open a file with video in it.

    Raises:
        DataError: If it cannot be read, or has none.
    """
    try:
        container = av.open(str(path))
    except (av.FFmpegError, OSError) as error:
        raise unreadable_video(path) from error
    if not container.streams.video:
        raise unreadable_video(path, "no video in it")
    return container


def unreadable_video(path: Path, found: str = "a missing, truncated or damaged file") -> DataError:
    """Return the error that says so of a video."""
    return DataError(expected="a readable video", found=found, where=path, remedy="copy the file again, or remove it")
