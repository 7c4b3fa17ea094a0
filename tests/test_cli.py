"""Whole runs through the command line, in this process, on tiny footage."""

import json
import re
import shutil
from pathlib import Path

import pytest
import torch
import yaml

from vmatte_pl.cli import main

CONFIG = str(Path(__file__).parent / "conf/bwa.yaml")


@pytest.fixture
def flags(footage: tuple[Path, Path]) -> list[str]:
    return ["--data.root", str(footage[0]), "--data.backgrounds", str(footage[1])]


@pytest.fixture(scope="module")
def run(footage: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which two fits have run, one after the other."""
    folder = tmp_path_factory.mktemp("work")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        flags = ["--data.root", str(footage[0]), "--data.backgrounds", str(footage[1])]
        assert main(["fit", "--config", CONFIG, *flags]) == 0
        assert main(["fit", "--config", CONFIG, *flags, "--trainer.max_epochs", "1"]) == 0
    return folder


def failure(capsys: pytest.CaptureFixture[str]) -> str:
    """Return the one line that a failed command said last."""
    lines = capsys.readouterr().err.strip().splitlines()
    assert not any(line.startswith("Traceback") for line in lines)
    return lines[-1]


def test_every_run_has_a_folder_of_its_own(run: Path) -> None:
    for version in ("version_0", "version_1"):
        files = {p.name for p in (run / "runs/bwa" / version).rglob("*") if p.is_file()}
        assert {"config.yaml", "metrics.csv", "best.ckpt", "last.ckpt"} <= files


def test_a_run_tells_which_frames_it_trained_on(run: Path) -> None:
    lines = (run / "runs/bwa/version_0/frames_train.csv").read_text().splitlines()
    assert lines[0] == "clip,frames,first,last,fgr,pha"
    assert [line.split(",")[:4] for line in lines[1:]] == [["0000", "6", "0", "5"], ["0001", "8", "0", "7"]]
    assert (run / "runs/bwa/version_1/frames_valid.csv").is_file()


def test_the_curves_show_base_boosted_and_gain(run: Path) -> None:
    header = (run / "runs/bwa/version_0/metrics.csv").read_text().splitlines()[0].split(",")
    measures = ("mad", "mse", "sad", "grad", "conn", "dtssd")
    assert {f"val/{of}{name}" for of in ("", "base/", "gain/") for name in measures} | {"train/loss"} <= set(header)


def test_a_checkpoint_is_plain_data_without_the_backbone(run: Path) -> None:
    content = torch.load(run / "runs/bwa/version_0/checkpoints/best.ckpt", weights_only=True)
    assert not any(name.startswith("network.base.") for name in content["state_dict"])
    assert yaml.safe_load(content["config"])["model"]["class_path"] == "vmatte_pl.tasks.BwA"


def test_a_run_that_ended_before_it_was_validated_is_scored_by_its_last_checkpoint(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ended = tmp_path / "runs/bwa/version_0/checkpoints/last.ckpt"
    ended.parent.mkdir(parents=True)
    shutil.copy(run / "runs/bwa/version_0/checkpoints/last.ckpt", ended)
    monkeypatch.chdir(tmp_path)
    assert main(["validate", "--trainer.limit_val_batches", "1"]) == 0
    assert "version_0/checkpoints/last.ckpt, not validated, the only one of the newest run" in caplog.text


def test_test_without_flags_takes_the_newest_run(
    run: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.chdir(run)
    before = (run / "runs/bwa/version_1/metrics.csv").read_text()
    assert main(["test"]) == 0
    assert "version_1/checkpoints/best.ckpt, the best of the newest run" in caplog.text
    assert "frozen base" in capsys.readouterr().out
    results = json.loads((run / "runs/bwa/version_1/results.json").read_text())
    assert results["run"]["checkpoint"].endswith("version_1/checkpoints/best.ckpt")
    assert results["run"]["config"]["trainer"]["max_epochs"] == 1
    assert {clip["name"] for clip in results["clips"]} == {"0000", "0001"}
    gain = 100 * (1 - results["boosted"]["mad"] / results["base"]["mad"])
    assert results["gain"]["mad"] == pytest.approx(gain)
    assert {p.name for p in (run / "runs/bwa").iterdir()} == {"version_0", "version_1"}  # a test is no new run
    assert (run / "runs/bwa/version_1/metrics.csv").read_text() == before


def test_a_checkpoint_brings_its_config_and_flags_win_over_it(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    best = run / "runs/bwa/version_0/checkpoints/best.ckpt"
    chunked = ["--data.chunk", "2", "--trainer.callbacks+=vmatte_pl.callbacks.Report", "--trainer.callbacks.clips", "1"]
    assert main(["test", "--ckpt_path", str(best), *chunked]) == 0
    assert (run / "runs/bwa/version_0/results.json").is_file()


def test_training_resumes_with_the_flags_given(run: Path, flags: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(run)
    last = run / "runs/bwa/version_0/checkpoints/last.ckpt"
    more = ["--ckpt_path", str(last), "--trainer.max_epochs", "3", "--trainer.logger.name", "resumed"]
    assert main(["fit", "--config", CONFIG, *flags, *more]) == 0
    resumed = torch.load(run / "runs/resumed/version_0/checkpoints/last.ckpt", weights_only=True)
    assert resumed["epoch"] == 2
    assert resumed["global_step"] == 6


def test_a_fit_without_a_logger_does_without_the_curve_of_the_learning_rate(
    flags: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    curve = "--trainer.callbacks+=pytorch_lightning.callbacks.LearningRateMonitor"
    assert main(["fit", "--config", CONFIG, *flags, curve, "--trainer.logger", "false"]) == 0
    alone = ["--trainer.callbacks", "pytorch_lightning.callbacks.LearningRateMonitor"]
    elsewhere = ["--trainer.default_root_dir", "elsewhere", "--trainer.logger", "false"]
    assert main(["fit", "--config", CONFIG, *flags, *alone, *elsewhere]) == 0
    assert (tmp_path / "checkpoints/best.ckpt").is_file()
    assert not (tmp_path / "runs").exists()


def test_validate_and_predict_take_the_newest_run_too(
    run: Path, footage: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(run)
    assert main(["validate"]) == 0
    assert main(["predict"]) == 0
    written = sorted(p.name for p in (run / "runs").glob("*/version_*/alpha/0000/*"))
    assert written == sorted(p.stem + ".png" for p in (footage[0] / "test/pha/0000").iterdir())


def test_saved_alphas_score_what_the_test_said_of_them(
    run: Path, footage: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(run)
    assert main(["test"]) == 0
    assert main(["predict"]) == 0
    [alphas] = (run / "runs").glob("*/version_*/alpha")
    tested = json.loads((alphas.parent / "results.json").read_text())
    assert main(["evaluate", "--pred", str(alphas), "--true", str(footage[0] / "test")]) == 0
    saved = json.loads((alphas / "results.json").read_text())
    assert saved["all"] == pytest.approx(tested["boosted"], rel=1e-12)
    by_clip = {clip["name"]: {name: clip[name] for name in tested["boosted"]} for clip in saved["clips"]}
    assert by_clip == {clip["name"]: pytest.approx(clip["boosted"], rel=1e-12) for clip in tested["clips"]}
    (alphas / "0000/00003.png").unlink()
    capsys.readouterr()
    assert main(["evaluate", "--pred", str(alphas), "--true", str(footage[0] / "test")]) == 1
    assert "not scored: 0000: missing in pred, frame 3" in capsys.readouterr().out


def test_evaluating_nothing_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "--pred", str(tmp_path / "nowhere"), "--true", str(tmp_path)]) == 1
    assert failure(capsys).startswith("vmatte: expected a folder of mattes, found nothing in ")


def test_a_config_is_found_by_name_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="0"):
        main(["fit", "--config", "bwa.yaml", "--data.window", "5", "--print_config"])
    config = yaml.safe_load(capsys.readouterr().out)
    assert config["data"]["init_args"]["window"] == 5
    assert config["model"]["class_path"] == "vmatte_pl.tasks.BwA"


def test_help_says_how_to_begin(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    said = capsys.readouterr().out
    assert "vmatte fit --config bwa.yaml" in said
    assert all(command in said for command in ("fit", "validate", "test", "predict", "evaluate"))


TWO_STAGES = """
model:
  init_args:
    adapters:
      - {class_path: vmatte_pl.models.Adapter, init_args: {window: 0}}
      - {class_path: vmatte_pl.models.Adapter, init_args: {window: 1, architecture: FPN}}
    loss:
      - {class_path: vmatte_pl.losses.MattingLoss, init_args: {dice: 1, l1: 0}}
      - {class_path: vmatte_pl.losses.MattingLoss, init_args: {composition: 1, unknown: 3}}
    epochs: [2, 1]
    keep_stages: true
trainer:
  callbacks+:
    - vmatte_pl.callbacks.Summary
    - {class_path: vmatte_pl.callbacks.AverageWeights, init_args: {decay: 0.9}}
"""


@pytest.fixture(scope="module")
def two_stages(footage: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a fit of two stages has run."""
    folder = tmp_path_factory.mktemp("stages")
    (folder / "two.yaml").write_text(TWO_STAGES)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        flags = ["--data.root", str(footage[0]), "--data.backgrounds", str(footage[1])]
        assert main(["fit", "--config", CONFIG, "--config", "two.yaml", *flags]) == 0
    return folder


def test_a_run_of_two_stages_is_one_run(two_stages: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = two_stages / "runs/bwa/version_0"
    last = torch.load(folder / "checkpoints/last.ckpt", weights_only=True)
    assert (last["epoch"], last["stage"]["parts"], last["stage"]["epoch"]) == (2, [0, 1], 2)
    header = (folder / "metrics.csv").read_text().splitlines()[0].split(",")
    assert {"train/dice", "train/composition", "val/gain/mad"} <= set(header)
    monkeypatch.chdir(two_stages)
    assert main(["test"]) == 0
    assert (folder / "results.json").is_file()


def test_a_trained_run_is_the_base_of_a_further_one(
    two_stages: Path, flags: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    grown = str(two_stages / "runs/bwa/version_0/checkpoints/best.ckpt")
    base = ["--model.base", "vmatte_pl.tasks.Trained", "--model.base.ckpt", grown]
    assert main(["fit", "--config", CONFIG, *flags, *base, "--trainer.max_epochs", "1"]) == 0
    assert main(["test"]) == 0
    content = torch.load(tmp_path / "runs/bwa/version_0/checkpoints/best.ckpt", weights_only=True)
    assert content["base"]["class"] == "Trained"
    assert all(name.startswith("network.adapter.") for name in content["state_dict"])


def test_an_ensemble_is_fitted_and_tested(flags: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["fit", "--config", str(Path(CONFIG).with_name("bue.yaml")), *flags]) == 0
    last = torch.load(tmp_path / "runs/bue/version_0/checkpoints/last.ckpt", weights_only=True)
    assert last["stage"]["parts"] == [0, 1]
    assert main(["test"]) == 0
    assert (tmp_path / "runs/bue/version_0/results.json").is_file()


SCHEDULES = {
    "CosineAnnealingLR": ["--model.scheduler.T_max", "2"],
    "OneCycleLR": ["--model.scheduler.max_lr", "0.01", "--model.scheduler.total_steps", "9"],
    "ReduceLROnPlateau": ["--trainer.check_val_every_n_epoch", "2", "--trainer.max_epochs", "4"],
}
STEPPED = {"CosineAnnealingLR": 2, "OneCycleLR": 4, "ReduceLROnPlateau": 1}
"""By epochs, by batches, by the validations that were before the one that is saved."""


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_are_named_in_the_config(
    name: str, flags: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    scheduler = ["--model.scheduler", f"torch.optim.lr_scheduler.{name}", *SCHEDULES[name]]
    assert main(["fit", "--config", CONFIG, *flags, *scheduler]) == 0
    (state,) = torch.load("runs/bwa/version_0/checkpoints/last.ckpt", weights_only=True)["lr_schedulers"]
    assert state["last_epoch"] == STEPPED[name]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--data.root", "nowhere"], "expected .* in .*nowhere.*; "),
        (["--data.window", "100"], "expected .*100.*; "),
        (["--data.window", "1"], r"more than 1 frames.* found 1 in data\.window; set --data\.window 3"),
        (
            ["--trainer.precision", "bf16-true"],
            r"found bf16-true in trainer.precision; set --trainer.precision bf16-mixed",
        ),
        (["--model.adapters.encoder", "resnet19"], r"found Unet, resnet19.* in adapter; see smp"),
        (["--config", "nothing.yaml"], r"found none in nothing\.yaml; choose one of base\.yaml, bue\.yaml, bwa\.yaml"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_to_do(
    args: list[str],
    message: str,
    flags: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["fit", "--config", CONFIG, *flags, *args]) == 1
    line = failure(capsys)
    assert line.startswith("vmatte: expected ")
    assert re.search(message, line), line


def test_a_wrong_checkpoint_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "wrong.ckpt").write_text("no checkpoint")
    assert main(["test", "--ckpt_path", str(tmp_path / "wrong.ckpt")]) == 1
    assert "wrong.ckpt; give the .ckpt file of a vmatte run" in failure(capsys)
    assert main(["test", "--ckpt_path", str(tmp_path / "absent.ckpt")]) == 1
    assert "expected a checkpoint, found no file" in failure(capsys)


def test_testing_without_any_run_says_how_to_make_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["test"]) == 1
    assert "train one with `vmatte fit --config bwa.yaml`" in failure(capsys)


def test_debug_shows_the_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Exception, match="train one with"):
        main(["test", "--debug"])


def test_a_bare_backbone_is_scored_in_a_run_of_its_own(
    footage: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    flags = ["--data.root", str(footage[0]), "--data.backgrounds", str(footage[1]), "--data.workers", "0"]
    files_only = ["--trainer.logger", "CSVLogger", "--trainer.logger.save_dir", "runs", "--trainer.logger.name", "base"]
    flags += [*files_only, "--trainer.enable_progress_bar", "false", "--trainer.accelerator", "cpu"]
    assert main(["test", "--config", "base.yaml", "--model.backbone", "backbones/tiny.yaml", *flags]) == 0
    assert re.search(r"metric +unit +score\n", capsys.readouterr().out)
    results = json.loads((tmp_path / "runs/base/version_0/results.json").read_text())
    assert results["boosted"].keys() == {"mad", "mse", "sad", "grad", "conn", "dtssd"}
    assert results["run"]["config"]["model"]["init_args"]["backbone"]["class_path"].endswith("TinyMatte")
    assert "base" not in results
