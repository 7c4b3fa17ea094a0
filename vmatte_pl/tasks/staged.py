"""Tasks that train a network part by part: what has been trained, what trains, and what a checkpoint says of it."""

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from pytorch_lightning.cli import LRSchedulerCallable, OptimizerCallable
from pytorch_lightning.utilities import rank_zero_info
from torch import Tensor

from vmatte_pl.data.views import Size
from vmatte_pl.errors import CheckpointError, ConfigError
from vmatte_pl.losses import MattingLoss
from vmatte_pl.metrics import MAD
from vmatte_pl.models.adapter import Adapter
from vmatte_pl.models.base import Backbone, MattingNetwork
from vmatte_pl.tasks.base import MattingTask
from vmatte_pl.tasks.crops import crop_to_edges
from vmatte_pl.types import ClipBatch

STAGE = "stage"
"""Where a checkpoint holds the stage that it was made in."""

SETTINGS = "settings"
"""Where a checkpoint holds those of its adapters that its weights do not show."""


@dataclass
class Stage:
    """What of a network is there, and how far its last part's training has come: plain values.

    Attributes:
        parts: The indices of the parts that the network has; the last of them trains.
        epoch: The Trainer's epoch at which the stage began.
        step: The Trainer's step at which it began.
        before: The validation MAD of the network without its last part; None until that is known.
        mad: That of the weights as they are; None until it is known.
    """

    parts: list[int]
    epoch: int = 0
    step: int = 0
    before: float | None = None
    mad: float | None = None


