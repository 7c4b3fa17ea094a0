"""Boosting using Ensemble: adapters side by side on a frozen backbone, then a head that joins them."""

from pathlib import Path

import torch
from pytorch_lightning.cli import LRSchedulerCallable, OptimizerCallable
from torch import Tensor, nn

from vmatte_pl.errors import CheckpointError, ConfigError
from vmatte_pl.losses import MattingLoss
from vmatte_pl.models.adapter import Adapter
from vmatte_pl.models.base import Backbone, MattingNetwork
from vmatte_pl.models.ensemble import Ensemble, Head, Members
from vmatte_pl.runs import read_checkpoint
from vmatte_pl.tasks.base import after_past, alpha_after, past_of
from vmatte_pl.tasks.bwa import BwA
from vmatte_pl.tasks.staged import StagedTask
from vmatte_pl.types import ClipBatch

MEMBERS, HEAD = 0, 1
"""The parts, in the order in which they train."""


class BuE(StagedTask):
    """Train adapters side by side on a frozen backbone, then a Conv3D head on them: B → A*1 … A*n → h.

    The members share one pass of the backbone and nothing else: each has its own loss, and its gradients are its own.
    With ``checkpoints`` they come trained, and the head alone remains to be.

    Args:
        base: The backbone, or any network that is to be boosted; it stays as it is.
        adapters: The members.
        checkpoints: BwA checkpoints, one for each member, of one adapter each on this backbone; null trains them.
        head_window: How many earlier frames the head sees beside the current one.
        head_width: Channels of the head's hidden layers.
        loss: What training minimises, for members and head or for each; by default the first terms of ``MattingLoss``.
        optimizer: Called with the parameters of the members, then of the head.
        scheduler: Called with the optimiser; by default one cycle over each stage.
        epochs: How long each trains, members and head, one for both or two; by default the Trainer's ``max_epochs``.
        keep_stages: Keep a head that did not lower the validation MAD of the members' mean.
        crop: Height and width of the pieces that members and head train on, cut from around the alphas' edges, where
            the backbone sees whole frames; null takes these.
        pieces: How many are cut of each window: they are cheap where the backbone is not.

    Raises:
        ConfigError: There are fewer than two members, or not a checkpoint for each.
        CheckpointError: A checkpoint is not of the one adapter that it is given for, or of another backbone.
    """

    required = frozenset({MEMBERS})

    def __init__(
        self,
        base: MattingNetwork,
        adapters: list[Adapter],
        checkpoints: list[str] | None = None,
        head_window: int = 2,
        head_width: int = 16,
        loss: MattingLoss | list[MattingLoss] | None = None,
        optimizer: OptimizerCallable = torch.optim.AdamW,
        scheduler: LRSchedulerCallable | None = None,
        epochs: int | list[int] | None = None,
        keep_stages: bool = False,
        crop: tuple[int, int] | None = None,
        pieces: int = 1,
    ) -> None:
        if len(adapters) < 2:
            raise ConfigError(
                expected="two adapters or more",
                found=str(len(adapters)),
                where="model.adapters",
                remedy="list another one, or train one alone with --config bwa.yaml",
            )
        backbone = Backbone(base)
        self._members = (Members(backbone, adapters),)  # plain, so that what is registered is the network alone
        self._head = (Head(len(adapters), head_window, head_width),)
        first = [MEMBERS] if checkpoints is None else [MEMBERS, HEAD]
        if checkpoints is not None:
            _fetch(backbone, adapters, checkpoints)
        super().__init__(backbone, first, 2, loss, optimizer, scheduler, epochs, keep_stages, crop, pieces)

    def build(self, parts: list[int]) -> MattingNetwork:
        """Return the members' mean, or the ensemble if the head is there."""
        return Ensemble(self._members[0], self._head[0]) if HEAD in parts else self._members[0]

    def name_of(self, part: int) -> str:
        """Return what the stage trains."""
        return "the members" if part == MEMBERS else "the head"

    @property
    def trained(self) -> nn.Module:
        """The members, later the head."""
        return self.network.head if isinstance(self.network, Ensemble) else self._members[0].adapters

    def outline(self) -> list[tuple[str, str, nn.Module]]:
        """Return the backbone, the members and the head."""
        members = [(f"A{i + 1}", member.description, member) for i, member in enumerate(self._members[0].members)]
        head = self._head[0]
        return [
            ("B", type(self.base.network).__name__, self.base),
            *members,
            ("h", f"Conv3D, {head.window + 1} frame{'s' * (head.window > 0)}", head),
        ]

    def training_step(self, batch: ClipBatch, batch_idx: int) -> Tensor:
        """Train on B windows; their first l frames are only looked at, as the past of those that follow.

        Raises:
            ConfigError: The windows are no longer than the members'.
        """
        members = self._members[0]
        past = past_of(batch, members.window, members.base)
        later, known = after_past(batch, past), self._known(batch)
        frames = batch["com"]
        if isinstance(self.network, Ensemble):
            if self.crop is not None:
                alpha = members.base.stages(frames, None, known)[0][-1]
                frames, known, later = self.cut(frames, alpha, later)
            alphas, _ = self.network.stages(frames, None, known)
            return self.minimise(alphas[-1][:, past:], later, alphas[-2][:, past:])
        alpha = alpha_after(past, members.base, frames, known)
        frames, alpha, later = self.cut(frames, alpha, later)
        opinions, _ = members.opinions(frames[:, past - members.window :], alpha)
        terms = [self.loss(opinion, later, alpha) for opinion in opinions.split(1, dim=2)]
        return self.log_loss({name: torch.stack([term[name] for term in terms]).sum() for name in terms[0]}, later)


def _fetch(base: MattingNetwork, adapters: list[Adapter], checkpoints: list[str]) -> None:
    """Fill the adapters with what BwA has trained, each checked as BwA checks it."""
    if len(checkpoints) != len(adapters):
        raise ConfigError(
            expected=f"a checkpoint for each of {len(adapters)} adapters",
            found=str(len(checkpoints)),
            where="model.checkpoints",
            remedy="list one for each adapter, in their order",
        )
    for adapter, path in zip(adapters, checkpoints, strict=True):
        try:
            BwA(base, [adapter]).adopt(read_checkpoint(Path(path)))
        except CheckpointError as error:
            raise CheckpointError(
                expected=error.expected, found=error.found, where=path, remedy=error.remedy
            ) from error
