import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint

from tests.tasks.toys import Diary, Interrupt, Weights, adapter, base, copied, data, trainer
from vmatte_pl.callbacks import AverageWeights
from vmatte_pl.errors import ConfigError
from vmatte_pl.tasks import BwA, fit_stages

Footage = tuple[Path, Path]

NAME = "network.adapter.network.segmentation_head.0.weight"


class Trace(Callback):
    """The weights after every step, and those that were validated."""

    def __init__(self) -> None:
        self.steps: list[Weights] = []
        self.validated: list[Weights] = []

    def on_train_start(self, trainer: Trainer, task: LightningModule) -> None:
        self.steps.append(copied(task))

    def on_train_batch_end(self, trainer: Trainer, task: LightningModule, *_: Any) -> None:
        self.steps.append(copied(task))

    def on_validation_batch_start(self, trainer: Trainer, task: LightningModule, *_: Any) -> None:
        self.validated.append(copied(task))


@pytest.mark.parametrize("decay", [-0.1, 1.0, 1.5])
def test_a_decay_that_does_not_average_is_refused(decay: float) -> None:
    with pytest.raises(ConfigError, match="expected a decay of 0 or more, below 1"):
        AverageWeights(decay)


def test_the_average_is_what_is_validated_and_saved(footage: Footage, tmp_path: Path) -> None:
    trace, task = Trace(), BwA(base(), [adapter()])
    trainer(tmp_path, callbacks=(AverageWeights(decay=0.15), trace)).fit(task, data(footage))
    start, one, two = (weights[NAME] for weights in trace.steps)
    average = start.lerp(one, 0.9).lerp(two, 0.85)  # 1/10 is kept at first, then 0.15 for 2/11
    torch.testing.assert_close(trace.validated[0][NAME], average)
    saved = torch.load(tmp_path / "best.ckpt", weights_only=True)
    torch.testing.assert_close(saved["state_dict"][NAME], average)
    torch.testing.assert_close(task.state_dict()[NAME], average)  # left behind at the end
    assert not torch.equal(average, two)


def test_only_what_trains_is_averaged(footage: Footage, tmp_path: Path) -> None:
    diary, task = Diary(), BwA(base(), [adapter(), adapter(0)], keep_stages=True)
    fit_stages(trainer(tmp_path, callbacks=(diary, AverageWeights())), task, data(footage))
    for began, ended in zip(diary.began, diary.ended, strict=True):
        moved = {name for name in began if not torch.equal(began[name], ended[name])}
        assert moved
        assert all(name.startswith("network.adapter.") for name in moved)
    held = torch.load(tmp_path / "last.ckpt", weights_only=True)
    assert held["ema"]["weights"].keys() == task.trained.state_dict().keys()


@pytest.mark.parametrize("interrupted", [1, 2])
def test_a_resumed_run_goes_on_with_weights_and_average(footage: Footage, tmp_path: Path, interrupted: int) -> None:
    def fit(folder: Path, *more: Callback, **options: Any) -> BwA:
        task = BwA(base(), [adapter(), adapter()], epochs=[2, 1], keep_stages=True)
        fit_stages(trainer(folder, callbacks=(AverageWeights(), *more)), task, data(footage), **options)
        return task

    expected = fit(tmp_path / "whole").state_dict()
    with pytest.raises(InterruptedError):
        fit(tmp_path / "parts", Interrupt(interrupted))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Checkpoint directory .* exists and is not empty")  # so it does
        found = fit(tmp_path / "parts", ckpt_path=tmp_path / "parts/last.ckpt").state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in found.items())


def test_checkpoints_that_would_not_hold_the_average_are_refused(footage: Footage, tmp_path: Path) -> None:
    run = trainer(
        tmp_path, callbacks=(AverageWeights(), ModelCheckpoint(tmp_path, monitor="val/mse", save_weights_only=True))
    )
    with pytest.raises(ConfigError, match="found save_weights_only true"):
        run.fit(BwA(base(), [adapter()]), data(footage))
