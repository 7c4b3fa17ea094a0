"""One fit of several stages: what is reset between them, and how long each lasts."""

import math
import shutil
import warnings
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback, LightningDataModule, LightningModule, Trainer
from pytorch_lightning.callbacks import EarlyStopping, ModelCheckpoint, Timer
from pytorch_lightning.strategies.launchers import _MultiProcessingLauncher
from torch import Tensor

from vmatte_pl.errors import ConfigError
from vmatte_pl.runs import read_checkpoint
from vmatte_pl.tasks.base import MattingTask
from vmatte_pl.tasks.staged import STAGE, Stage, StagedTask


def fit_stages(
    trainer: Trainer,
    task: MattingTask,
    datamodule: LightningDataModule | None = None,
    ckpt_path: str | Path | None = None,
    **options: Any,
) -> None:
    """Fit a task, stage after stage if it has several, as one run with one best checkpoint.

    A stage lasts its epochs, or the Trainer's ``max_epochs``; ``max_steps``, ``max_time`` and the patience of an
    ``EarlyStopping`` hold for each stage as well. It begins from the best weights so far, which ``ModelCheckpoint``
    keeps over all stages: a stage that never beats them leaves no trace in the best checkpoint. A run that resumes in a
    folder of its own begins with the best of the one before.

    Args:
        trainer: The Trainer.
        task: The task; in the end it is what the best checkpoint holds.
        datamodule: The data.
        ckpt_path: A checkpoint to resume from, of whichever stage.
        options: Further arguments of ``Trainer.fit``.

    Raises:
        ConfigError: Several stages are to run in processes that live for one fit only.
    """
    if ckpt_path is not None and Path(ckpt_path).is_file():
        trainer.callbacks.insert(0, _Recall(Path(ckpt_path)))  # type: ignore[attr-defined]  # a list, set at run time
    if not isinstance(task, StagedTask):
        _fit(trainer, task, datamodule, ckpt_path, options)
        return
    _refuse_short_lived_processes(trainer, task)
    budget, fresh = _Budget(trainer.max_epochs, trainer.max_steps), _Fresh(trainer)
    budget.grant(trainer, task, _first_stage(task, ckpt_path))
    _fit(trainer, task, datamodule, ckpt_path, options)
    while task.advance(_best(trainer), trainer.current_epoch, trainer.global_step):
        fresh.restore(trainer)
        if task.keep_stages:
            _forget_best(trainer)
        budget.grant(trainer, task, task.stage)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Checkpoint directory .* exists and is not empty")  # the stage before's
            trainer.fit(task, datamodule=datamodule, **options)


def _fit(
    trainer: Trainer,
    task: MattingTask,
    datamodule: LightningDataModule | None,
    ckpt_path: str | Path | None,
    options: dict[str, Any],
) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The dirpath has changed")  # what would be forgotten is recalled
        trainer.fit(task, datamodule=datamodule, ckpt_path=ckpt_path, **options)


class _Recall(Callback):
    """Bring the best checkpoint so far into the folder of a run that resumes.

    Where that folder is another one, Lightning forgets how good the best one was, and would take whatever comes next
    for the best.

    Args:
        resumed: The checkpoint to resume from.
    """

    def __init__(self, resumed: Path) -> None:
        self._resumed: Path | None = resumed

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Do it once, when checkpoints have a folder."""
        resumed, self._resumed = self._resumed, None
        if resumed is None:
            return
        saved = read_checkpoint(resumed).get("callbacks", {}) if trainer.is_global_zero else {}
        for callback in _monitors(trainer):
            brought = trainer.strategy.broadcast(_bring(saved.get(callback.state_key), resumed, callback.dirpath))
            if brought is not None:
                path, score = brought
                callback.best_model_score = callback.kth_value = score
                callback.best_model_path = callback.kth_best_model_path = path
                callback.best_k_models = {path: score}


def _bring(state: dict[str, Any] | None, resumed: Path, folder: Any) -> tuple[str, Tensor] | None:
    """Copy the best checkpoint that a ``ModelCheckpoint`` knew into ``folder``; return its path and score, or None."""
    if state is None or state["best_model_score"] is None or folder is None:
        return None
    there = Path(state["best_model_path"])
    there = there if there.is_file() else resumed.parent / there.name  # it was saved from another folder
    here = Path(folder) / there.name
    if here.exists() or not there.is_file():
        return None
    here.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(there, here)
    return str(here), state["best_model_score"]


def _first_stage(task: StagedTask, ckpt_path: str | Path | None) -> Stage:
    """Return the stage that a fit begins in; a checkpoint with more parts is refused when it is loaded."""
    resumed = None if ckpt_path is None else read_checkpoint(Path(ckpt_path)).get(STAGE)
    return task.stage if resumed is None or max(resumed["parts"]) >= task.parts else Stage(**resumed)


@dataclass
class _Budget:
    """How long each stage may train."""

    epochs: int | None
    steps: int

    def grant(self, trainer: Trainer, task: StagedTask, stage: Stage) -> None:
        """Set the Trainer's limits, which count from the run's begin, to the end of ``stage``."""
        epochs = task.epochs_of(stage) or self.epochs
        trainer.fit_loop.max_epochs = epochs if epochs in (None, -1) else stage.epoch + epochs
        trainer.fit_loop.epoch_loop.max_steps = self.steps if self.steps == -1 else stage.step + self.steps


class _Fresh:
    """The callbacks that count from a stage's begin, as they were before the first one."""

    def __init__(self, trainer: Any) -> None:
        self._used = [callback for callback in trainer.callbacks if isinstance(callback, EarlyStopping | Timer)]
        self._unused = deepcopy(self._used)

    def restore(self, trainer: Any) -> None:
        """Put unused ones in the place of those that were used."""
        again = deepcopy(self._unused)
        anew = {id(old): new for old, new in zip(self._used, again, strict=True)}
        trainer.callbacks = [anew.get(id(callback), callback) for callback in trainer.callbacks]
        self._used = again


def _monitors(trainer: Trainer) -> list[ModelCheckpoint]:
    return [c for c in trainer.checkpoint_callbacks if isinstance(c, ModelCheckpoint) and c.monitor]


def _forget_best(trainer: Trainer) -> None:
    """Let the next validation be the best so far; its checkpoint takes the place of the one there is."""
    for callback in _monitors(trainer):
        worst = torch.tensor(math.inf if callback.mode == "min" else -math.inf)
        callback.best_k_models = dict.fromkeys(callback.best_k_models, worst)
        callback.kth_value = callback.best_model_score = worst


def _best(trainer: Trainer) -> dict[str, Any] | None:
    """Return the best checkpoint as the first process reads it: the others may have no access to its folder."""
    path = Path(next((callback.best_model_path for callback in _monitors(trainer)), ""))
    best = read_checkpoint(path) if trainer.is_global_zero and path.is_file() else None
    return trainer.strategy.broadcast(best)


def _refuse_short_lived_processes(trainer: Trainer, task: StagedTask) -> None:
    """Forked and spawned processes end with each fit, and take the run's progress with them."""
    if isinstance(trainer.strategy.launcher, _MultiProcessingLauncher) and task.stage.parts[-1] + 1 < task.parts:
        raise ConfigError(
            expected="a strategy whose processes live for the whole run, for several stages",
            found=type(trainer.strategy).__name__ + " with processes that are forked or spawned",
            where="trainer.strategy",
            remedy="set --trainer.strategy ddp",
        )
