"""The LightningDataModule: footage on disk -> batches on the training device."""

import logging
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader

from vmatte_pl.data.dataset import TrainWindows, WholeClips, to_clip_batch
from vmatte_pl.data.layouts import Split, find_backgrounds, find_clips
from vmatte_pl.data.loading import ClipLoader, ClipSampler, EpochSampler, calm_worker, collate
from vmatte_pl.data.views import Fit
from vmatte_pl.types import ClipBatch

logger = logging.getLogger(__name__)

DEMO = "demo"


class MattingData(pl.LightningDataModule):
    """Foregrounds with alpha, composed over backgrounds: windows for training, whole clips for evaluation.

    Training draws windows of ``window`` frames, each with a background and an augmentation of its own.
    Validation, test and prediction walk through whole clips in order, ``chunk`` frames a step, one clip after
    another at batch size 1; a clip keeps its background and looks the same at every run and on any number of
    processes. Each process takes whole clips, so the Trainer needs ``use_distributed_sampler=False``.

    Args:
        root: Folder with ``{train,valid,test}/{fgr,pha}/<clip>/<frame>.jpg``, VideoMatte240K's layout; "demo"
            is the built-in footage.
        backgrounds: Folder with ``{train,valid,test}/`` or without them: images are still backgrounds,
            folders of frames moving ones; "demo" is the built-in footage.
        size: Height and width to train at.
        eval_size: Height and width to evaluate at; null keeps each clip's own.
        fit: How clips of another aspect ratio fit: "crop" keeps the subject and cuts off the rest, "pad"
            keeps the whole frame and shows background beside it, "stretch" distorts.
        window: Frames in a training sample.
        chunk: Frames in an evaluation step; more is faster and takes more memory.
        batch_size: Training samples in a step.
        samples_per_epoch: Training samples in an epoch; null takes every window once.
        augment: Whether training augments.
        workers: Processes that load; 0 loads in the main process.
        seed: Seeds what training draws.
    """

    def __init__(
        self,
        root: str = DEMO,
        backgrounds: str = DEMO,
        size: tuple[int, int] = (144, 256),
        eval_size: tuple[int, int] | None = None,
        fit: Fit = "crop",
        window: int = 4,
        chunk: int = 8,
        batch_size: int = 4,
        samples_per_epoch: int | None = None,
        augment: bool = True,
        workers: int = 2,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.root, self.backgrounds = root, backgrounds
        self.size, self.eval_size, self.fit = size, eval_size, fit
        self.window, self.chunk, self.batch_size = window, chunk, batch_size
        self.samples_per_epoch, self.augment = samples_per_epoch, augment
        self.workers, self.seed = workers, seed
        self.evaluation: dict[Split, WholeClips] = {}

    def prepare_data(self) -> None:
        """Make the built-in footage, if it is asked for and not there yet."""
        self._folders()

    def setup(self, stage: str) -> None:
        """Scan the folders of the splits that ``stage`` needs.

        Raises:
            DataError: If footage is missing, does not match, or is too short.
        """
        root, backgrounds = self._folders()
        if stage == "fit":
            self.training = TrainWindows(
                find_clips(root, "train"),
                find_backgrounds(backgrounds, "train"),
                window=self.window,
                size=self.size,
                fit=self.fit,
                augment=self.augment,
                samples=self.samples_per_epoch,
                seed=self.seed,
            )
        split: Split = "valid" if stage in {"fit", "validate"} else "test"
        self.evaluation[split] = WholeClips(
            find_clips(root, split),
            find_backgrounds(backgrounds, split),
            chunk=self.chunk,
            size=self.eval_size,
            fit=self.fit,
        )

    def train_dataloader(self) -> DataLoader[Any]:
        """Load windows, shared out over the processes."""
        sampler = EpochSampler(len(self.training), *self._rank())
        return ClipLoader(self.training, batch_size=self.batch_size, sampler=sampler, **self._loading())

    def val_dataloader(self) -> DataLoader[Any]:
        """Load the validation clips, whole."""
        return self._whole_clips("valid")

    def test_dataloader(self) -> DataLoader[Any]:
        """Load the test clips, whole."""
        return self._whole_clips("test")

    def predict_dataloader(self) -> DataLoader[Any]:
        """Load the test clips, whole."""
        return self._whole_clips("test")

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> ClipBatch:
        """Turn bytes into floats and compose them, on the training device."""
        return to_clip_batch(batch)

    def _whole_clips(self, split: Split) -> DataLoader[Any]:
        dataset = self.evaluation[split]
        return ClipLoader(dataset, sampler=ClipSampler(dataset.spans, *self._rank()), **self._loading())

    def _loading(self) -> dict[str, Any]:
        return {
            "collate_fn": collate,
            "num_workers": self.workers,
            "persistent_workers": self.workers > 0,
            "pin_memory": torch.cuda.is_available(),
            "worker_init_fn": calm_worker,
        }

    def _rank(self) -> tuple[int, int]:
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)

    def _folders(self) -> tuple[Path, Path]:
        root, backgrounds = Path(self.root).expanduser(), Path(self.backgrounds).expanduser()
        if DEMO in {self.root, self.backgrounds}:
            from vmatte_pl.data.demo import demo_footage  # drawing needs modules that other footage does not

            demo_root, demo_backgrounds = demo_footage()
            root = demo_root if self.root == DEMO else root
            backgrounds = demo_backgrounds if self.backgrounds == DEMO else backgrounds
        return root, backgrounds
