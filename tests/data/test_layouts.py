import shutil
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.footage import write_backgrounds, write_composites, write_footage, write_image, write_video
from vmatte_pl.data.backgrounds import find_backgrounds
from vmatte_pl.data.faults import Faults
from vmatte_pl.data.layouts import detect, find_clips
from vmatte_pl.data.splits import SPLITS, Split
from vmatte_pl.errors import DataError


def test_clips_are_paired_and_sorted(footage: tuple[Path, Path]) -> None:
    clips = find_clips(footage[0], "train")
    assert [(clip.name, len(clip), clip.size) for clip in clips] == [
        ("0000", 6, (48, 64)),
        ("0001", 8, (48, 64)),
    ]
    assert all(clip.fgr.ids == clip.pha.ids for clip in clips)


def test_nothing_is_decoded_to_list_clips(tmp_path: Path) -> None:
    root = write_footage(tmp_path, splits=("train", "valid"), clips=1, suffix=".png")
    for path in root.glob("*/fgr/*/*.png"):
        path.write_bytes(path.read_bytes()[:60])  # the header is whole, the pixels are gone
    assert len(find_clips(root, "train")) == 1


def test_val_is_as_good_as_valid(tmp_path: Path) -> None:
    write_footage(tmp_path, splits=("train", "val"))
    assert find_clips(tmp_path, "valid")[0].fgr.home.is_relative_to(tmp_path / "val")
    assert len(find_clips(tmp_path, "train")) == 2


@pytest.mark.parametrize(("clips", "held_out"), [(2, 1), (12, 1), (25, 2)])
def test_without_valid_the_last_training_clips_are_held_out(tmp_path: Path, clips: int, held_out: int) -> None:
    write_footage(tmp_path, splits=("train",), clips=clips, frames=1, size=(8, 8))
    train, valid = ([clip.name for clip in find_clips(tmp_path, split)] for split in ("train", "valid"))
    assert len(valid) == held_out
    assert train + valid == [f"{clip:04}" for clip in range(clips)]


@pytest.mark.parametrize(("split", "has"), [("test", "train"), ("train", "test"), ("valid", "test")])
def test_a_missing_split_is_named(tmp_path: Path, split: Split, has: str) -> None:
    write_footage(tmp_path / "fgr", splits=(has,), clips=1)
    write_backgrounds(tmp_path / "bgr", splits=(has,))
    with pytest.raises(DataError, match=f"folder named {split}"):
        find_clips(tmp_path / "fgr", split)
    with pytest.raises(DataError, match=f"folder named {split}"):
        find_backgrounds(tmp_path / "bgr", split)


def test_a_missing_root_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nothing in .*nowhere"):
        find_clips(tmp_path / "nowhere", "train")


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """A training split for a test to break."""
    return write_footage(tmp_path, splits=("train", "valid")) / "train"


def test_a_foreground_without_alpha_is_named(broken: Path) -> None:
    shutil.rmtree(broken / "pha" / "0001")
    with pytest.raises(DataError, match="0001 without pha"):
        find_clips(broken.parent, "train")


def test_a_missing_alpha_folder_is_named(broken: Path) -> None:
    shutil.rmtree(broken / "pha")
    with pytest.raises(DataError, match=r"no such folder in .*pha"):
        find_clips(broken.parent, "train")


def test_an_empty_clip_is_named(broken: Path) -> None:
    for path in (broken / "fgr" / "0000").iterdir():
        path.unlink()
    with pytest.raises(DataError, match=r"none in .*0000"):
        find_clips(broken.parent, "train")


def test_frames_without_their_partner_are_counted(broken: Path) -> None:
    (broken / "pha" / "0000" / "00002.png").unlink()
    (broken / "fgr" / "0000" / "00004.png").unlink()
    with pytest.raises(DataError, match="2 without their partner, the first with number 2"):
        find_clips(broken.parent, "train")


def test_alpha_of_another_size_is_refused(broken: Path) -> None:
    write_image(broken / "pha" / "0000" / "00000.png", np.zeros((24, 32), np.uint8))
    with pytest.raises(DataError, match=r"size, 64x48, found 32x24 in .*0000"):
        find_clips(broken.parent, "train")


