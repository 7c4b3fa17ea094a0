"""Boosting with Adapters: a frozen backbone and the adapter that learns to correct it."""

from typing import Any

import torch
from pytorch_lightning.cli import LRSchedulerCallable, OptimizerCallable

from vmatte_pl.errors import CheckpointError, ConfigError
from vmatte_pl.losses import MattingLoss
from vmatte_pl.models.adapter import Adapter
from vmatte_pl.models.base import MattingNetwork
from vmatte_pl.models.boosted import Boosted
from vmatte_pl.tasks.base import MattingTask
from vmatte_pl.types import ClipBatch

BASE = "network.base."
"""Where the backbone's weights stand in the task's state dict."""


class BwA(MattingTask):
    """Train an adapter on a frozen backbone.

    A checkpoint holds the adapter and the backbone's name and fingerprint, not its weights: those come from where
    the backbone has them, and must be the ones that the adapter was trained on.

    Args:
        base: The backbone, or any network that is to be boosted; it stays as it is.
        adapter: The segmentation network that corrects its alpha.
        loss: What training minimises; by default all terms of ``MattingLoss``.
        optimizer: Called with the adapter's parameters.
        scheduler: Called with the optimiser; by default one cycle over the whole run.
    """

    network: Boosted

    def __init__(
        self,
        base: MattingNetwork,
        adapter: Adapter,
        loss: MattingLoss | None = None,
        optimizer: OptimizerCallable = torch.optim.AdamW,
        scheduler: LRSchedulerCallable | None = None,
    ) -> None:
        super().__init__(Boosted(base, adapter), loss, optimizer, scheduler)

    def training_step(self, batch: ClipBatch, batch_idx: int) -> torch.Tensor:
        """Train on B windows; their first l frames are only looked at, as the past of those that follow.

        Raises:
            ConfigError: The windows are no longer than the adapter's.
        """
        adapter = self.network.adapter
        if batch["com"].shape[1] <= adapter.window:
            raise ConfigError(
                expected=f"training windows of more than {adapter.window} frames, the adapter's own past",
                found=str(batch["com"].shape[1]),
                where="data.window",
                remedy=f"set --data.window {adapter.window + 2} or more",
            )
        base = batch["base"] if "base" in batch else self.network.base(batch["com"])[0]
        alpha = adapter(batch["com"], base[:, adapter.window :])
        return self.minimise(alpha, batch, batch["pha"][:, adapter.window :])

    def on_fit_start(self) -> None:
        """Check that alphas stored beside the footage are this backbone's.

        Raises:
            ConfigError: They are another network's.
        """
        stored = getattr(self.trainer.datamodule, "stored_base", None)  # type: ignore[attr-defined]  # set by fit
        found = self.network.base.fingerprint()
        if stored is not None and stored["sha256"] != found:
            raise ConfigError(
                expected=f"the backbone whose alphas are stored, {stored['name']} {stored['sha256'][:12]}",
                found=_say(self._base_identity()),
                where="model.base",
                remedy="compose with this backbone, or pass --data.use_base false to run it",
            )

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Leave the backbone's weights out and say which they were."""
        weights = checkpoint["state_dict"]
        checkpoint["state_dict"] = {k: v for k, v in weights.items() if not k.startswith(BASE)}
        checkpoint["base"] = self._base_identity()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Check that the backbone is the one the adapter was trained on, and put its weights back.

        Raises:
            CheckpointError: The checkpoint is not of this task, or of another backbone or adapter.
        """
        expected, found = self._base_identity(), checkpoint.get("base")
        if found != expected:
            raise CheckpointError(
                expected=f"an adapter of {_say(expected)}",
                found=f"one of {_say(found)}" if found else "no adapter",
                where="the checkpoint",
                remedy="give the backbone that it was trained on (--model.base), or train an adapter on this one",
            )
        own = self.state_dict()
        checkpoint["state_dict"] |= {k: v for k, v in own.items() if k.startswith(BASE)}
        shapes = {k: v.shape for k, v in checkpoint["state_dict"].items()}
        wrong = [k for k in own.keys() | shapes.keys() if k not in own or own[k].shape != shapes.get(k)]
        if wrong:
            raise CheckpointError(
                expected="the weights of the adapter that the config names",
                found=f"{len(wrong)} that are missing, unknown or of another shape, such as {min(wrong)}",
                where="the checkpoint",
                remedy="use the config of its own run, config.yaml beside its checkpoints folder",
            )

    def _stages(self, batch: ClipBatch) -> list[torch.Tensor]:
        """Return the stages' alphas, the backbone's from where it is stored if that is all that stands before."""
        if "base" not in batch or isinstance(self.network.base.network, Boosted):
            return super()._stages(batch)
        state = None if batch["start"][0] == 0 else self._state
        alphas, self._state = self.network.stages(batch["com"], state, batch["base"])
        return [alpha.float() for alpha in alphas]

    def _base_identity(self) -> dict[str, str]:
        base = self.network.base
        return {"class": type(base.network).__qualname__, "sha256": base.fingerprint()}


def _say(identity: dict[str, str]) -> str:
    return f"{identity['class']} {identity['sha256'][:12]}"
