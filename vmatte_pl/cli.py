"""The command line: ``vmatte fit | validate | test | predict``, and the commands of ``vmatte_pl.commands``."""

import logging
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pytorch_lightning import LightningDataModule, Trainer
from pytorch_lightning.cli import LightningArgumentParser, LightningCLI
from pytorch_lightning.utilities import rank_zero_info

# imported so that --model and --data find the classes by their bare names
from vmatte_pl import models, tasks  # noqa: F401
from vmatte_pl.callbacks import SaveConfig
from vmatte_pl.commands import backbones, check, compose, evaluate
from vmatte_pl.data import datamodule  # noqa: F401
from vmatte_pl.errors import ConfigError, VmatteError
from vmatte_pl.hardware import fastest_precision
from vmatte_pl.memory import keep_freed_memory
from vmatte_pl.runs import BEST, config_text, find_config, newest_checkpoint
from vmatte_pl.tasks import fit_stages
from vmatte_pl.tasks.base import MattingTask

USAGE = """Boost a frozen video matting network with small adapters.

  vmatte fit --config bwa.yaml     train; a config is a path, or the name of one that comes with vmatte
  vmatte test                      score the newest run's best checkpoint and write its report
  vmatte predict                   write that network's alphas of the test clips
  vmatte validate                  score it on the validation clips
  vmatte check FOLDER              tell what footage a folder holds, and what is wrong with it
  vmatte compose                   write composed clips, and a backbone's alphas beside them
  vmatte evaluate --pred DIR --true DIR
                                   score the saved mattes of any model
  vmatte backbones                 list the networks that can be boosted, and how to score one by itself

  vmatte COMMAND --help            every setting; any can follow as a flag, and flags win over the config
  vmatte COMMAND --print_config    the config as it would be used
  --debug                          show the traceback of an error
"""

COMMANDS = {
    "backbones": backbones.main,
    "check": check.main,
    "compose": compose.main,
    "evaluate": evaluate.main,
}
"""What needs no Trainer, by name: takes the words after it, returns the exit status."""