def test_stills_and_frame_folders_lie_side_by_side(footage: tuple[Path, Path]) -> None:
    assert [len(background) for background in find_backgrounds(footage[1], "train")] == [1, 1, 3]


def test_flat_backgrounds_serve_every_split(footage: tuple[Path, Path]) -> None:
    flat = footage[1] / "train"
    assert find_backgrounds(flat, "train") == find_backgrounds(flat, "valid") == find_backgrounds(flat, "test")


def test_an_empty_background_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"point --data\.backgrounds"):
        find_backgrounds(tmp_path, "train")


def test_videos_of_fgr_and_pha_are_paired(tmp_path: Path) -> None:
    colour = [np.full((16, 16, 3), 8 * t, np.uint8) for t in range(6)]
    for layer in ("fgr", "pha"):
        write_video(tmp_path / "train" / layer / "0000.mp4", colour, "libx264", "yuv420p", Fraction(30))
    (clip,) = find_clips(tmp_path, "train")
    assert (clip.name, len(clip), clip.size, clip.fps) == ("0000", 6, (16, 16), 30)
    assert detect(tmp_path) == "pairs"


def test_composed_clips_without_splits_are_for_testing(tmp_path: Path) -> None:
    write_composites(tmp_path / "motion")
    write_composites(tmp_path / "static", clips=1)
    assert detect(tmp_path) == "composites"
    clips = find_clips(tmp_path, "test")
    assert [clip.name for clip in clips] == ["motion/0000", "motion/0001", "static/0000"]
    assert all(clip.com is not None and len(clip.com) == 5 for clip in clips)
    with pytest.raises(DataError, match="all for testing"):
        find_clips(tmp_path, "train")


def test_composed_clips_lie_below_splits_whose_names_say_more(tmp_path: Path) -> None:
    for split in ("train_1000", "val", "test"):
        write_composites(tmp_path / split)
        (tmp_path / split / "0000/result").mkdir()  # what the thesis's tree has beside them
    for split in SPLITS:
        assert [clip.name for clip in find_clips(tmp_path, split)] == ["0000", "0001"]
    (tmp_path / "train_2000").mkdir()
    with pytest.raises(DataError, match="one folder for train, found train_1000, train_2000"):
        find_clips(tmp_path, "train")


def test_images_with_alpha_are_clips(tmp_path: Path) -> None:
    takes = ["take0", "take1", "take2"]
    for take in takes:
        for t in range(4):
            rgba = np.full((8, 8, 4), (10, 20, 30, 50 * t), np.uint8)
            path = tmp_path / take / f"{t}.png"
            path.parent.mkdir(exist_ok=True)
            assert cv2.imwrite(str(path), cv2.cvtColor(rgba, cv2.COLOR_RGBA2BGRA))
    assert detect(tmp_path) == "rgba"
    assert [[clip.name for clip in find_clips(tmp_path, split)] for split in SPLITS] == [
        ["take0"],
        ["take1"],
        ["take2"],
    ]
    (clip,) = find_clips(tmp_path, "train")
    np.testing.assert_array_equal(clip.fgr.rgb(3)[0, 0], (10, 20, 30))
    assert [int(clip.pha.grey(t)[0, 0]) for t in range(4)] == [0, 50, 100, 150]


def test_videos_with_alpha_are_clips(tmp_path: Path) -> None:
    frames = [np.full((16, 16, 4), (10, 20, 30, 50 * t), np.uint8) for t in range(4)]
    for name in ("one.mkv", "other.mkv"):
        write_video(tmp_path / "train" / name, frames, "ffv1", "bgra")
    assert detect(tmp_path) == "videos"
    (clip,) = find_clips(tmp_path, "train")
    assert clip.name == "one"
    assert [int(clip.pha.grey(t)[0, 0]) for t in range(4)] == [0, 50, 100, 150]
    assert find_clips(tmp_path, "valid")[0].name == "other"


def test_what_has_no_alpha_is_no_layout(tmp_path: Path) -> None:
    write_backgrounds(tmp_path)
    with pytest.raises(DataError, match="expected clips"):
        detect(tmp_path)


