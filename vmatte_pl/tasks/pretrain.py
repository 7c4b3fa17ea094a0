"""Training a matting network itself: how the embedded backbone came about, and what boosting is compared with."""

import torch
from pytorch_lightning.cli import LRSchedulerCallable, OptimizerCallable

from vmatte_pl.losses import MattingLoss
from vmatte_pl.models.base import MattingNetwork
from vmatte_pl.tasks.base import MattingTask
from vmatte_pl.types import ClipBatch


class Pretrain(MattingTask):
    """Train all of a network, from scratch or onwards from its weights.

    Args:
        network: The network to train.
        loss: What training minimises; by default all terms of ``MattingLoss``.
        optimizer: Called with the trainable parameters.
        scheduler: Called with the optimiser; by default one cycle over the whole run.
    """

    def __init__(
        self,
        network: MattingNetwork,
        loss: MattingLoss | None = None,
        optimizer: OptimizerCallable = torch.optim.AdamW,
        scheduler: LRSchedulerCallable | None = None,
    ) -> None:
        super().__init__(network, loss, optimizer, scheduler)

    def training_step(self, batch: ClipBatch, batch_idx: int) -> torch.Tensor:
        """Train on B windows, each from an empty state."""
        alpha, _ = self.network(batch["com"])
        return self.minimise(alpha, batch, batch["pha"])
