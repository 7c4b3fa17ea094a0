"""Frames to video files."""

from collections.abc import Iterable
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

from vmatte_pl.files import atomic


def encode(frames: Iterable[NDArray[np.uint8]], path: Path, fps: Fraction | int = 25, crf: int = 18) -> None:
    """Write frames as an MP4 that browsers and players can play.

    H.264 where PyAV was built with libx264, else MPEG-4 part 2; 4:2:0, the index in front, so that a player
    can start before it has the whole file. Odd sizes, which 4:2:0 cannot hold, gain a copy of their
    last row or column. Frames are taken one by one and may come from a generator.

    Args:
        frames: RGB frames of one size, one at least.
        path: The file to write, ending in ``.mp4``.
        fps: Frames a second, exact: NTSC film is ``Fraction(24000, 1001)``.
        crf: H.264's constant quality: 0 is lossless, 18 hardly tellable from the source, 51 the worst.

    Shape:
        - frames: (H, W, 3) uint8 each.

    Raises:
        ValueError: There is no frame, or a frame differs in size from the first.
    """
    frames = iter(frames)
    first = next(frames, None)
    if first is None:
        raise ValueError(f"no frames to write to {path}")
    h264 = "libx264" in av.codecs_available
    with atomic(path) as part, av.open(str(part), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream(
            "libx264" if h264 else "mpeg4",
            rate=Fraction(fps),
            options={"crf": str(crf), "preset": "medium"} if h264 else {"qmin": "2", "qmax": "4"},
        )
        stream.height, stream.width = (size + size % 2 for size in first.shape[:2])
        stream.pix_fmt = "yuv420p"
        # MPEG-4 part 2 cannot name its colour matrix, and players then take it for BT.601
        stream.codec_context.colorspace = Colorspace.ITU709 if h264 else Colorspace.ITU601
        stream.codec_context.color_range = ColorRange.MPEG
        for frame in chain([first], frames):
            if frame.shape != first.shape:
                raise ValueError(f"frames of {first.shape} and of {frame.shape} cannot share {path}")
            container.mux(stream.encode(_picture(frame, stream.codec_context.colorspace)))
        container.mux(stream.encode())


def _picture(frame: NDArray[np.uint8], matrix: int) -> av.VideoFrame:
    height, width = frame.shape[:2]
    even = np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    picture = av.VideoFrame.from_ndarray(even, format="rgb24")
    return picture.reformat(format="yuv420p", dst_colorspace=matrix)
