"""On real people: frames that differ in size, mattes from JPEGs, subjects cut by the frame."""

from pathlib import Path

import pytest
import torch

from tests.shared import shared
from vmatte_pl.data.backgrounds import find_backgrounds
from vmatte_pl.data.datamodule import MattingData
from vmatte_pl.data.dataset import to_clip_batch
from vmatte_pl.data.layouts import find_clips
from vmatte_pl.data.splits import Split


@pytest.fixture
def real() -> tuple[Path, Path]:
    return shared("realdata", "VideoMatteReal"), shared("realdata", "Backgrounds")


def test_every_split_is_found(real: tuple[Path, Path]) -> None:
    splits: tuple[Split, ...] = ("train", "valid", "test")
    assert [len(find_clips(real[0], split)) for split in splits] == [12, 2, 3]
    assert [len(find_backgrounds(real[1], split)) for split in splits] == [7, 1, 3]


def test_training_windows_hold_a_person(real: tuple[Path, Path]) -> None:
    data = MattingData(str(real[0]), str(real[1]), workers=0, samples_per_epoch=24)
    data.setup("fit")
    for index in range(24):
        batch = to_clip_batch(data.training[index])
        assert batch["pha"].mean() > 0.02
        assert batch["com"].isfinite().all()


def test_clips_of_mixed_sizes_are_tested_at_their_own(real: tuple[Path, Path]) -> None:
    data = MattingData(str(real[0]), str(real[1]), workers=0, chunk=24)
    data.setup("test")
    shapes = {batch["clip"][0]: batch["fgr"].shape[2:4] for batch in data.test_dataloader()}
    assert shapes == dict.fromkeys(("0000", "0001", "0002"), torch.Size((288, 360)))
