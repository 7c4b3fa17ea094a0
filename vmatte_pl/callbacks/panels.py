"""The same few validation frames after every epoch, so that a run can be watched learning."""

from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer

from vmatte_pl.callbacks.shots import shot
from vmatte_pl.pictures import Picture, strip
from vmatte_pl.types import ClipBatch, StepOutput


class Panels(Callback):
    """Log the middle frame of the first window of the first clips, at every validation.

    The frames go to each logger that takes images, as W&B's does, beside the step they were made at. Without
    such a logger nothing is done.

    Args:
        clips: How many clips to show.
        width: Of each of a strip's panels, in pixels.
        key: What the loggers call the panel.
    """

    def __init__(self, clips: int = 4, width: int = 320, key: str = "val/frames") -> None:
        self.clips, self.width, self.key = clips, width, key
        self._strips: dict[str, Picture] = {}

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Draw the clips that were not met before."""
        if trainer.sanity_checking or not trainer.is_global_zero or not _image_loggers(trainer):
            return
        self._draw(outputs, batch)

    def _draw(self, outputs: StepOutput, batch: ClipBatch) -> None:
        for b, clip in enumerate(batch["clip"]):
            if len(self._strips) == self.clips:
                return
            if clip not in self._strips:
                middle = batch["com"].shape[1] // 2
                self._strips[clip] = strip(shot(batch, outputs, b, middle), self.width)

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log what was drawn."""
        if self._strips:
            for logger in _image_loggers(trainer):
                logger.log_image(self.key, list(self._strips.values()), step=trainer.global_step)
        self._strips = {}


def _image_loggers(trainer: Trainer) -> list[Any]:
    return [logger for logger in trainer.loggers if hasattr(logger, "log_image")]
