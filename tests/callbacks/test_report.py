import json
from pathlib import Path
from typing import Any

import av
import pytest
import torch
import yaml
from PIL import Image
from pytorch_lightning import LightningModule, Trainer

from tests.callbacks.toys import CLIPS, FRAMES, HEIGHT, WIDTH, WORST, Toy, loggers
from vmatte_pl import pictures
from vmatte_pl.callbacks import gallery
from vmatte_pl.callbacks.report import Report
from vmatte_pl.errors import ConfigError


def trainer(report: Report, folder: Path, **options: Any) -> Trainer:
    options = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False} | options
    return Trainer(accelerator="cpu", devices=1, max_steps=1, default_root_dir=folder, callbacks=[report], **options)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run's folder with a checkpoint and a configuration."""
    run = tmp_path / "runs" / "toy" / "version_0"
    fitted = trainer(Report(), tmp_path, enable_checkpointing=False, limit_val_batches=0)
    fitted.fit(Toy())
    fitted.save_checkpoint(run / "checkpoints" / "best.ckpt", weights_only=True)
    (run / "config.yaml").write_text(yaml.safe_dump({"seed_everything": 11, "model": {"lr": 0.1}}))
    return run


def test_a_test_run_leaves_its_report_in_the_runs_folder(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = run / "checkpoints" / "best.ckpt"
    trainer(Report(clips=2, video_clips=2, width=100), tmp_path).test(Toy(), ckpt_path=str(checkpoint))

    tree = json.loads((run / "results.json").read_text())
    assert tree["gain"] == {"mad": 50.0}
    assert len(tree["clips"]) == CLIPS
    assert tree["run"]["checkpoint"] == str(checkpoint)
    assert tree["run"]["seed"] == 11
    assert tree["run"]["config"]["model"] == {"lr": 0.1}
    assert (run / "results.csv").read_text().count("\n") == 1 + 2 * CLIPS
    with Image.open(run / "contact_sheet.png") as sheet:
        assert sheet.width == 6 * 100 + 5 * 4 + 2 * 8
    with av.open(str(run / "comparison.mp4")) as video:
        frames = [(frame.width, frame.height) for frame in video.decode(video=0)]
    assert len(frames) == 2 * FRAMES
    assert len(set(frames)) == 1

    printed = capsys.readouterr().out
    assert "MAD     1e-3      100.000   50.000   +50.0" in printed
    for name in ("results.json", "results.csv", "contact_sheet.png", "comparison.mp4"):
        assert f"  runs/toy/version_0/{name}\n" in printed
    assert "vmatte fit --config bwa.yaml" in printed
    assert "Test metric" not in printed  # Lightning's own table would say it twice


@pytest.mark.parametrize("alone", [False, True])
def test_sheet_shows_the_worst_frame_of_the_first_clips(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, alone: bool
) -> None:
    shown: list[pictures.Shot] = []

    def watch(shots: list[pictures.Shot], width: int, note: str) -> pictures.Picture:
        shown.extend(shots)
        return pictures.contact_sheet(shots, width, note)

    monkeypatch.setattr(gallery, "contact_sheet", watch)
    trainer(Report(clips=2, width=80), tmp_path).test(Toy(alone))
    assert [(shot.clip, shot.frame) for shot in shown] == [("0000", WORST), ("0001", WORST)]
    shot = shown[0]
    assert shot.com.shape == (HEIGHT, WIDTH, 3)
    assert shot.boosted[0, 0] == round(0.2 * 255)
    assert (shot.base is None) == alone
    assert alone or (shot.base is not None and shot.base[0, 0] == round(0.4 * 255))


def test_video_holds_no_more_frames_than_asked_for(tmp_path: Path) -> None:
    trainer(Report(video_clips=1, video_frames=4, fps=29.97), tmp_path).test(Toy())
    with av.open(str(tmp_path / "comparison.mp4")) as video:
        assert len(list(video.decode(video=0))) == 4


def test_a_network_alone_is_reported_without_a_base(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trainer(Report(), tmp_path).test(Toy(alone=True))
    assert set(json.loads((tmp_path / "results.json").read_text())) == {"boosted", "clips", "run"}
    printed = capsys.readouterr().out
    assert "score" in printed
    assert "frozen base" not in printed


def test_a_checkpoint_that_left_its_folder_brings_its_configuration(run: Path, tmp_path: Path) -> None:
    checkpoint = torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)
    torch.save({**checkpoint, "config": "seed_everything: 5\n"}, tmp_path / "alone.ckpt")
    trainer(Report(), tmp_path).test(Toy(), ckpt_path=str(tmp_path / "alone.ckpt"))
    assert json.loads((tmp_path / "results.json").read_text())["run"]["seed"] == 5


def test_wandb_gets_the_sheet_and_the_video(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    both = loggers(tmp_path)
    trainer(Report(), tmp_path, logger=both).test(Toy(), ckpt_path=str(run / "checkpoints" / "best.ckpt"))
    (media,) = (tmp_path / "wandb").glob("offline-run-*/files/media")
    (sheet,) = media.glob("images/test/contact_sheet*.png")
    assert sheet.read_bytes() == (run / "contact_sheet.png").read_bytes()
    (video,) = media.glob("videos/test/comparison*.mp4")
    assert video.read_bytes() == (run / "comparison.mp4").read_bytes()
    printed = capsys.readouterr().out
    assert "wandb leet wandb\n" in printed
    assert "wandb sync wandb/offline-run-*\n" in printed


def test_scores_are_asked_for_once_a_test(tmp_path: Path) -> None:
    toy = Toy()
    trainer(Report(), tmp_path).test(toy)
    assert toy.scored == 1


def test_a_task_that_cannot_tell_its_scores_is_named(tmp_path: Path) -> None:
    class Mute(LightningModule):
        test_step = Toy.test_step
        test_dataloader = Toy.test_dataloader

    with pytest.raises(ConfigError, match=r"Mute without a method scores\(\)"):
        trainer(Report(), tmp_path).test(Mute())
