"""What share of the demo's time its metrics take: ``python benchmarks/validation.py``.

Trains one epoch of the demo and validates after it, with the files and pictures of a run left out, which take time
too: the shares are upper bounds.
"""

import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer

from vmatte_pl.cli import main
from vmatte_pl.metrics import MattingMetrics

SECONDS: Counter[str] = Counter()
FLAGS = [
    *("--trainer.max_epochs", "1", "--trainer.max_time", "null", "--trainer.check_val_every_n_epoch", "1"),
    *("--trainer.callbacks", json.dumps([{"class_path": f"{__name__}.Clock"}])),
    *("--trainer.logger", "false", "--trainer.enable_checkpointing", "false", "--trainer.enable_progress_bar", "false"),
]


class Clock(Callback):
    """Takes the time of the epoch and of the validation in it."""

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Forget the first use of the metrics, in the check before training, which may compile them."""
        SECONDS.clear()
        SECONDS["epoch"] -= time.perf_counter()

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin."""
        SECONDS["validation"] -= time.perf_counter()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """End."""
        SECONDS["validation"] += time.perf_counter()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """End."""
        SECONDS["epoch"] += time.perf_counter()


def timed(method: Callable[..., Any]) -> Callable[..., Any]:
    """Add what the method takes to the metrics' time."""

    @wraps(method)
    def run(*args: Any, **kwargs: Any) -> Any:
        start = time.perf_counter()
        try:
            return method(*args, **kwargs)
        finally:
            SECONDS["metrics"] += time.perf_counter() - start

    return run


if __name__ == "__main__":
    for name in ("update", "compute", "reset"):
        setattr(MattingMetrics, name, timed(getattr(MattingMetrics, name)))
    config = Path(__file__).parents[1] / "configs/bwa.yaml"
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        if status := main(["fit", "--config", str(config), *FLAGS, *sys.argv[1:]]):
            sys.exit(status)
    print("metrics {metrics:.2f} s, validation {validation:.1f} s, epoch with it {epoch:.1f} s".format(**SECONDS))
    for whole in ("validation", "epoch"):
        print(f"share of the {whole}: {SECONDS['metrics'] / SECONDS[whole]:.1%}")