class StagedTask(MattingTask):
    """A network of several parts on a frozen base, trained one after another; ``fit_stages`` runs them.

    The parts before the one that trains are frozen. Those that have not begun are no part of the task yet: the
    optimiser, DDP and checkpoints see only what is there. A checkpoint holds the parts, not the base's weights, but
    its name and fingerprint: the weights come from where the base has them, and must be those it was trained on.

    Args:
        base: The network that is boosted.
        first: The parts to begin with.
        parts: How many parts there are in all.
        loss: What training minimises, for all parts or for each.
        optimizer: Called with the parameters of the part that trains.
        scheduler: Called with the optimiser; by default one cycle over the stage.
        epochs: How long a part trains, for all or for each; None takes the Trainer's ``max_epochs``.
        keep_stages: Keep a part that did not lower the validation MAD, where it would be dropped.
        crop: Height and width of the pieces of frames that parts train on; None takes whole frames.
        pieces: How many are cut of each window.

    Raises:
        ConfigError: There are no such pieces, no epochs, or settings for another number of parts.
    """

    required: frozenset[int] = frozenset()
    """The parts that stay in any case, since others build on them."""

    def __init__(
        self,
        base: MattingNetwork,
        first: list[int],
        parts: int,
        loss: MattingLoss | list[MattingLoss] | None,
        optimizer: OptimizerCallable,
        scheduler: LRSchedulerCallable | None,
        epochs: int | list[int] | None,
        keep_stages: bool,
        crop: Size | None,
        pieces: int,
    ) -> None:
        if pieces < 1 or min(crop or (1,)) < 1:
            raise ConfigError(
                expected="one piece or more of 1x1 pixels or more",
                found=f"{pieces} of {crop}",
                where="model.pieces, model.crop",
                remedy="set --model.pieces 6 and --model.crop [96,96], or --model.crop null for whole frames",
            )
        self.parts, self._first = parts, first[-1]
        losses = _for_each(loss or MattingLoss(), parts, "loss")
        self._losses = tuple(losses)  # plain, like the base: within the network it is registered already
        self._epochs: list[int | None] = _for_each(epochs, parts, "epochs")
        if 0 in self._epochs:
            raise ConfigError(
                expected="one epoch or more for each stage",
                found=str(epochs),
                where="model.epochs",
                remedy="leave the stage out, or set --model.epochs null for the Trainer's max_epochs",
            )
        self.keep_stages = keep_stages
        self.crop, self.pieces = crop, pieces
        self._base = (base if isinstance(base, Backbone) else Backbone(base),)
        self.stage = Stage(first)
        super().__init__(self.build(first), losses[first[-1]], optimizer, scheduler)
        self.previous_mad = MAD()
        self._told = False

    def build(self, parts: list[int]) -> MattingNetwork:
        """Put a network of these parts together."""
        raise NotImplementedError

    def name_of(self, part: int) -> str:
        """Return what to call a part when speaking of it."""
        raise NotImplementedError

    @property
    def base(self) -> Backbone:
        """The network that is boosted, frozen."""
        return self._base[0]

    @property
    def stage_number(self) -> tuple[int, int]:
        """Which stage it is, from 1 on, and how many there are."""
        return self.stage.parts[-1] - self._first + 1, self.parts - self._first

    def cut(self, frames: Tensor, alpha: Tensor, batch: ClipBatch) -> tuple[Tensor, Tensor, ClipBatch]:
        """Cut pieces from around the edges of training windows, if so asked; shapes are those of ``crop_to_edges``."""
        if self.crop is None:
            return frames, alpha, batch
        return crop_to_edges(frames, alpha, batch, self.crop, self.pieces)

    def epochs_of(self, stage: Stage) -> int | None:
        """Return how many epochs a stage lasts, None if the Trainer decides."""
        return self._epochs[stage.parts[-1]]

    def begin(self, stage: Stage) -> None:
        """Make the network what it is in ``stage``."""
        self.stage, self.began = stage, (stage.epoch, stage.step)
        self.loss = self._losses[stage.parts[-1]]
        self.network = self.build(stage.parts)
        self.trained.requires_grad_(True).train()
        self.configure_model()  # where a run resumes, Lightning has asked for it before it loads the checkpoint

    def advance(self, best: dict[str, Any] | None, epoch: int, step: int) -> bool:
        """Take over what the stage brought, begin the next one, and return whether there is one.

        Args:
            best: The best checkpoint so far, of this stage or of one before; None leaves the weights as they are.
            epoch: The Trainer's epoch now.
            step: The Trainer's step now.
        """
        following = self.stage.parts[-1] + 1
        parts, mad = self._settle(best)
        if following == self.parts:
            return False
        self.begin(Stage([*parts, following], epoch, step, before=mad))
        return True

    def _settle(self, best: dict[str, Any] | None) -> tuple[list[int], float | None]:
        """Take over the best weights; return the parts that stay and their validation MAD."""
        stage, last = self.stage, self.stage.parts[-1] + 1 == self.parts
        found = stage if best is None else Stage(**best[STAGE])
        own = found.parts == stage.parts
        lower = own and _is_lower(found.mad, stage.before)
        stays = lower or self.keep_stages or stage.parts[-1] in self.required or (own and last)
        self._report(found.mad if lower else None, stays)
        if best is not None and (own or last):
            self.adopt(best)
        return (stage.parts, found.mad if own else stage.mad) if stays else (stage.parts[:-1], stage.before)

    def _report(self, lowered: float | None, stays: bool) -> None:
        (number, count), before = self.stage_number, self.stage.before
        start = "" if before is None else f" from {before:.3f}"
        if lowered is not None:
            outcome = f"brought val/mad{start} to {lowered:.3f}"
        else:
            what = "ended before it was validated" if self.stage.mad is None else f"did not lower val/mad{start}"
            outcome = f"{what}, {'but stays' if stays else 'and is dropped'}"
        rank_zero_info(f"Stage {number} of {count}, {self.name_of(self.stage.parts[-1])}: {outcome}")

    def adopt(self, checkpoint: dict[str, Any]) -> None:
        """Become what a checkpoint of this task holds.

        Raises:
            CheckpointError: The checkpoint is not of this task, or of another base or other parts.
        """
        checkpoint = dict(checkpoint)
        self.on_load_checkpoint(checkpoint)
        self.load_state_dict(checkpoint["state_dict"])

    def on_fit_start(self) -> None:
        """Check that alphas which are stored beside the footage are this base's.

        Raises:
            ConfigError: They are another network's.
        """
        stored = getattr(self.trainer.datamodule, "stored_base", None)  # type: ignore[attr-defined]  # set by fit
        if stored is not None and stored["sha256"] != self._identity["sha256"]:
            raise ConfigError(
                expected=f"the backbone whose alphas are stored, {stored['name']} {stored['sha256'][:12]}",
                found=_say(self._identity),
                where="model.base",
                remedy="compose with this backbone, or pass --data.use_base false to run it",
            )

    def on_validation_epoch_end(self) -> None:
        """Log the scores of the epoch, and remember those that decide whether a part stays."""
        super().on_validation_epoch_end()
        if not self.trainer.sanity_checking:
            self.stage.mad = self.boosted_metrics.compute()["mad"].item()
            if self.stage.before is None:
                self.stage.before = self.previous_mad.compute().item()

    def _score(self, alphas: list[Tensor], batch: ClipBatch) -> None:
        super()._score(alphas, batch)
        if self.stage.before is None and len(alphas) > 1:
            self.previous_mad.update(alphas[-2], batch["pha"], batch["clip"], batch["start"])

    def _reset(self) -> None:
        super()._reset()
        self.previous_mad.reset()

    def _known(self, batch: ClipBatch) -> Tensor | None:
        """Return the backbone's alpha where the data brings it, and say so once."""
        if "base" in batch and not self._told:
            rank_zero_info("The backbone's alphas come with the data: it is not run")
            self._told = True
        return batch.get("base")

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Leave the base's weights out, say which they were, and which parts there are."""
        prefix = self._base_prefix()
        checkpoint["state_dict"] = {k: v for k, v in checkpoint["state_dict"].items() if not k.startswith(prefix)}
        checkpoint["base"] = self._identity
        checkpoint[STAGE] = asdict(self.stage)
        checkpoint[SETTINGS] = self._settings()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Become of the checkpoint's parts, and put the base's weights back among those that it holds.

        Raises:
            CheckpointError: The checkpoint is not of this task, or of another base or other parts.
        """
        expected, found, stage = self._identity, checkpoint.get("base"), checkpoint.get(STAGE)
        if found != expected or stage is None:
            raise CheckpointError(
                expected=f"an adapter of {_say(expected)}",
                found=f"one of {_say(found)}" if found else "no adapter",
                where="the checkpoint",
                remedy="give the backbone that it was trained on (--model.base), or train an adapter on this one",
            )
        if max(stage["parts"]) >= self.parts:
            raise self._foreign(f"{max(stage['parts']) + 1} parts where the config has {self.parts}")
        self.begin(Stage(**stage))
        own, prefix = self.state_dict(), self._base_prefix()
        checkpoint["state_dict"] |= {k: v for k, v in own.items() if k.startswith(prefix)}
        shapes = {k: v.shape for k, v in checkpoint["state_dict"].items()}
        wrong = [k for k in own.keys() | shapes.keys() if k not in own or own[k].shape != shapes.get(k)]
        if wrong:
            raise self._foreign(f"{len(wrong)} that are missing, unknown or of another shape, such as {min(wrong)}")
        self._tell_changes(checkpoint.get(SETTINGS, []))

    def _settings(self) -> list[dict[str, Any]]:
        return [module.settings for _, _, module in self.outline() if isinstance(module, Adapter)]

    def _tell_changes(self, trained: list[dict[str, Any]]) -> None:
        """Say which adapters are not set as they were in training: their alphas are others than they learnt."""
        for number, (then, now) in enumerate(zip(trained, self._settings(), strict=False), 1):
            changed = [f"{name} {then[name]}, and now has {now[name]}" for name in now if then[name] != now[name]]
            if changed:
                rank_zero_info(f"Adapter {number} was trained with {'; '.join(changed)}")

    def _foreign(self, found: str) -> CheckpointError:
        return CheckpointError(
            expected="the weights of the adapters that the config names",
            found=found,
            where="the checkpoint",
            remedy="use the config of its own run, config.yaml beside its checkpoints folder",
        )

    @cached_property
    def _identity(self) -> dict[str, str]:
        """What tells the base from others; it is frozen, so that it has to be asked only once."""
        return {"class": type(self.base.network).__qualname__, "sha256": self.base.fingerprint()}

    def _base_prefix(self) -> str:
        return next(f"{name}." for name, module in self.named_modules() if module is self.base)


def _for_each(setting: Any, count: int, name: str) -> list[Any]:
    """Return the setting of each stage, from one for each or one for all."""
    if not isinstance(setting, list):
        return [setting] * count
    if len(setting) != count:
        raise ConfigError(
            expected=f"one for each of {count} parts, or one for all",
            found=f"{len(setting)}",
            where=f"model.{name}",
            remedy="give the list an entry for each stage",
        )
    return setting


def _is_lower(mad: float | None, before: float | None) -> bool:
    return before is None or (mad is not None and mad < before)


def _say(identity: dict[str, str]) -> str:
    return f"{identity['class']} {identity['sha256'][:12]}"
