"""What every training task shares: streaming evaluation, scores, the optimiser, and what stops a run."""

import math
from typing import cast

import torch
from pytorch_lightning import LightningModule
from pytorch_lightning.cli import LRSchedulerCallable, OptimizerCallable
from pytorch_lightning.utilities.types import LRSchedulerConfigType, OptimizerLRScheduler
from torch import Tensor, nn
from torch.optim.lr_scheduler import CyclicLR, LambdaLR, OneCycleLR, ReduceLROnPlateau

from vmatte_pl.errors import ConfigError, TrainingError
from vmatte_pl.losses import MattingLoss
from vmatte_pl.metrics import MattingMetrics, matting_metrics
from vmatte_pl.models.base import MattingNetwork, State
from vmatte_pl.models.dilated import mend_gradients
from vmatte_pl.results import NetworkScores, Scores
from vmatte_pl.types import ClipBatch, StepOutput

START = 2
"""How many frames a network that remembers is given, where there are as many, before those that train."""


class MattingTask(LightningModule):
    """A matting network with a loss, metrics and an optimiser; subclasses say what of it trains.

    Evaluation takes whole clips in chunks that arrive in order and carries the network's state from one to the next,
    so that a score does not depend on the chunks' length. Scores are logged as ``val/mad``, those of the backbone as
    ``val/base/mad``, and what boosting gains on it, in percent, as ``val/gain/mad``.

    Args:
        network: The network that is evaluated.
        loss: What its training minimises; by default all terms of ``MattingLoss``.
        optimizer: Called with the trainable parameters.
        scheduler: Called with the optimiser, stepped once an epoch; a ``OneCycleLR`` or ``CyclicLR`` with every batch,
            a ``ReduceLROnPlateau`` after every validation, by ``val/mad``. By default one cycle over the whole fit.
    """

    began: tuple[int, int] = (0, 0)
    """The Trainer's epoch and step at which what is trained now began."""

    def __init__(
        self,
        network: MattingNetwork,
        loss: MattingLoss | None,
        optimizer: OptimizerCallable,
        scheduler: LRSchedulerCallable | None,
    ) -> None:
        super().__init__()
        self.network = network
        self.loss = loss or MattingLoss()
        self._optimizer, self._scheduler = optimizer, scheduler
        self.boosted_metrics, self.base_metrics = matting_metrics(), matting_metrics()
        self._state: State = None
        self._has_base = False

    @property
    def trained(self) -> nn.Module:
        """The part of the network that trains."""
        return self.network

    def outline(self) -> list[tuple[str, str, nn.Module]]:
        """Return the network's parts for a summary, from the frames on: a sign, what it is, the module."""
        return [("B", type(self.network).__name__, self.network)]

    def configure_model(self) -> None:
        """Give what trains true gradients, whoever's network it is; Lightning asks for it before each fit."""
        mend_gradients(self.trained)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Give the optimiser what trains, and nothing else.

        Raises:
            ConfigError: Nothing in the network can be trained.
        """
        parameters = [p for p in self.parameters() if p.requires_grad]
        if not parameters:
            raise ConfigError(
                expected="a network with weights to train",
                found=f"{type(self.network).__name__} without any",
                where="model.network",
                remedy="boost it instead, with --config bwa.yaml",
            )
        optimizer = self._optimizer(parameters)
        if self._scheduler is not None:
            scheduler = self._scheduler(optimizer)
            config: LRSchedulerConfigType = {"scheduler": scheduler, "monitor": "val/mad"}
            if isinstance(scheduler, ReduceLROnPlateau):
                config["frequency"] = self.trainer.check_val_every_n_epoch or 1
            elif isinstance(scheduler, OneCycleLR | CyclicLR):
                config["interval"] = "step"
            return {"optimizer": optimizer, "lr_scheduler": config}
        steps = self._steps()
        if steps in (0, math.inf):  # a run without a step or without an end has no cycle either
            return optimizer
        # torch's OneCycleLR would keep its length in the checkpoint, and fail where a longer run resumes from it
        cycle = LambdaLR(optimizer, lambda step: _cycle(step / steps))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": cycle, "interval": "step"}}

    def _steps(self) -> float:
        """Return how many steps what is trained now can take, infinity if there is no end."""
        trainer, (epoch, step) = self.trainer, self.began
        by_steps = math.inf if trainer.max_steps == -1 else trainer.max_steps - step
        # asked first of all, since it loads the data that tells how long an epoch is
        if trainer.estimated_stepping_batches == math.inf or trainer.max_epochs in (None, -1):
            return by_steps
        of_an_epoch = math.ceil(trainer.num_training_batches / trainer.accumulate_grad_batches)
        return min(by_steps, of_an_epoch * (trainer.max_epochs - epoch))

    def minimise(self, alpha: Tensor, batch: ClipBatch, before: Tensor | None = None) -> Tensor:
        """Log the terms of the loss of the batch's frames and return their sum; ``before`` is what alpha corrects.

        Raises:
            TrainingError: The loss is not a finite number.
        """
        return self.log_loss(self.loss(alpha, batch, before), batch)

    def log_loss(self, terms: dict[str, Tensor], batch: ClipBatch) -> Tensor:
        """Log the terms of a loss and return their sum.

        Raises:
            TrainingError: It is not a finite number.
        """
        total = torch.stack(list(terms.values())).sum()
        if not torch.isfinite(total):
            raise TrainingError(
                expected="a finite loss",
                found=f"{total.item()} at step {self.global_step}",
                where=f"clips {', '.join(batch['clip'])}",
                remedy="lower the learning rate or set --trainer.precision 32-true; the checkpoints so far are kept",
            )
        self.log("train/loss", total, prog_bar=True, batch_size=len(batch["clip"]))
        self.log_dict({f"train/{name}": term for name, term in terms.items()}, batch_size=len(batch["clip"]))
        return total

    def validation_step(self, batch: ClipBatch, batch_idx: int) -> StepOutput:
        """Score one chunk of a clip."""
        return self._evaluate(batch)

    def test_step(self, batch: ClipBatch, batch_idx: int) -> StepOutput:
        """Score one chunk of a clip."""
        return self._evaluate(batch)

    def predict_step(self, batch: ClipBatch, batch_idx: int) -> Tensor:
        """Return the alpha of one chunk of a clip, (1, T, 1, H, W)."""
        return self._stages(batch)[-1]

    def scores(self) -> Scores:
        """Return the scores of the last evaluation, over all and by clip; all ranks must call it together."""
        scores: Scores = {"boosted": _scores(self.boosted_metrics)}
        if self._has_base:
            scores["base"] = _scores(self.base_metrics)
        return scores

    def on_validation_epoch_start(self) -> None:
        """Forget the scores of the epoch before."""
        self._reset()

    def on_test_epoch_start(self) -> None:
        """Forget earlier scores."""
        self._reset()

    def on_validation_epoch_end(self) -> None:
        """Log the scores of the epoch."""
        self._log_scores("val")

    def on_test_epoch_end(self) -> None:
        """Log the scores of the test."""
        self._log_scores("test")

    def _evaluate(self, batch: ClipBatch) -> StepOutput:
        alphas = self._stages(batch)
        self._score(alphas, batch)
        return {"alpha": alphas[-1], "base": alphas[0] if self._has_base else None}

    def _score(self, alphas: list[Tensor], batch: ClipBatch) -> None:
        self._has_base = len(alphas) > 1
        which = {"clip": batch["clip"], "start": batch["start"]}
        self.boosted_metrics.update(alphas[-1], batch["pha"], **which)
        if self._has_base:
            self.base_metrics.update(alphas[0], batch["pha"], **which)

    def _stages(self, batch: ClipBatch) -> list[Tensor]:
        if batch["start"][0] == 0:
            self._state = None
        alphas, self._state = self.network.stages(batch["com"], self._state, self._known(batch))
        return [alpha.float() for alpha in alphas]

    def _known(self, batch: ClipBatch) -> Tensor | None:
        """Return the backbone's alpha, if it need not be asked for; a backbone that trains always must."""
        return None

    def _reset(self) -> None:
        self._state = None
        self.boosted_metrics.reset()
        self.base_metrics.reset()

    def _log_scores(self, stage: str) -> None:
        """Log what ``compute`` has gathered over the ranks."""
        boosted = self.boosted_metrics.compute()
        self.log_dict({f"{stage}/{name}": value for name, value in boosted.items()})
        if self._has_base:
            base = self.base_metrics.compute()
            self.log_dict({f"{stage}/base/{name}": value for name, value in base.items()})
            gain = {name: 100 * (1 - boosted[name] / value) for name, value in base.items() if value > 0}
            self.log_dict({f"{stage}/gain/{name}": value for name, value in gain.items()})


