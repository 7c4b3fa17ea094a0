"""The LightningDataModule: footage on disk -> batches on the training device."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader

from vmatte_pl.data.backgrounds import find_backgrounds
from vmatte_pl.data.clips import Clip, long_enough
from vmatte_pl.data.compose import BackgroundPolicy
from vmatte_pl.data.dataset import TrainWindows, WholeClips, to_clip_batch
from vmatte_pl.data.faults import Faults, OnFault
from vmatte_pl.data.frames import Frames
from vmatte_pl.data.inspection import clean
from vmatte_pl.data.layouts import Layout, detect
from vmatte_pl.data.loading import ClipLoader, ClipSampler, EpochSampler, calm_worker, collate
from vmatte_pl.data.protocols import Protocol, TestProtocol, choose, protocol_clips, write_choice
from vmatte_pl.data.splits import Split
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
        root: Folder with ``{train,valid,test}/{fgr,pha}/<clip>/<frame>.jpg``, VideoMatte240K's layout, or any
            other of ``vmatte_pl.data.layouts.Layout``; "demo" is the built-in footage.
        backgrounds: Folder with ``{train,valid,test}/`` or without them: images are still backgrounds,
            videos and folders of frames moving ones; "demo" is the built-in footage. Clips that come
            composed need none.
        layout: How the clips lie on disk; null finds out.
        recompose: Whether clips that come composed get new backgrounds, as all others.
        on_fault: What to do about faulty footage: "refuse" stops at the first fault; "skip" looks at every
            frame once, remembers what it found, and leaves out and reports what is faulty.
        protocol: What to train on, by name: see ``vmatte_pl.data.protocols``.
        test_protocol: What to test on, by name.
        size: Height and width to train at.
        eval_size: Height and width to evaluate at; null keeps each clip's own.
        fit: How clips of another aspect ratio fit: "crop" keeps the subject and cuts off the rest, "pad"
            keeps the whole frame and shows background beside it, "stretch" distorts.
        background: Which background a training sample gets: one for all its frames (per_clip), one for each
            frame (per_frame), or always its clip's own (fixed).
        fps: Frames a second of clips that do not say it, as folders of images; null takes them to be as fast
            as the backgrounds.
        background_fps: The same of backgrounds.
        window: Frames in a training sample.
        chunk: Frames in an evaluation step; more is faster and takes more memory.
        batch_size: Training samples in a step.
        samples_per_epoch: Training samples in an epoch; null takes every window once.
        augment: Whether training moves, relights and grains the layers.
        strength: How much of it.
        damage: How much training blurs layers, and sharpens, shrinks and compresses their composition as a
            camera does; 0 is nothing, 1 a third of the samples each. Costs time.
        tempo: How often training plays faster, slower, backwards, or pauses; 0 is never, 1 often.
        workers: Processes that load; 0 loads in the main process.
        seed: Seeds what training draws.
    """

    def __init__(
        self,
        root: str = DEMO,
        backgrounds: str = DEMO,
        layout: Layout | None = None,
        recompose: bool = False,
        on_fault: OnFault = "refuse",
        protocol: Protocol = "all",
        test_protocol: TestProtocol = "all",
        size: tuple[int, int] = (144, 256),
        eval_size: tuple[int, int] | None = None,
        fit: Fit = "crop",
        background: BackgroundPolicy = "per_clip",
        fps: float | None = None,
        background_fps: float | None = None,
        window: int = 4,
        chunk: int = 8,
        batch_size: int = 4,
        samples_per_epoch: int | None = None,
        augment: bool = True,
        strength: float = 1.0,
        damage: float = 0.0,
        tempo: float = 0.0,
        workers: int = 2,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.root, self.backgrounds = root, backgrounds
        self.layout, self.recompose, self.on_fault = layout, recompose, on_fault
        self.protocol, self.test_protocol = protocol, test_protocol
        self.size, self.eval_size, self.fit = size, eval_size, fit
        self.background, self.fps, self.background_fps = background, fps, background_fps
        self.window, self.chunk, self.batch_size = window, chunk, batch_size
        self.samples_per_epoch, self.augment = samples_per_epoch, augment
        self.strength, self.damage, self.tempo = strength, damage, tempo
        self.workers, self.seed = workers, seed
        self.evaluation: dict[Split, WholeClips] = {}

    def prepare_data(self) -> None:
        """Make the built-in footage, if it is asked for and not there yet."""
        root = self._root()
        if self.recompose or (self.layout or detect(root)) != "composites":
            self._background_root()

    def setup(self, stage: str) -> None:
        """Scan the folders of the splits that ``stage`` needs.

        Raises:
            DataError: If footage is missing, does not match, or is too short.
        """
        if stage == "fit":
            clips = self._clips("train")
            self.training = TrainWindows(
                clips,
                self._backgrounds("train", clips),
                window=self.window,
                size=self.size,
                fit=self.fit,
                background=self.background,
                augment=self.augment,
                strength=self.strength,
                damage=self.damage,
                tempo=self.tempo,
                samples=self.samples_per_epoch,
                seed=self.seed,
            )
        split: Split = "valid" if stage in {"fit", "validate"} else "test"
        clips = self._clips(split)
        self.evaluation[split] = WholeClips(
            clips,
            self._backgrounds(split, clips),
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

    def _clips(self, split: Split) -> list[Clip]:
        faults = Faults(self.on_fault)
        protocol = self.test_protocol if split == "test" else self.protocol
        clips = protocol_clips(self._root(), split, protocol, self.layout, faults)
        if self.on_fault == "skip":
            clips = clean(clips, faults, self.workers or 1)
        if split == "train":
            clips = long_enough(clips, self.window, faults)
        faults.warn()
        clips = choose(clips, split, protocol)
        if (folder := self._run_folder()) is not None:
            write_choice(clips, folder / f"frames_{split}.csv")
        if self.recompose or not all(clip.com for clip in clips):
            clips = [replace(clip, com=None) for clip in clips]
        return [replace(clip, fps=clip.fps or self.fps) for clip in clips]

    def _backgrounds(self, split: Split, clips: list[Clip]) -> list[Frames]:
        """List the backgrounds, if the clips need any."""
        if all(clip.com for clip in clips):
            return []
        return find_backgrounds(self._background_root(), split, self.background_fps)

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

    def _run_folder(self) -> Path | None:
        """Return the folder of the run whose checkpoint is used, or else the run's own, on rank zero."""
        if self.trainer is None or not self.trainer.loggers:
            return None
        log_dir, checkpoint = self.trainer.log_dir, self.trainer.ckpt_path  # the first one is a broadcast
        if not self.trainer.is_global_zero:
            return None
        if checkpoint is not None and Path(checkpoint).parent.name == "checkpoints":
            return Path(checkpoint).parent.parent
        return Path(log_dir) if log_dir else None

    def _root(self) -> Path:
        return _demo()[0] if self.root == DEMO else Path(self.root).expanduser()

    def _background_root(self) -> Path:
        return _demo()[1] if self.backgrounds == DEMO else Path(self.backgrounds).expanduser()


def _demo() -> tuple[Path, Path]:
    from vmatte_pl.data.demo import demo_footage  # drawing needs modules that other footage does not

    return demo_footage()
