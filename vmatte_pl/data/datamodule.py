"""The LightningDataModule: footage on disk -> batches on the training device."""

import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities import rank_zero_info
from torch.utils.data import DataLoader

from vmatte_pl.data.clips import Clip
from vmatte_pl.data.compose import BackgroundPolicy
from vmatte_pl.data.dataset import TrainWindows, WholeClips, to_clip_batch
from vmatte_pl.data.faults import OnFault
from vmatte_pl.data.frames import Frames
from vmatte_pl.data.layouts import Layout
from vmatte_pl.data.loading import ClipLoader, ClipSampler, EpochSampler, collate, prepare_worker
from vmatte_pl.data.manifest import Backbone
from vmatte_pl.data.mixed import MixedWindows
from vmatte_pl.data.protocols import Protocol, TestProtocol, write_choice
from vmatte_pl.data.sources import DEMO, Sources, base_fits, without_base
from vmatte_pl.data.splits import Split
from vmatte_pl.data.views import Fit, Size
from vmatte_pl.errors import ConfigError
from vmatte_pl.types import ClipBatch

LEAST = {"window": 1, "chunk": 1, "batch_size": 1, "samples_per_epoch": 1, "workers": 0}
"""The least of the settings that count something."""

FEW_BACKGROUNDS = 50  # adapters that saw 7 took other curtains for hair, those that saw 412 did not


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
            videos and folders of frames moving ones; "demo" is the built-in footage, "demo-empty" the same places
            without the dummies of people that stand in them. Clips that come composed need none.
        layout: How the clips lie on disk; null finds out.
        recompose: Whether clips that come composed get new backgrounds, as all others.
        on_fault: What to do about faulty footage: "refuse" stops at the first fault; "skip" looks at every
            frame of the clips once, remembers what it found, and leaves out and reports what is faulty.
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
        use_base: Whether a fit on clips that `vmatte compose` wrote takes the backbone's alphas from base/
            instead of running it.
        window: Frames in a training sample.
        chunk: Frames in an evaluation step; more is faster and takes more memory.
        batch_size: Training samples in a step.
        samples_per_epoch: Training samples in an epoch; null means as many as there are windows, which takes each
            once unless ``people`` says otherwise.
        augment: Whether training moves, relights and grains the layers.
        strength: How much of it.
        closeups: The share of augmented samples of whole figures that show their heads alone, from 0 to 1: where people
            are filmed from afar in training, an adapter takes a face that fills the frame for background.
        damage: How much training blurs layers, and sharpens, shrinks and compresses their composition as a
            camera does; 0 is nothing, 1 a third of the samples each. Costs time.
        edges: The share of training's samples whose alphas get softer or harder, wider or narrower edges, from 0 to
            1: so that an adapter looks for edges in the frame, and does not learn how one studio's keyer draws them.
        softest: How soft patches of these edges get at most, as a standard deviation in pixels: where hair is short in
            training, an adapter makes others' soft hair hard, unless it has seen such. 0 has no such patches.
        people: A regular expression that finds in a clip's name whom it shows, such as "^[^_]+" where names begin with
            it; ".*" takes each clip for another person. As many of training's samples are then of each as of any
            other; null draws by the length of footage, and whoever fills much of it is learnt best, at the cost of
            the others.
        procedural: The share of training's samples that are of the built-in footage, from 0 to below 1. What a few
            clips do not show, such as legs, an adapter would take for background; there it sees whole figures too,
            which ``damage`` and ``edges`` leave as they are.
        tempo: How often training plays faster, slower, backwards, or pauses; 0 is never, 1 often.
        workers: Processes that load; 0 loads in the main process.
        seed: Seeds what training draws.

    Raises:
        ConfigError: A setting that counts something is too low.
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
        use_base: bool = True,
        window: int = 4,
        chunk: int = 8,
        batch_size: int = 4,
        samples_per_epoch: int | None = None,
        augment: bool = True,
        strength: float = 1.0,
        closeups: float = 0.0,
        damage: float = 0.0,
        edges: float = 0.0,
        softest: float = 0.0,
        people: str | None = None,
        procedural: float = 0.0,
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
        self.use_base = use_base
        self.stored_base: Backbone | None = None
        self.window, self.chunk, self.batch_size = window, chunk, batch_size
        self.samples_per_epoch, self.augment = samples_per_epoch, augment
        self.strength, self.damage, self.edges, self.tempo = strength, damage, edges, tempo
        self.closeups, self.softest, self.people, self.procedural = closeups, softest, people, procedural
        self.workers, self.seed = workers, seed
        self.evaluation: dict[Split, WholeClips] = {}
        for name, least in LEAST.items():
            _check_least(name, getattr(self, name), least)
        for name, sides in (("size", size), ("eval_size", eval_size)):
            _check_least(name, None if sides is None else min(sides), 1)

    def sources(self) -> Sources:
        """Return where clips and backgrounds come from."""
        return Sources(
            root=self.root,
            backgrounds=self.backgrounds,
            layout=self.layout,
            recompose=self.recompose,
            on_fault=self.on_fault,
            protocol=self.protocol,
            test_protocol=self.test_protocol,
            fps=self.fps,
            background_fps=self.background_fps,
            window=self.window,
            workers=self.workers,
        )

    def prepare_data(self) -> None:
        """Make the built-in footage, if it is asked for and not there yet."""
        self.sources().prepare()
        if self.procedural:
            self._built_in().prepare()

    def setup(self, stage: str) -> None:
        """Scan the folders of the splits that ``stage`` needs.

        Raises:
            DataError: If footage is missing, does not match, or is too short.
            ConfigError: If procedural footage cannot be mixed in, ``people`` is no regular expression, or a share of
                samples is none.
        """
        self.stored_base = self.sources().stored_base() if stage == "fit" and self.use_base else None
        if stage == "fit":
            self.training = self._training()
        split: Split = "valid" if stage in {"fit", "validate"} else "test"
        clips, backgrounds = self._footage(split, self.eval_size)
        self.evaluation[split] = WholeClips(clips, backgrounds, chunk=self.chunk, size=self.eval_size, fit=self.fit)

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

    def _training(self) -> TrainWindows | MixedWindows:
        for name, share in (("closeups", self.closeups), ("edges", self.edges)):
            _check_share(name, share)
        clips, backgrounds = self._footage("train", self.size)
        if 0 < len(backgrounds) < FEW_BACKGROUNDS and self.backgrounds != DEMO:
            rank_zero_info(
                f"Backgrounds to train on: {len(backgrounds)}. So few are learnt by heart, and footage before others "
                "may become worse; hundreds of photographs without people guard against it"
            )
        own = partial(self._windows, clips, backgrounds, self.damage, self.edges, self._shown_in(clips))
        if not self.procedural:
            return own(self.samples_per_epoch)
        _check_mixing(self.procedural, composed=any(clip.com for clip in clips))
        built_in = self._built_in()
        figures = [replace(clip, name=f"{DEMO}/{clip.name}") for clip in built_in.clips("train")]
        grounds = built_in.backgrounds_of("train", figures)
        # Beside procedural samples that were damaged, adapters learnt less of real people.
        other = self._windows(figures, grounds, damage=0.0, edges=0.0, people=None, samples=None)
        samples = self.samples_per_epoch and max(1, round(self.samples_per_epoch * (1 - self.procedural)))
        return MixedWindows(own(samples), other, self.procedural)

    def _shown_in(self, clips: list[Clip]) -> list[str] | None:
        """Return whom each clip shows, if that is to be told by its name."""
        if self.people is None:
            return None
        try:
            found = [re.search(self.people, clip.name) for clip in clips]
        except re.error as error:
            raise ConfigError(
                expected="a regular expression",
                found=f"{self.people!r} ({error})",
                where="--data.people",
                remedy='write one, such as "^[^_]+" for what stands before the first _ of a name',
            ) from error
        people = [match.group() if match else clip.name for match, clip in zip(found, clips, strict=True)]
        rank_zero_info(
            f"People to train on: {len(set(people))} in {len(clips)} clips, each drawn as often as any other"
        )
        return people

    def _windows(
        self,
        clips: list[Clip],
        backgrounds: list[Frames],
        damage: float,
        edges: float,
        people: list[str] | None,
        samples: int | None,
    ) -> TrainWindows:
        return TrainWindows(
            clips,
            backgrounds,
            window=self.window,
            size=self.size,
            fit=self.fit,
            background=self.background,
            augment=self.augment,
            strength=self.strength,
            closeups=self.closeups,
            damage=damage,
            edges=edges,
            softest=self.softest,
            tempo=self.tempo,
            people=people,
            samples=samples,
            seed=self.seed,
        )

    def _built_in(self) -> Sources:
        return replace(self.sources(), root=DEMO, backgrounds=DEMO, layout=None, protocol="all")

    def _footage(self, split: Split, size: Size | None) -> tuple[list[Clip], list[Frames]]:
        sources = self.sources()
        clips = sources.clips(split)
        if (folder := self._run_folder()) is not None:
            write_choice(clips, folder / f"frames_{split}.csv")
        if self.stored_base is None or not base_fits(clips, size):
            clips = without_base(clips)
        return clips, sources.backgrounds_of(split, clips)

    def _whole_clips(self, split: Split) -> DataLoader[Any]:
        dataset = self.evaluation[split]
        return ClipLoader(dataset, sampler=ClipSampler(dataset.spans, *self._rank()), **self._loading())

    def _loading(self) -> dict[str, Any]:
        return {
            "collate_fn": collate,
            "num_workers": self.workers,
            "persistent_workers": self.workers > 0,
            "pin_memory": torch.cuda.is_available(),
            "worker_init_fn": prepare_worker,
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


def _check_least(name: str, number: int | None, least: int) -> None:
    if number is not None and number < least:
        raise ConfigError(
            expected=f"{least} or more",
            found=str(number),
            where=f"--data.{name}",
            remedy=f"set it to {least} at least",
        )


def _check_share(name: str, share: float) -> None:
    if not 0 <= share <= 1:
        raise ConfigError(
            expected="a share of the samples, from 0 to 1",
            found=str(share),
            where=f"--data.{name}",
            remedy="set it to 0.4, to 0 for none of the samples, to 1 for all of them",
        )


def _check_mixing(procedural: float, composed: bool) -> None:
    if composed or not 0 <= procedural < 1:
        raise ConfigError(
            expected="a share below 1 of procedural samples, and clips that are composed in training",
            found=f"{procedural}" + ", and clips that come composed" * composed,
            where="--data.procedural",
            remedy="set it to 0.25, and for clips that come composed to 0 or --data.recompose to true",
        )