def past_of(batch: ClipBatch, window: int, base: MattingNetwork) -> int:
    """Return how many of a window's first frames are only looked at: an adapter's past, and a base's start.

    A base that remembers takes a while to find whom it should; to correct that would be to learn the wrong thing.
    """
    start = min(START, batch["com"].shape[1] - 1) if base.remembers else 0
    return max(window, start)


def after_past(batch: ClipBatch, past: int) -> ClipBatch:
    """Return the batch without the first ``past`` frames of each window: those are only looked at.

    Raises:
        ConfigError: The windows are no longer than that.
    """
    if batch["com"].shape[1] <= past:
        raise ConfigError(
            expected=f"training windows of more than {past} frames, the adapter's own past",
            found=str(batch["com"].shape[1]),
            where="data.window",
            remedy=f"set --data.window {past + 2} or more",
        )
    tensors = {key: value[:, past:] for key, value in batch.items() if isinstance(value, Tensor) and value.ndim == 5}
    return cast(ClipBatch, {**batch, **tensors, "start": batch["start"] + past})


def alpha_after(past: int, base: MattingNetwork, com: Tensor, known: Tensor | None) -> Tensor:
    """Return a base's alpha of the frames after the first ``past`` ones, which it sees only if it remembers.

    Shape:
        - com: (B, past + T, 3, H, W); known: None or (B, past + T, 1, H, W).
        - output: (B, T, 1, H, W).
    """
    if base.remembers:
        return base.stages(com, None, known)[0][-1][:, past:]
    return base.stages(com[:, past:], None, known if known is None else known[:, past:])[0][-1]


def _cycle(progress: float) -> float:
    """Return the learning rate's share of its peak: up in a line over the first tenth, down in a cosine to 0."""
    if progress < 0.1:
        return 0.04 + 0.96 * progress / 0.1
    return 0.5 + 0.5 * math.cos(math.pi * min((progress - 0.1) / 0.9, 1))


def _scores(metrics: MattingMetrics) -> NetworkScores:
    return {"all": {k: v.item() for k, v in metrics.compute().items()}, "clips": metrics.per_clip()}
