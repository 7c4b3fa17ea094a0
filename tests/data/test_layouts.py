import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.footage import write_backgrounds, write_footage, write_image
from vmatte_pl.data.layouts import Split, find_backgrounds, find_clips
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
    assert find_clips(tmp_path, "valid")[0].fgr.folder.is_relative_to(tmp_path / "val")
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
