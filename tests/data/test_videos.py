import gc
import multiprocessing
import random
import shutil
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.footage import write_video
from vmatte_pl.commands import mattes
from vmatte_pl.data.images import Pixels
from vmatte_pl.data.videos import VideoFrames
from vmatte_pl.errors import DataError

FILM = Fraction(24000, 1001)
COUNT = 40


def steps(count: int = COUNT) -> list[NDArray[np.uint8]]:
    """Flat RGBA frames, each of a grey and an alpha of its own."""
    frames = np.zeros((count, 48, 64, 4), np.uint8)
    frames[..., :3] = (40 + 4 * np.arange(count))[:, None, None, None]
    frames[..., 3] = (230 - 5 * np.arange(count))[:, None, None]
    return list(frames)


def opaque() -> list[NDArray[np.uint8]]:
    return [np.ascontiguousarray(frame[..., :3]) for frame in steps()]


def grey_of(frame: Pixels) -> float:
    return float(frame[20:28, 20:28].mean())


WITH_ALPHA = {
    "mov": ("prores_ks", "yuva444p10le", {"profile": "4444"}),
    "webm": ("libvpx-vp9", "yuva420p", {"crf": "4", "b:v": "0", "auto-alt-ref": "0"}),
    "mkv": ("ffv1", "bgra", {}),
}
WITHOUT = {
    "mp4": ("libx264", "yuv420p", {"x264-params": "keyint=12:bframes=3:open-gop=1:log-level=none", "crf": "4"}),
    "avi": ("mpeg4", "yuv420p", {"qmin": "2", "qmax": "2"}),
}


@pytest.mark.parametrize("suffix", [*WITH_ALPHA, *WITHOUT])
def test_every_frame_is_found_from_anywhere(tmp_path: Path, suffix: str) -> None:
    codec, pixels, options = (WITH_ALPHA | WITHOUT)[suffix]
    path = write_video(
        tmp_path / f"clip.{suffix}", steps() if suffix in WITH_ALPHA else opaque(), codec, pixels, FILM, options
    )
    frames = VideoFrames.of_file(path)
    assert (len(frames), frames.size) == (COUNT, (48, 64))
    assert frames.fps == pytest.approx(float(FILM), rel=1e-5)
    assert frames.has_alpha == (suffix in WITH_ALPHA)
    order = list(range(COUNT))
    random.Random(0).shuffle(order)  # noqa: S311 - an order, no secret
    for t in [*order, *range(COUNT), *reversed(range(COUNT))]:
        assert grey_of(frames.rgb(t)) == pytest.approx(40 + 4 * t, abs=1.9), t


@pytest.mark.parametrize("suffix", WITH_ALPHA)
def test_the_alpha_channel_is_read(tmp_path: Path, suffix: str) -> None:
    codec, pixels, options = WITH_ALPHA[suffix]
    matte = VideoFrames.of_file(
        write_video(tmp_path / f"clip.{suffix}", steps(), codec, pixels, options=options)
    ).matte()
    for t in (0, 39, 17, 18):
        assert grey_of(matte.grey(t)) == pytest.approx(230 - 5 * t, abs=2.4)


def test_a_video_without_alpha_is_no_matte(tmp_path: Path) -> None:
    frames = VideoFrames.of_file(write_video(tmp_path / "clip.mp4", opaque(), "libx264", "yuv420p"))
    assert grey_of(frames.grey(5)) == pytest.approx(60, abs=3)
    with pytest.raises(DataError, match=r"alpha channel, found yuv420p without in .*clip\.mp4"):
        frames.matte().grey(0)


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("turn", [0, 90, 180, -90])
def test_frames_stand_as_players_show_them(tmp_path: Path, turn: int, mirror: bool) -> None:
    stored = np.zeros((48, 64, 4), np.uint8)
    stored[..., 3] = 255
    stored[:24, :16, :3], stored[:24, 16:, :3], stored[24:, :, 3] = 80, 160, 40
    upright = np.rot90(stored, turn // 90)
    upright = upright[:, ::-1] if mirror else upright
    path = write_video(tmp_path / "clip.mov", [stored] * 3, "png", "rgba", turn=turn, mirror=mirror)
    frames = VideoFrames.of_file(path)
    assert frames.size == upright.shape[:2]
    np.testing.assert_array_equal(frames.rgb(2), upright[..., :3])
    np.testing.assert_array_equal(frames.matte().grey(1), upright[..., 3])
    np.testing.assert_array_equal(next(mattes.VideoFrames(path).rgb()), upright[..., :3])
    np.testing.assert_array_equal(next(mattes.VideoFrames(path).grey()), upright[..., 3])


def test_some_frames_can_be_taken(tmp_path: Path) -> None:
    frames = VideoFrames.of_file(write_video(tmp_path / "clip.mkv", steps(), "ffv1", "bgra")).take([3, 5, 7])
    assert frames.ids == [3, 5, 7]
    assert grey_of(frames.take([1, 2]).rgb(1)) == 40 + 4 * 7
    assert str(frames.where(1)).endswith("clip.mkv, frame 5")


def _greys(frames: VideoFrames, first: int) -> list[float]:
    return [grey_of(frames.rgb(t)) for t in range(first, COUNT)]


def test_processes_do_not_share_a_place_in_a_file(tmp_path: Path) -> None:
    frames = VideoFrames.of_file(write_video(tmp_path / "clip.mkv", steps(), "ffv1", "bgra"))
    frames.rgb(0)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        found = pool.starmap(_greys, [(frames, 0), (frames, 9), (frames, 21)])
    for first, greys in zip((0, 9, 21), found, strict=True):
        assert greys == [40 + 4 * t for t in range(first, COUNT)]


def _read_and_forget(files: list[VideoFrames]) -> None:
    for frames in files:
        frames.rgb(3)
    gc.collect()


def test_a_process_can_close_what_its_parent_has_opened(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", opaque(), "libx264", "yuv420p")
    files = [VideoFrames.of_file(Path(shutil.copy(path, tmp_path / f"{i}.mp4"))) for i in range(12)]
    files[0].rgb(20)
    process = multiprocessing.get_context("fork").Process(target=_read_and_forget, args=(files[1:],), daemon=True)
    process.start()
    process.join(30)
    stuck = process.is_alive()
    process.kill()
    assert not stuck


@pytest.mark.parametrize("kept", [0.0, 0.5])
def test_a_damaged_file_is_named(tmp_path: Path, kept: float) -> None:
    path = write_video(tmp_path / "clip.mp4", opaque(), "libx264", "yuv420p")
    path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
    with pytest.raises(DataError, match=r"readable video.*clip\.mp4"):
        VideoFrames.of_file(path)


def test_a_file_cut_off_behind_its_index_is_named(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.avi", opaque(), "mpeg4", "yuv420p")
    frames = VideoFrames.of_file(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match=r"clip\.avi"):
        frames.rgb(COUNT - 1)