def test_background_videos_lie_beside_images(tmp_path: Path) -> None:
    write_backgrounds(tmp_path)
    write_video(tmp_path / "train/walk.mp4", [np.zeros((16, 16, 3), np.uint8)] * 7, "libx264", "yuv420p")
    assert [len(background) for background in find_backgrounds(tmp_path, "train")] == [1, 1, 3, 7]


def test_skipping_keeps_what_is_whole(broken: Path) -> None:
    shutil.rmtree(broken / "pha" / "0001")
    (broken / "pha" / "0000" / "00002.png").unlink()
    write_image(broken / "fgr" / "0000" / "4.png", np.zeros((48, 64, 3), np.uint8))  # 00004.png, too
    faults = Faults("skip")
    clips = find_clips(broken.parent, "train", faults=faults)
    assert [(clip.name, clip.fgr.ids) for clip in clips] == [("0000", [0, 1]), ("0000_00003", [3, 4, 5])]
    assert all(clip.pha.ids == clip.fgr.ids for clip in clips)
    assert {fault.kind: fault.frames for fault in faults.noted} == {
        "clip without partner": 0,
        "several files for a frame": 1,
        "frame without partner": 1,
        "gap": 1,
    }
    assert all("place(s), the first in" in line for line in faults.summary())


def test_a_gap_on_both_sides_is_refused(broken: Path) -> None:
    for layer in ("fgr", "pha"):
        (broken / layer / "0001" / "00003.png").unlink()
    with pytest.raises(DataError, match=r"1 gap\(s\), the first between the numbers 2 and 4 in .*0001"):
        find_clips(broken.parent, "train")


def test_every_other_frame_of_a_video_is_a_clip_without_gaps(tmp_path: Path) -> None:
    root = write_footage(tmp_path, splits=("train", "valid"), clips=1, frames=9)
    for path in root.glob("*/*/0000/*[13579].png"):
        path.unlink()
    assert find_clips(root, "train")[0].fgr.ids == [0, 2, 4, 6, 8]


def test_backgrounds_whose_names_begin_like_a_split_are_none(tmp_path: Path) -> None:
    for name in ("street.png", "train_station/0.png", "train_station/1.png", "valley/0.png", "tests/0.png"):
        write_image(tmp_path / name, np.zeros((4, 4, 3), np.uint8))
    assert [len(found) for found in find_backgrounds(tmp_path, "train")] == [1, 1, 2, 1]


def test_folders_may_have_dots_in_their_names(tmp_path: Path) -> None:
    for layer in ("fgr", "pha"):
        for clip in ("take", "take.2"):
            write_image(tmp_path / "test" / layer / clip / "0.png", np.full((4, 4, 3), 9, np.uint8))
    assert [clip.name for clip in find_clips(tmp_path, "test")] == ["take", "take.2"]


def test_parts_of_one_take_are_never_on_both_sides_of_a_split(tmp_path: Path) -> None:
    for clip in ("a", "b"):
        for layer in ("fgr", "pha"):
            for t in (0, 1, 2, 7, 8, 9) if clip == "b" else range(10):
                write_image(tmp_path / "train" / layer / clip / f"{t}.png", np.full((4, 4, 3), 9, np.uint8))
    (tmp_path / "train/pha/b/8.png").unlink()
    faults = Faults("skip")
    train, valid = (find_clips(tmp_path, split, faults=faults) for split in ("train", "valid"))
    assert {clip.fgr.home.name for clip in train} == {"a"}
    assert {clip.fgr.home.name for clip in valid} == {"b"}
    assert len(valid) > 1


def test_passes_over_one_clip_are_never_on_both_sides_of_a_split(tmp_path: Path) -> None:
    write_composites(tmp_path / "train", clips=2)
    for clip in ("0000", "0001"):
        shutil.copytree(tmp_path / "train" / clip, tmp_path / "train" / f"{clip}_pass1")
    assert [clip.name for clip in find_clips(tmp_path, "train")] == ["0000", "0000_pass1"]
    assert [clip.name for clip in find_clips(tmp_path, "valid")] == ["0001", "0001_pass1"]
