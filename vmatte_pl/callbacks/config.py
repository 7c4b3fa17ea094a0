"""The configuration of a run, kept where the run is: its folder, its loggers, its checkpoints."""

from pathlib import Path
from typing import Any

import torch
import yaml
from jsonargparse import Namespace
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.cli import LightningArgumentParser, SaveConfigCallback

CONFIG_KEY = "config"
"""Where a checkpoint holds the configuration it was trained with, as YAML."""


class SaveConfig(SaveConfigCallback):
    """Keep the configuration of a run.

    Lightning's own callback writes to the first logger's ``save_dir`` and refuses a second run there. This
    one writes to the run's own folder, over what may be there; what only tests a checkpoint writes nothing.
    It also sends the configuration to every logger and puts it into every checkpoint, so that one can be
    tested without its folder.

    Args:
        parser: The parser of the subcommand.
        config: What it parsed.
        config_filename: The file's name within the run's folder.
        overwrite: Whether a file already there gives way.
        multifile: Whether several config files stay several.
        save_to_log_dir: Lightning's own way; off.
    """

    def __init__(
        self,
        parser: LightningArgumentParser,
        config: Namespace,
        config_filename: str = "config.yaml",
        overwrite: bool = True,
        multifile: bool = False,
        save_to_log_dir: bool = False,
    ) -> None:
        super().__init__(parser, config, config_filename, overwrite, multifile, save_to_log_dir)
        self._folder = Path()

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Save once, at the start of a run."""
        if stage == "fit" or self.config.get("ckpt_path") is None:
            # asked on every rank, because log_dir is a broadcast; save_config runs on rank zero only
            self._folder = Path(trainer.log_dir or trainer.default_root_dir)
            super().setup(trainer, pl_module, stage)

    def save_config(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Write the file and tell the loggers."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self.parser.save(
            self.config,
            str(self._folder / self.config_filename),
            skip_none=False,
            overwrite=self.overwrite,
            multifile=self.multifile,
        )
        for logger in trainer.loggers:
            logger.log_hyperparams(yaml.safe_load(self._text()))

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Put the configuration into the checkpoint."""
        checkpoint[CONFIG_KEY] = self._text()

    def _text(self) -> str:
        text: str = self.parser.dump(self.config, skip_none=False)
        return text


def read_config(folder: Path, checkpoint: Path | None = None) -> dict[str, Any]:
    """Return the configuration of the run in ``folder``, else the one within the checkpoint, else none."""
    file = folder / "config.yaml"
    text = ""
    if file.is_file():
        text = file.read_text()
    elif checkpoint is not None and checkpoint.is_file():
        text = torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=True).get(CONFIG_KEY, "")
    config: dict[str, Any] = yaml.safe_load(text) or {}
    return config
