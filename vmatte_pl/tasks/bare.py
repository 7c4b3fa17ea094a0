"""A backbone as it is: nothing trains, it is scored, or writes its alphas."""

from pytorch_lightning.utilities.types import OptimizerLRScheduler
from torch import Tensor
from torch.optim import AdamW

from vmatte_pl.errors import ConfigError
from vmatte_pl.models.base import Frozen, MattingNetwork
from vmatte_pl.tasks.base import MattingTask
from vmatte_pl.types import ClipBatch


class Bare(MattingTask):
    """Score a backbone by itself: what an adapter would have to beat.

    Args:
        backbone: Any matting network; it stays as it is.
    """

    def __init__(self, backbone: MattingNetwork) -> None:
        super().__init__(Frozen(backbone), None, AdamW, None)

    def training_step(self, batch: ClipBatch, batch_idx: int) -> Tensor:
        """Never comes: ``configure_optimizers`` ends a training run before."""
        raise NotImplementedError

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """End a training run.

        Raises:
            ConfigError: Always.
        """
        raise ConfigError(
            expected="a task that trains",
            found="Bare, which only scores a backbone",
            where="model",
            remedy="boost it with `vmatte fit --config bwa.yaml --model.base ...`, or run `vmatte test`",
        )