def main(args: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status.

    Args:
        args: The words after ``vmatte``; by default those of the command line.
    """
    words = list(sys.argv[1:] if args is None else args)
    debug = "--debug" in words
    words = [w for w in words if w != "--debug"]
    if not words or words[0] in ("-h", "--help"):
        print(USAGE, end="")  # noqa: T201 - what the user asked for
        return 0
    _quiet()
    try:
        if words[0] in COMMANDS:
            return COMMANDS[words[0]](words[1:])
        keep_freed_memory()
        VmatteCLI(_complete(words))
    except Exception as error:
        mendable = _mendable(error)
        if debug or mendable is None:
            raise
        print(f"vmatte: {mendable}", file=sys.stderr)  # noqa: T201 - what the user is told
        return 1
    return 0


class VmatteCLI(LightningCLI):
    """LightningCLI over any matting task and data; the flags win over the config, the config over a checkpoint."""

    def __init__(self, args: list[str]) -> None:
        super().__init__(
            MattingTask,
            LightningDataModule,
            save_config_callback=SaveConfig,
            save_config_kwargs={"save_to_log_dir": False},
            seed_everything_default=0,
            subclass_mode_model=True,
            subclass_mode_data=True,
            auto_configure_optimizers=False,
            load_from_checkpoint_support=False,
            parser_kwargs={"prog": "vmatte"},
            args=args,
        )

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Parse ``args`` alone; Lightning would warn that ``sys.argv`` has words too."""
        self.config = parser.parse_args(args)

    def _parse_ckpt_path(self) -> None:
        """Leave the config alone, where Lightning would let a checkpoint's hyper-parameters override the flags."""

    def before_instantiate_classes(self) -> None:
        """Keep the curves of a fit apart: what tests it must not write into its metrics.csv.

        A fit without a logger does without the curve of the learning rate, which Lightning would miss.
        """
        settings = self.config[self.config.subcommand]
        if settings.trainer.logger is False:
            given = settings.trainer.callbacks or []
            callbacks = given if isinstance(given, list) else [given]
            settings.trainer.callbacks = [x for x in callbacks if not x.class_path.endswith("LearningRateMonitor")]
        if self.config.subcommand != "fit":
            # what says so means a fit that is resumed elsewhere
            warnings.filterwarnings("ignore", "The dirpath has changed")
            if isinstance(settings.trainer.logger, list) and settings.ckpt_path is not None:
                loggers = settings.trainer.logger
                settings.trainer.logger = [x for x in loggers if not x.class_path.endswith("CSVLogger")]

    def fit(self, model: MattingTask, **options: Any) -> None:
        """Fit all stages of a task, where Lightning would fit once."""
        fit_stages(self.trainer, model, **options)

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """Choose the precision that is fastest here, if the config leaves it open.

        Raises:
            ConfigError: Weights are to be of less than single precision; frames and losses are not.
        """
        given = self._get(self.config_init, "trainer")
        if given.precision in ("16-true", "bf16-true"):
            raise ConfigError(
                expected="a precision that keeps weights in float32",
                found=given.precision,
                where="trainer.precision",
                remedy=f"set --trainer.precision {given.precision.replace('true', 'mixed')}",
            )
        if given.precision is None:
            kwargs["precision"] = fastest_precision(given.accelerator)
            rank_zero_info(f"Precision: {kwargs['precision']}, the fastest here; --trainer.precision sets another")
        return super().instantiate_trainer(**kwargs)


def _quiet() -> None:
    """Silence what libraries say of themselves or of what is meant to be so."""
    os.environ.setdefault("WANDB_SILENT", "true")  # the report at a run's end says where its files are
    logging.getLogger("pytorch_lightning.utilities.rank_zero").addFilter(
        lambda record: (
            not any(
                words in record.getMessage()
                for words in ("Tip: ", " available: ", "Loading `train_", "model summary callbacks")
            )
        )
    )
    for message in (
        ".*isinstance.treespec, LeafSpec",  # Lightning 2.6 on torch 2.14
        ".*in eval mode at the start of training",  # the frozen backbone is, on purpose
        "Precision .* is not supported by the model summary",
        "The '.*_dataloader' does not have many workers",  # it loads faster than it trains
    ):
        warnings.filterwarnings("ignore", message)


def _mendable(error: BaseException | None) -> VmatteError | None:
    """Return the error that a user can mend, which jsonargparse may have wrapped in ones of its own."""
    while error is not None and not isinstance(error, VmatteError):
        error = error.__cause__
    return error


def _complete(args: list[str]) -> list[str]:
    """Find configs by name, and give commands on a trained network the checkpoint and config that were left out."""
    args = _find_configs(args)
    if not args or args[0] not in ("validate", "test", "predict") or {"-h", "--help"} & set(args):
        return args
    checkpoint = _value_of("--ckpt_path", args)
    if _value_of("--config", args) is not None or _value_of("-c", args) is not None:
        return args
    command, flags = args[:1], args[1:]
    if checkpoint is None:
        newest = newest_checkpoint()
        which = "the best" if newest.match(BEST) else "not validated, the only one"
        checkpoint = str(newest)
        rank_zero_info(f"Checkpoint: {checkpoint}, {which} of the newest run; --ckpt_path names another")
        flags = ["--ckpt_path", checkpoint, *flags]
    # the config comes first, so that flags override it
    return [*command, "--config", config_text(Path(checkpoint)), *flags]


def _find_configs(args: list[str]) -> list[str]:
    """Look up configs, and parts of them such as ``--model.base backbones/rvm.yaml``, by their names."""
    found = list(args)
    for i, word in enumerate(args):
        flag, equals, value = word.partition("=")
        if not equals:
            flag, value = args[i - 1] if i else "", word
        if flag in ("-c", "--config") or (flag.startswith("--model.") and value.endswith(".yaml")):
            path = str(find_config(value))
            found[i] = f"{flag}={path}" if equals else path
    return found


def _value_of(flag: str, args: list[str]) -> str | None:
    """Return the value of ``--flag value`` or ``--flag=value`` in ``args``."""
    for word, following in zip(args, [*args[1:], None], strict=True):
        if word == flag:
            return following
        if word.startswith(f"{flag}="):
            return word.removeprefix(f"{flag}=")
    return None
