"""An average over time of the weights that train."""

from typing import Any, cast

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor, nn

from vmatte_pl.errors import ConfigError
from vmatte_pl.tasks.base import MattingTask

EMA = "ema"
"""Where a checkpoint holds the weights that train, beside their average."""


class AverageWeights(Callback):
    """Keep an exponential moving average of what trains; the average is what is validated and saved.

    A frozen base is neither copied nor averaged, nor are earlier stages; every stage has an average of its own.
    Running statistics are averaged like weights. At first the average follows more closely, so that it does not hold
    on to where training began.

    Args:
        decay: What share of the average a step leaves as it is; 0.999 averages over about a thousand steps.

    Raises:
        ConfigError: The share is not from 0 to 1.
    """

    def __init__(self, decay: float = 0.999) -> None:
        if not 0 <= decay < 1:
            raise ConfigError(
                expected="a decay of 0 or more, below 1",
                found=str(decay),
                where="AverageWeights.decay",
                remedy="set it to 0.999 for an average over about a thousand steps",
            )
        self.decay = decay
        self._average: dict[str, Tensor] | None = None
        self._updates = self._step = 0
        self._resumed: dict[str, Any] | None = None

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse checkpoints that callbacks have no say in.

        Raises:
            ConfigError: A ``ModelCheckpoint`` saves weights only: they would not be the average that it chose them by.
        """
        if any(getattr(callback, "save_weights_only", False) for callback in trainer.checkpoint_callbacks):
            raise ConfigError(
                expected="whole checkpoints, which hold the average",
                found="save_weights_only true",
                where="trainer.callbacks, ModelCheckpoint beside AverageWeights",
                remedy="set it to false: a frozen base is not in the checkpoint in any case",
            )

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin with the weights as they are; in a resumed run these are the average."""
        trained = _trained(pl_module)
        self._average, self._updates, self._step = _copy(trained), 0, trainer.global_step
        if self._resumed is not None:
            trained.load_state_dict(self._resumed["weights"])
            self._updates = self._resumed["updates"]

    @torch.no_grad()
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Follow the weights, if the optimiser has moved them."""
        if self._average is None or trainer.global_step == self._step:
            return
        kept = min(self.decay, (1 + self._updates) / (10 + self._updates))
        for name, value in _trained(pl_module).state_dict().items():
            if value.is_floating_point():
                self._average[name].lerp_(value, 1 - kept)
            else:  # a count of batches
                self._average[name].copy_(value)
        self._updates, self._step = self._updates + 1, trainer.global_step

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Put the average in the place of the weights."""
        self._swap(pl_module)

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Put the weights back."""
        self._swap(pl_module)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Leave the average behind."""
        self._swap(pl_module)
        self._average = None

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Begin anew with the next stage."""
        self._resumed = None

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Save the average as the weights, and the weights beside it."""
        if self._average is not None:
            trained = _trained(pl_module)
            checkpoint[EMA] = {"weights": trained.state_dict(), "updates": self._updates}
            prefix = next(f"{name}." for name, module in pl_module.named_modules() if module is trained)
            checkpoint["state_dict"] |= {prefix + name: value for name, value in self._average.items()}

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Remember the weights, for training to go on from there."""
        self._resumed = checkpoint.get(EMA)

    def _swap(self, pl_module: LightningModule) -> None:
        if self._average is not None:
            trained = _trained(pl_module)
            weights = _copy(trained)
            trained.load_state_dict(self._average)
            self._average = weights


def _trained(task: LightningModule) -> nn.Module:
    return cast(MattingTask, task).trained


def _copy(module: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items()}
