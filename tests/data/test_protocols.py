import csv
from pathlib import Path

import pytest

from tests.footage import write_footage
from vmatte_pl.data.clips import Clip
from vmatte_pl.data.faults import Faults
from vmatte_pl.data.frames import ImageFrames
from vmatte_pl.data.layouts import find_clips
from vmatte_pl.data.protocols import Protocol, choose, protocol_clips, write_choice
from vmatte_pl.data.splits import Split
from vmatte_pl.errors import DataError


def clips_of(lengths: list[int]) -> list[Clip]:
    """Clips of frames that are nowhere."""
    clips = []
    for i, length in enumerate(lengths):
        names = tuple(f"{t:05}.jpg" for t in range(length))
        fgr, pha = (ImageFrames(Path(f"/footage/{layer}/{i:04}"), names) for layer in ("fgr", "pha"))
        clips.append(Clip(f"{i:04}", fgr, pha, (48, 64)))
    return clips


@pytest.mark.parametrize(
    ("protocol", "split", "frames", "clips"),
    [("initial", "train", 1000, 5), ("extended", "train", 10_000, 100), ("test", "test", 750, 15)],
)
def test_a_protocol_is_as_large_as_it_says(protocol: Protocol, split: Split, frames: int, clips: int) -> None:
    there = clips_of([150, 250] * 110)
    chosen = choose(there, split, protocol)
    assert (len(chosen), sum(map(len, chosen))) == (clips, frames)
    assert len({clip.name for clip in chosen}) == clips
    assert chosen == choose(there, split, protocol)
    assert int(chosen[-1].name) > 170  # spread over all of them
    assert all(clip.pha.ids == clip.fgr.ids == list(range(len(clip))) for clip in chosen)


def test_other_splits_are_left_whole() -> None:
    there = clips_of([3, 4])
    assert choose(there, "valid", "initial") == choose(there, "train", "all") == choose(there, "train", "test") == there


def test_more_than_there_is_is_refused_with_both_numbers() -> None:
    with pytest.raises(DataError, match=r"1000 frames from 5 clips, 200 of each.*found 1 clips.* 3 with 420 frames"):
        choose(clips_of([110, 200, 110]), "train", "initial")


def test_rvm_moves_four_training_clips_to_validation(tmp_path: Path) -> None:
    root = write_footage(tmp_path, splits=("train",), clips=1, frames=1, size=(4, 4))
    for i in range(1, 479):
        for layer in ("fgr", "pha"):
            (root / "train" / layer / f"{i:04}").symlink_to(root / "train" / layer / "0000")
    train, valid = (protocol_clips(root, split, "rvm", None, Faults()) for split in ("train", "valid"))
    assert len(train) == 475
    assert [clip.name for clip in valid] == ["0000", "0100", "0200", "0300"]
    assert not {clip.name for clip in train} & {clip.name for clip in valid}


def test_rvm_needs_all_of_videomatte240k(footage: tuple[Path, Path]) -> None:
    with pytest.raises(DataError, match=r"479 training clips.*found 2 without 0100, 0200, 0300"):
        protocol_clips(footage[0], "train", "rvm", None, Faults())
    assert len(protocol_clips(footage[0], "test", "rvm", None, Faults())) == 2


def test_the_choice_is_written(footage: tuple[Path, Path], tmp_path: Path) -> None:
    clips = find_clips(footage[0], "test")
    write_choice(clips, tmp_path / "frames.csv")
    rows = list(csv.DictReader((tmp_path / "frames.csv").read_text().splitlines()))
    assert [(row["clip"], row["frames"], row["first"], row["last"]) for row in rows] == [
        ("0000", "6", "0", "5"),
        ("0001", "8", "0", "7"),
    ]
    assert Path(rows[0]["fgr"]) == footage[0] / "test/fgr/0000"
