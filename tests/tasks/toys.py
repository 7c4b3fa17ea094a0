"""Small tasks, data and Trainers: whole fits in seconds."""

import shutil
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint
from torch import Tensor, nn

from vmatte_pl.data.datamodule import MattingData
from vmatte_pl.models import Adapter, MattingNetwork, TinyMatte
from vmatte_pl.models.base import State
from vmatte_pl.tasks.staged import StagedTask

Weights = dict[str, Tensor]


QUIET: dict[str, Any] = {
    "use_distributed_sampler": False,
    "num_sanity_val_steps": 0,
    "log_every_n_steps": 1,
    "enable_progress_bar": False,
    "enable_model_summary": False,
}


class Nobody(MattingNetwork):
    """A network that sees no one: the best that does not look, where there is little to see."""

    def forward(self, frames: Tensor, state: State = None) -> tuple[Tensor, State]:
        return torch.zeros_like(frames[:, :, :1]), state


def base(seed: int = 0) -> TinyMatte:
    torch.manual_seed(seed)
    return TinyMatte(pretrained=False)


def adapter(window: int = 1, residual: bool = True, seed: int = 0) -> Adapter:
    torch.manual_seed(seed)
    return Adapter("Unet", "tu-tf_mobilenetv3_small_minimal_100", window=window, residual=residual)


def data(footage: tuple[Path, Path], window: int = 3, chunk: int = 3) -> MattingData:
    root, backgrounds = map(str, footage)
    return MattingData(
        root, backgrounds, size=(32, 48), window=window, chunk=chunk, batch_size=2, samples_per_epoch=4, workers=0
    )


def trainer(folder: Path, epochs: int = 1, callbacks: tuple[Callback, ...] = (), **options: Any) -> Trainer:
    return Trainer(
        **{
            "accelerator": "cpu",
            "max_epochs": epochs,
            "default_root_dir": folder,
            "logger": False,
            **QUIET,
            "callbacks": [
                *callbacks,
                ModelCheckpoint(folder, "best", monitor="val/mad"),
                ModelCheckpoint(folder, "last", save_on_train_epoch_end=True, enable_version_counter=False),
            ],
            **options,
        }
    )


class Interrupt(Callback):
    """Break off at the start of an epoch."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def on_train_epoch_start(self, trainer: Trainer, task: LightningModule) -> None:
        if trainer.current_epoch == self.epoch:
            raise InterruptedError


class Copies(Callback):
    """Keep what ``last.ckpt`` was after every epoch, as 0.ckpt, 1.ckpt, …"""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def on_train_epoch_start(self, trainer: Trainer, task: LightningModule) -> None:
        if trainer.current_epoch:
            shutil.copy(self.folder / "last.ckpt", self.folder / f"{trainer.current_epoch - 1}.ckpt")


def copied(module: nn.Module) -> Weights:
    return {k: v.clone() for k, v in module.state_dict().items()}


class Diary(Callback):
    """What a fit of several stages was like."""

    def __init__(self) -> None:
        self.began: list[Weights] = []
        self.ended: list[Weights] = []
        self.optimised: list[set[int]] = []
        self.trained: list[set[int]] = []
        self.rates: list[list[float]] = []
        self.parts: list[list[int]] = []
        self.epochs: list[int] = []

    def on_train_start(self, trainer: Trainer, task: LightningModule) -> None:
        assert isinstance(task, StagedTask)
        groups = trainer.optimizers[0].param_groups
        self.began.append(copied(task))
        self.optimised.append({id(p) for group in groups for p in group["params"]})
        self.trained.append({id(p) for p in task.trained.parameters()})
        self.parts.append(task.stage.parts)
        self.rates.append([])
        self.epochs.append(0)

    def on_train_batch_start(self, trainer: Trainer, task: LightningModule, batch: Any, batch_idx: int) -> None:
        self.rates[-1].append(trainer.optimizers[0].param_groups[0]["lr"])

    def on_train_epoch_end(self, trainer: Trainer, task: LightningModule) -> None:
        self.epochs[-1] += 1

    def on_train_end(self, trainer: Trainer, task: LightningModule) -> None:
        self.ended.append(copied(task))
