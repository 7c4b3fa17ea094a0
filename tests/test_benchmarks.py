"""What benchmarks compare must be what they say that it is."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from torch.utils.data import default_collate

from benchmarks.boost.parts import Part
from benchmarks.boost.rows import rows
from benchmarks.boost.stored import LEAD, Clips, Windows, alpha_of, make_windows, score
from benchmarks.boost.table import LINES, MEASURES, write_table
from benchmarks.metrics import customary, ours
from benchmarks.metrics import footage as soft_clip
from tests.shared import golden_clips
from tests.tasks.toys import QUIET
from vmatte_pl.data.datamodule import MattingData
from vmatte_pl.data.dataset import to_clip_batch
from vmatte_pl.models import TinyMatte
from vmatte_pl.tasks import Bare

NAMES = ("mad", "mse", "grad", "conn", "dtssd")


@pytest.mark.parametrize("noise", [0, 2])
def test_both_sides_of_the_comparison_compute_the_same(noise: int) -> None:
    clip = soft_clip(72, 128, noise)
    np.testing.assert_allclose(ours(*clip), customary(*clip), rtol=1e-5)


def test_the_customary_way_gives_what_the_script_of_rvm_gives() -> None:
    recipe, golden = golden_clips()
    for name, (pred, true, _) in recipe.clips().items():
        expected = golden[name]["rvm_script"]
        columns = [[0.0, *expected[n]] if n == "dtssd" else expected[n] for n in NAMES]
        np.testing.assert_allclose(customary(pred, true), np.transpose(columns), rtol=1e-5)


def test_stored_footage_is_what_the_base_sees_and_says(footage: tuple[Path, Path], tmp_path: Path) -> None:
    base = TinyMatte()
    root, backgrounds = map(str, footage)
    data = MattingData(root, backgrounds, size=(32, 48), window=3 + LEAD, chunk=3, workers=0)
    windows = Windows(make_windows(tmp_path, data, base, 3))
    for i in range(3):
        expected, found = to_clip_batch(data.training[i]), to_clip_batch(default_collate([windows[i]]))
        torch.testing.assert_close(found["com"], expected["com"][:, LEAD:], atol=1 / 255, rtol=0)
        torch.testing.assert_close(found["pha"], expected["pha"][:, LEAD:])
        torch.testing.assert_close(found["base"], alpha_of(base, expected["com"])[:, LEAD:], atol=1e-3, rtol=0)
    left = Windows(tmp_path, without=windows.clips[:1])
    assert {left[i]["clip"] for i in range(len(left))} == set(windows.clips[1:]) - {windows.clips[0]}


def test_stored_clips_score_as_a_test_does(footage: tuple[Path, Path], tmp_path: Path) -> None:
    base = TinyMatte()
    root, backgrounds = map(str, footage)
    data = MattingData(root, backgrounds, chunk=3, workers=0)
    data.setup("test")
    scores = score(base, Clips(tmp_path / "test.pt", data.evaluation["test"], base))
    trainer = pl.Trainer(accelerator="cpu", precision="bf16-mixed", logger=False, **QUIET)
    expected = trainer.test(Bare(base), data, verbose=False)[0]
    assert scores.all == pytest.approx({name: expected[f"test/{name}"] for name in scores.all}, rel=0.01)


def test_the_table_tells_gain_spread_and_harm(tmp_path: Path) -> None:
    def row(mad: float) -> dict[str, Any]:
        scores = dict.fromkeys(MEASURES, mad)
        return {"all": scores, "clips": {"0009": scores}, "parameters": 5, "seconds": 60.0, "milliseconds": 7.0}

    harm = {**row(11.0), "base": {"clips": {"0009": {"mad": 10.0}}}}
    done = {"people-rvm/base/0": row(10.0), "people-rvm/Unet/0": row(6.0), "people-rvm/Unet/1": row(8.0)}
    write_table({**done, "people-rvm/without GRID/0": harm}, tmp_path / "boost.md")
    lines = (tmp_path / "boost.md").read_text().splitlines()
    assert next(line for line in lines if "Unet" in line).count("7.000 ± 1.414") == 6
    assert "| 30.0 ± 14.1 % | 2 |" in next(line for line in lines if "Unet" in line)
    assert "| GRID | 0009 | 10.000 | 11.000 | -10.0 % |" in lines


def test_every_line_of_the_table_is_run(tmp_path: Path) -> None:
    data = MattingData()
    part = Part("demo-tiny", TinyMatte(), tmp_path, data, data, {}, {}, 8, None, 1)
    assert {row.name for row in rows(part)} == set(LINES)
