"""What a prediction leaves behind: the alphas, as files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import BasePredictionWriter
from pytorch_lightning.utilities import rank_zero_info
from torch import Tensor

from vmatte_pl.callbacks.report import run_folder
from vmatte_pl.callbacks.shots import uint8
from vmatte_pl.pictures import save_png
from vmatte_pl.types import ClipBatch


class WriteAlphas(BasePredictionWriter):
    """Write every predicted alpha to ``alpha/<clip>/<frame>.png`` in the run's folder, as 8-bit grey.

    Args:
        digits: Of a frame's number in its name.
    """

    def __init__(self, digits: int = 5) -> None:
        super().__init__("batch")
        self.digits = digits
        self._folder = Path()

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Do without Lightning's own list of all predictions, which would not fit into memory."""
        super().setup(trainer, pl_module, stage)
        trainer.predict_loop.return_predictions = False

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Find the run's folder, now that the checkpoint is known."""
        self._folder = run_folder(trainer) / "alpha"

    def write_on_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        prediction: Any,
        batch_indices: Sequence[int] | None,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int,
    ) -> None:
        """Write the alphas of one chunk."""
        self._write(prediction, batch)

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Say where they are."""
        rank_zero_info(f"Alphas: {self._folder}")

    def _write(self, alphas: Tensor, batch: ClipBatch) -> None:
        for b, clip in enumerate(batch["clip"]):
            folder = self._folder / clip
            folder.mkdir(parents=True, exist_ok=True)
            for t, alpha in enumerate(alphas[b], start=int(batch["start"][b])):
                save_png(uint8(alpha)[..., 0], folder / f"{t:0{self.digits}d}.png")
