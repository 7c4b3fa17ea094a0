"""What benchmarks compare must be what they say that it is."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import default_collate

from benchmarks.boost import rows as boost
from benchmarks.boost.keyed import key
from benchmarks.boost.parts import FINE, Part, fine_recipe, joined, origins_with_more, with_more
from benchmarks.boost.photos import share_of_people
from benchmarks.boost.rows import Known, rows
from benchmarks.boost.stored import LEAD, Clips, Stored, Windows, alpha_of, make_windows, score
from benchmarks.boost.table import MEASURES, ORDER, write_table
from benchmarks.metrics import customary, ours
from benchmarks.metrics import footage as soft_clip
from tests.shared import golden_clips
from tests.tasks.toys import QUIET
from vmatte_pl.data.datamodule import MattingData
from vmatte_pl.data.dataset import to_clip_batch
from vmatte_pl.models import Adapter, Boosted, MattingNetwork, TinyMatte
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


def test_training_sees_windows_mirrored_and_in_other_light_but_the_same_truth(
    footage: tuple[Path, Path], tmp_path: Path
) -> None:
    root, backgrounds = map(str, footage)
    data = MattingData(root, backgrounds, size=(32, 48), window=3 + LEAD, chunk=3, workers=0)
    windows = Windows(make_windows(tmp_path, data, TinyMatte(), 2))
    assert all(torch.equal(Windows(tmp_path, frames=1)[1][key], windows[1][key][-1:]) for key in ("com", "pha", "base"))
    stored = Stored(windows, windows, 1, 1, 0, {})  # type: ignore[arg-type]
    plain, crop = default_collate([windows[1]]), (16, 24)
    truth = to_clip_batch(plain)["pha"]
    seen = [stored.anew(plain) for _ in range(8)]
    mirrored = [not torch.equal(window["pha"], truth) for window in seen]
    assert any(mirrored)
    assert not all(mirrored)
    for window, m in zip(seen, mirrored, strict=True):
        torch.testing.assert_close(window["pha"], truth.flip(-1) if m else truth)
        base = plain["base"].movedim(-1, 2)
        torch.testing.assert_close(window["base"], base.flip(-1) if m else base)
    assert len({window["com"].mean().item() for window in seen}) == 8
    assert all(0 <= window["com"].min() < window["com"].max() <= 1 for window in seen)
    stored.crop = crop
    pieces = stored.anew(plain)
    assert {pieces[key].shape[-2:] for key in ("com", "pha", "base")} == {crop}


def test_each_group_is_drawn_as_often_as_any_other(footage: tuple[Path, Path], tmp_path: Path) -> None:
    root, backgrounds = map(str, footage)
    data = MattingData(root, backgrounds, size=(32, 48), window=3 + LEAD, chunk=3, workers=0)
    windows = Windows(make_windows(tmp_path, data, TinyMatte(), 5))
    windows.clips = ["0000", "0001", "0001", "0002", "0003"]
    stored = Stored(windows, windows, 1, 1, 0, {"dancer": ["0000", "0001"], "GRID": ["0002"]})  # type: ignore[arg-type]
    assert stored.shares == pytest.approx([1 / 3, 1 / 3, 1 / 3, 1, 1])


def test_a_boosted_network_is_the_base_of_the_next_stage(footage: tuple[Path, Path], tmp_path: Path) -> None:
    root, backgrounds = map(str, footage)
    data = MattingData(root, backgrounds, size=(32, 48), window=3 + LEAD, chunk=3, workers=0)
    part = Part("part", TinyMatte(), tmp_path, data, data, {}, ("Unet", FINE), ("Unet", FINE), 2)
    torch.manual_seed(0)
    boosted = Boosted(part.base, Adapter(window=1, residual=False))
    make_windows(part.folder / "windows", data, part.base, 2)
    above = part.raised(boosted, "second")
    for i in range(2):
        window = to_clip_batch(default_collate([Windows(part.folder / "windows")[i]]))
        found = Windows(above.folder / "windows")[i]
        with torch.no_grad():
            alpha = boosted.adapter(torch.cat([window["com"][:, :1], window["com"]], 1), window["base"])[0]
        torch.testing.assert_close(found["base"].movedim(-1, 1), alpha, atol=3e-3, rtol=0)
    assert score(boosted, part.tests).all == pytest.approx(score(Known(), above.tests).all, rel=0.02)


def test_training_backgrounds_are_joined_and_those_of_validation_are_the_first_ones(tmp_path: Path) -> None:
    for source in ("real", "demo"):
        for split in ("train", "valid"):
            (tmp_path / source / split).mkdir(parents=True)
            (tmp_path / source / split / f"{source}.jpg").touch()
    for _ in range(2):  # a second run finds the links of the first
        folder = joined(tmp_path / "all", [tmp_path / "real", tmp_path / "demo"], [2, 1])
    found = {split: sorted(path.resolve().name for path in (folder / split).iterdir()) for split in ("train", "valid")}
    assert found == {"train": ["demo.jpg", "real.jpg", "real.jpg"], "valid": ["real.jpg"]}


def test_further_people_are_trained_on_beside_those_of_the_kit(tmp_path: Path) -> None:
    real, more = tmp_path / "real", tmp_path / "more"
    for clip in ("real/VideoMatteReal/train/{}/0000", "real/VideoMatteReal/valid/{}/0001", "more/{}/lwbsza"):
        for layer in ("fgr", "pha"):
            (tmp_path / clip.format(layer)).mkdir(parents=True)
    for source in (real, more):
        for split in ("train", "valid"):
            (source / "Backgrounds" / split).mkdir(parents=True)
            (source / "Backgrounds" / split / f"{source.name}.jpg").touch()
    for _ in range(2):  # a second run finds the links of the first
        people, backgrounds = with_more(real, more, tmp_path)
    found = {split: sorted(path.name for path in (people / split / "pha").iterdir()) for split in ("train", "valid")}
    assert found == {"train": ["0000", "lwbsza"], "valid": ["0001"]}
    assert Counter(path.resolve().name for path in (backgrounds / "train").iterdir()) == {"real.jpg": 10, "more.jpg": 1}
    assert [path.resolve().name for path in (backgrounds / "valid").iterdir()] == ["real.jpg"]
    assert origins_with_more(more)["GRID"] == ["0009", "0010", "0011", "lwbsza"]


def test_heads_train_on_what_was_held_back_from_their_members(tmp_path: Path) -> None:
    data = MattingData()
    origins = {"dancer": ["0000"], "GRID": ["0009", "A2", "A3"], "presenter": []}
    part = Part("part", TinyMatte(), tmp_path, data, data, {}, ("Unet", FINE), (FINE,), 1, origins, held=["A2"])
    assert part.unknown == ["A2"]
    assert part.heads().unknown == ["0000", "0009", "A3"]
    assert replace(part, without=["0000"]).unknown == ["0000", "A2"]
    assert replace(part, held=[]).heads().unknown == []


def test_without_an_origin_nothing_of_it_is_trained_on(tmp_path: Path) -> None:
    data = MattingData()
    origins = {"dancer": ["0000"], "GRID": ["0009", "A2"], "presenter": []}
    part = Part("part", TinyMatte(), tmp_path, data, data, {}, (FINE, FINE), (FINE,), 1, origins, held=["A2"])
    assert part.rest("presenter") is part
    assert part.rest("dancer").unknown == ["0000", "A2"]
    assert part.rest("dancer").heads().unknown == ["0000", "0000", "0009"]
    assert part.rest("GRID").unknown == part.rest("GRID").heads().unknown == ["0009", "A2"]
    names = [row.name for row in rows(replace(part, joint_harm=["GRID"]))]
    assert (names.count("without GRID"), names.count("without dancer"), names.count("BuE without GRID")) == (3, 1, 1)
    assert names.index("BuE without GRID") > max(i for i, name in enumerate(names) if name == "without GRID")


@pytest.mark.parametrize(("held", "seconds"), [([], 0.0), (["0000"], 1.0)])
def test_a_head_is_not_trained_where_nobody_is_held_back(
    held: list[str], seconds: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boost, "join", lambda *_: None)
    monkeypatch.setattr(boost, "head_recipe", lambda _: None)
    monkeypatch.setattr(boost, "fit", lambda *_: 1.0)
    monkeypatch.setattr(boost, "_abroad", lambda *said: {"seconds": said[-1]})
    data, origins = MattingData(), {"dancer": ["0000"], "GRID": ["0009"]}
    part = Part("part", TinyMatte(), tmp_path, data, data, {}, (FINE, FINE), (FINE,), 1, origins, held=held)
    assert boost.ensemble_left_out("GRID")(part, 0) == {"seconds": seconds}


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_a_recipe_is_trained_in_the_precision_that_it_names(
    precision: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    monkeypatch.setattr(Part, "data", lambda *_: None)
    monkeypatch.setattr(boost, "fit_stages", lambda trainer, *_, **__: seen.append(trainer.precision))
    data = MattingData()
    part = Part("part", TinyMatte(), tmp_path, data, data, {}, (FINE, FINE), (FINE,), 1)
    boost.fit(Bare(part.base), part, replace(fine_recipe(), precision=precision), tmp_path / "fine.ckpt", 0)
    assert seen == [precision]


def test_speakers_of_grid_are_people_of_their_own_and_others_one_an_origin(tmp_path: Path) -> None:
    data = MattingData()
    origins = {"dancer": ["0000", "0001"], "GRID": ["0009", "A2"], "presenter": []}
    part = Part("part", TinyMatte(), tmp_path, data, data, {}, ("Unet", FINE), (FINE,), 1, origins)
    assert part.people == {"dancer": ["0000", "0001"], "presenter": [], "0009": ["0009"], "A2": ["A2"]}


def test_photographs_that_show_people_are_told_by_what_a_network_sees_of_them(tmp_path: Path) -> None:
    class Red(MattingNetwork):
        def forward(self, frames: Tensor, state: Any = None) -> tuple[Tensor, Any]:
            return frames[:, :, :1], state

    photo = np.zeros((288, 512, 3), np.uint8)
    photo[:, :128, 0] = 255
    Image.fromarray(photo).save(tmp_path / "photo.png")
    assert share_of_people(Red(), tmp_path / "photo.png") == pytest.approx(0.25)


def test_a_person_is_keyed_off_a_screen_that_is_darker_towards_its_corners() -> None:
    y, x = np.mgrid[:144, :180] / [[[144]], [[180]]] - 0.5
    screen = (1 - 0.5 * (x**2 + y**2))[..., None] * np.array([50, 190, 220])
    person = np.full((144, 180, 3), [90, 70, 60]) + 40 * np.sin(30 * x)[..., None]
    distance = 0.3 - np.hypot(x, np.maximum(-y - 0.1, 0))  # a head, and all that is below it
    alpha = np.clip(0.5 + 25 * distance, 0, 1)  # soft over 7 pixels
    frame = alpha[..., None] * person + (1 - alpha[..., None]) * screen
    fgr, pha = key(frame.astype(np.float32))
    error = np.abs(pha / 255 - alpha)
    assert error[(alpha == 0) | (alpha == 1)].max() < 0.05
    assert error[(alpha > 0) & (alpha < 1)].mean() < 0.13  # what is hardly there is left out, as grain would hide it
    opaque, soft = alpha == 1, (alpha > 0.2) & (alpha < 0.9)
    assert np.abs(fgr - person)[opaque].mean() < 1
    assert np.abs(fgr - person)[soft].mean() < 0.4 * np.abs(frame - person)[soft].mean()


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
    def row(mad: float, label: str = "adapter Unet") -> dict[str, Any]:
        scores = dict.fromkeys(MEASURES, mad)
        known = {"label": label, "parameters": 5, "seconds": 60.0, "milliseconds": 7.0}
        return {**known, "all": scores, "clips": {"0009": scores}}

    def harm(mad: float) -> dict[str, Any]:
        return {**row(mad), "base": {"clips": {"0009": {"mad": 10.0}}}}

    abroad = {"without GRID/1": harm(9.0), "without GRID/0": harm(11.0), "BuE without GRID/0": harm(7.5)}
    done = {"people-rvm/base/0": row(10.0, "base"), "people-rvm/Unet/0": row(6.0), "people-rvm/Unet/1": row(8.0)}
    done |= {f"people-rvm/{key}": run for key, run in abroad.items()}
    write_table(done, tmp_path / "boost.md")
    lines = (tmp_path / "boost.md").read_text().splitlines()
    assert next(line for line in lines if "| adapter Unet" in line).count("7.000 ± 1.414") == 6
    assert "| 30.0 ± 14.1 % | 2 |" in next(line for line in lines if "| adapter Unet" in line)
    assert "| GRID | BwA | 0009 | 10.000 | 10.000 ± 1.414 | -10.0, +10.0 % |" in lines
    assert "| GRID | BuE | 0009 | 10.000 | 7.500 | +25.0 % |" in lines


def test_every_line_of_the_table_is_run(tmp_path: Path) -> None:
    data = MattingData()
    part = Part("demo-tiny", TinyMatte(), tmp_path, data, data, {}, ("Unet", FINE), ("Unet", FINE), 1)
    assert {row.name for row in rows(part)} == set(ORDER)
