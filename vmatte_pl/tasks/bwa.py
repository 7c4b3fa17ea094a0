"""Boosting with Adapters: a frozen backbone and the adapters that learn, one after another, to correct it."""

import torch
from pytorch_lightning.cli import LRSchedulerCallable, OptimizerCallable
from torch import nn

from vmatte_pl.errors import ConfigError
from vmatte_pl.losses import MattingLoss
from vmatte_pl.models.adapter import Adapter
from vmatte_pl.models.base import MattingNetwork
from vmatte_pl.models.boosted import Boosted
from vmatte_pl.tasks.base import after_past, alpha_after, past_of
from vmatte_pl.tasks.staged import StagedTask
from vmatte_pl.types import ClipBatch


class BwA(StagedTask):
    """Train adapters on a frozen backbone one after another, each on what those before it left wrong.

    Args:
        base: The backbone, or any network that is to be boosted; it stays as it is.
        adapters: The segmentation networks that correct its alpha, a stage each.
        loss: What training minimises, for all stages or for each; by default the first terms of ``MattingLoss``.
        optimizer: Called with the parameters of the adapter that trains.
        scheduler: Called with the optimiser; by default one cycle over each stage.
        epochs: How long a stage lasts, for all or for each; by default the Trainer's ``max_epochs``.
        keep_stages: Keep an adapter that did not lower the validation MAD, where it would be dropped.
        crop: Height and width of the pieces that adapters train on, cut from around the alphas' edges, where the
            backbone sees whole frames; null takes these.
        pieces: How many are cut of each window: they are cheap where the backbone is not.
    """

    network: Boosted

    def __init__(
        self,
        base: MattingNetwork,
        adapters: list[Adapter],
        loss: MattingLoss | list[MattingLoss] | None = None,
        optimizer: OptimizerCallable = torch.optim.AdamW,
        scheduler: LRSchedulerCallable | None = None,
        epochs: int | list[int] | None = None,
        keep_stages: bool = False,
        crop: tuple[int, int] | None = None,
        pieces: int = 1,
    ) -> None:
        if not adapters:
            raise ConfigError(
                expected="an adapter", found="none", where="model.adapters", remedy="list one for each stage"
            )
        self._adapters = tuple(adapters)  # plain, so that only those within the network are registered
        super().__init__(base, [0], len(adapters), loss, optimizer, scheduler, epochs, keep_stages, crop, pieces)

    def build(self, parts: list[int]) -> MattingNetwork:
        """Nest the adapters: ``Boosted(Boosted(B, A1), A2)``."""
        network: MattingNetwork = self.base
        for part in parts:
            network = Boosted(network, self._adapters[part])
        return network

    def name_of(self, part: int) -> str:
        """Return the adapter's description."""
        return str(self._adapters[part].description)

    @property
    def trained(self) -> nn.Module:
        """The newest adapter."""
        return self.network.adapter

    def outline(self) -> list[tuple[str, str, nn.Module]]:
        """Return the backbone and the adapters, those that have not begun included."""
        adapters = [(f"A{i + 1}", adapter.description, adapter) for i, adapter in enumerate(self._adapters)]
        return [("B", type(self.base.network).__name__, self.base), *adapters]

    def training_step(self, batch: ClipBatch, batch_idx: int) -> torch.Tensor:
        """Train on B windows; their first l frames are only looked at, as the past of those that follow.

        Raises:
            ConfigError: The windows are no longer than the adapters'.
        """
        base, adapter = self.network.base, self.network.adapter
        past = past_of(batch, max(self._adapters[part].window for part in self.stage.parts), base)
        later = after_past(batch, past)
        frames, alpha = batch["com"], alpha_after(past, base, batch["com"], self._known(batch))
        frames, alpha, later = self.cut(frames, alpha, later)
        return self.minimise(adapter(frames[:, past - adapter.window :], alpha), later, alpha)
