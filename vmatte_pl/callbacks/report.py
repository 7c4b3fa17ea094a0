"""What a test run leaves behind: a table, files, pictures, a video, and what to try next."""

import os
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.loggers import WandbLogger

from vmatte_pl.callbacks.config import read_config
from vmatte_pl.callbacks.gallery import Gallery
from vmatte_pl.errors import ConfigError
from vmatte_pl.results import Results, RunInfo, Scored, Scores


class Report(Callback):
    """Write a test's results into the run's folder, show them to the loggers, print the table last of all.

    The folder then holds ``results.json``, ``results.csv``, ``contact_sheet.png`` with each clip at the frame
    where the base errs most, and ``comparison.mp4``. Scores are of all clips on all ranks, pictures of the
    first clips that rank zero tested. The task's ``test_step`` must return ``{"alpha": ..., "base": ...}``,
    and the task must have a method ``scores()``: see ``vmatte_pl.results.Scored``.

    Args:
        clips: Rows of the contact sheet, a clip each.
        video_clips: How many clips the video shows, one after the other.
        video_frames: How many frames of a clip it shows at most; bounds the memory.
        fps: The video's frames a second.
        width: Of a panel, in pixels.
    """

    def __init__(
        self, clips: int = 4, video_clips: int = 2, video_frames: int = 240, fps: float = 24, width: int = 360
    ) -> None:
        self.clips, self.video_clips, self.video_frames = clips, video_clips, video_frames
        self.fps, self.width = fps, width
        self._gallery = Gallery(clips, video_clips, video_frames, width)
        self._folder = Path()
        self._scores: Scores | None = None
        self._text = ""

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Ask for scores early, and let this report stand in for Lightning's own table."""
        if stage != "test":
            return
        if not isinstance(pl_module, Scored):
            raise ConfigError(
                expected="a task that tells its scores",
                found=f"{type(pl_module).__name__} without a method scores()",
                where="the Report callback",
                remedy="add the method, or take the callback out of trainer.callbacks",
            )
        trainer.test_loop.verbose = False

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Find the run's folder, now that the checkpoint is known, and start anew."""
        self._folder = run_folder(trainer)
        self._gallery = Gallery(self.clips, self.video_clips, self.video_frames, self.width)
        self._scores, self._text = None, ""

    def on_test_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Keep what the pictures need."""
        if trainer.is_global_zero:
            self._gallery.add(batch, outputs)

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the scores before Lightning resets the metrics; every rank, for they are gathered."""
        self._scores = cast(Scored, pl_module).scores()

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the files and show the pictures to the loggers."""
        if not trainer.is_global_zero or self._scores is None:
            return
        results = Results.from_scores(self._scores, _run_info(trainer, self._folder))
        files = [
            *results.save(self._folder),
            *self._gallery.save(self._folder, Fraction(self.fps).limit_denominator(1001)),
        ]
        _log(trainer, {path.suffix: path for path in files})
        self._text = _summary(results, files, _next_commands(trainer))

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Print the table when the progress bar and all else are done."""
        if stage == "test" and self._text:
            print(self._text, flush=True)  # noqa: T201 - what a test prints is this


def run_folder(trainer: Trainer) -> Path:
    """Return the folder of the run whose checkpoint is used, or else the Trainer's own; all ranks must ask."""
    log_dir = trainer.log_dir  # a broadcast: asked on every rank, even where it is not used
    checkpoint = trainer.ckpt_path
    if checkpoint is not None and Path(checkpoint).parent.name == "checkpoints":
        return Path(checkpoint).parent.parent
    return Path(log_dir or trainer.default_root_dir)


def _run_info(trainer: Trainer, folder: Path) -> RunInfo:
    checkpoint = None if trainer.ckpt_path is None else str(trainer.ckpt_path)
    config = read_config(folder, None if checkpoint is None else Path(checkpoint))
    seed = config.get("seed_everything")
    if not isinstance(seed, int) or isinstance(seed, bool):  # absent, or `true`: Lightning chose one
        seed = int(os.environ["PL_GLOBAL_SEED"]) if "PL_GLOBAL_SEED" in os.environ else None
    return RunInfo(config, seed, checkpoint)


def _log(trainer: Trainer, files: dict[str, Path]) -> None:
    for logger in trainer.loggers:
        if ".png" in files and hasattr(logger, "log_image"):
            logger.log_image("test/contact_sheet", [str(files[".png"])], step=trainer.global_step)
        if ".mp4" in files and hasattr(logger, "log_video"):
            logger.log_video("test/comparison", [str(files[".mp4"])], step=trainer.global_step, format=["mp4"])


def _next_commands(trainer: Trainer) -> list[tuple[str, str]]:
    commands = [
        (
            "boost on your own footage",
            "vmatte fit --config bwa.yaml --data.root FOLDER --data.backgrounds FOLDER",
        )
    ]
    for logger in trainer.loggers:
        if isinstance(logger, WandbLogger):
            runs = _shown(Path(logger.save_dir or ".") / "wandb")
            commands.append(("see the curves in the terminal", f"wandb leet {runs}"))
            if logger.experiment.offline:
                commands.append(("see them online", f"wandb sync {runs}/offline-run-*"))
    return commands


def _summary(results: Results, files: list[Path], commands: list[tuple[str, str]]) -> str:
    count = len(results.clips)
    title = f"{count} test clip{'s' * (count != 1)}, lower is better"
    width = max(len(what) for what, _ in commands)
    return "\n".join(
        [
            "",
            title,
            "",
            results.table(),
            "",
            "written:",
            *(f"  {_shown(path)}" for path in files),
            "",
            "next:",
            *(f"  {what.ljust(width)}  {command}" for what, command in commands),
            "",
        ]
    )


def _shown(path: Path) -> str:
    """Shorten a path to one relative to where the user is."""
    path = path.absolute()
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
