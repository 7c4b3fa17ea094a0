from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from vmatte_pl.video import encode

FILM = Fraction(24000, 1001)


def flat(colour: tuple[int, int, int], height: int = 48, width: int = 64) -> NDArray[np.uint8]:
    return np.full((height, width, 3), colour, np.uint8)


def decoded(path: Path) -> list[NDArray[np.uint8]]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24").astype(np.uint8) for frame in container.decode(video=0)]


@pytest.mark.parametrize("codec", ["h264", "mpeg4"])
def test_frames_come_back_in_number_order_and_colour(
    tmp_path: Path, codec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if codec == "mpeg4":
        monkeypatch.setattr(av, "codecs_available", {"mpeg4"})
    colours = [(200, 40, 40), (30, 180, 60), (40, 60, 210), (128, 128, 128), (255, 255, 255), (0, 0, 0)]
    path = tmp_path / "clip.mp4"
    encode((flat(colour) for colour in colours), path, FILM)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == codec
        assert stream.average_rate == FILM
        assert stream.pix_fmt == "yuv420p"
    frames = decoded(path)
    assert len(frames) == len(colours)
    for frame, colour in zip(frames, colours, strict=True):
        assert np.abs(frame.astype(int) - colour).max() <= 6
    assert list(tmp_path.iterdir()) == [path]


def test_odd_sizes_are_rounded_up(tmp_path: Path) -> None:
    encode([flat((90, 90, 90), 47, 63)] * 3, tmp_path / "clip.mp4")
    assert {frame.shape for frame in decoded(tmp_path / "clip.mp4")} == {(48, 64, 3)}


def test_the_index_stands_in_front_so_that_browsers_can_start(tmp_path: Path) -> None:
    encode([flat((90, 90, 90))] * 3, tmp_path / "clip.mp4")
    data = (tmp_path / "clip.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


@pytest.mark.parametrize("frames", [[], [flat((0, 0, 0)), flat((0, 0, 0), 50)]], ids=["none", "two sizes"])
def test_what_cannot_be_a_video_leaves_no_file(tmp_path: Path, frames: list[NDArray[np.uint8]]) -> None:
    with pytest.raises(ValueError, match=r"clip\.mp4"):
        encode(frames, tmp_path / "clip.mp4")
    assert list(tmp_path.iterdir()) == []
