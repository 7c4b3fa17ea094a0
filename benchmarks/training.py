"""What a training step takes for a window of frames, and how much of that the frozen backbone does.

    python -m benchmarks.training --minutes 3

The tasks and batches are those of ``configs/bwa.yaml`` and ``configs/refine.yaml``, without loading; base alphas that
are known take the frozen part away altogether. Weights are random: as fast.
"""

import argparse
import warnings
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from benchmarks.backbones import processor
from benchmarks.boost.parts import fine_recipe
from benchmarks.turns import Measurement, Run, measured
from vmatte_pl.models import RVM, Adapter, TinyMatte
from vmatte_pl.tasks import BwA
from vmatte_pl.tasks.base import alpha_after

PAST = 2
PRECISIONS = ("float32", "bfloat16")
PARTS = ("frozen part", "step")


def coarse() -> BwA:
    """Build what configs/bwa.yaml trains."""
    options = {"decoder_channels": [128, 64, 32, 16, 8]}
    return BwA(TinyMatte(), [Adapter("Unet", window=PAST, scale=0.5, options=options)])


def fine() -> BwA:
    """Build what configs/refine.yaml trains."""
    recipe = fine_recipe()
    return BwA(RVM(downsample_ratio=1.0), [recipe.adapter(0)], **recipe.task(), crop=recipe.crop, pieces=4)


@dataclass(frozen=True)
class Case:
    """A task, how it computes, and what of its training step is run."""

    config: str
    build: Callable[[], BwA]
    precision: str
    part: str

    def run(self) -> Run:
        """Build the task and return what runs it."""
        warnings.filterwarnings("ignore", ".*self.trainer")  # nothing is logged without a Trainer
        task = self.build().train()
        return partial(self._steps, task, torch.optim.AdamW(task.trained.parameters()))

    def _steps(self, task: BwA, optimizer: torch.optim.Optimizer, windows: Tensor) -> Iterator[Tensor]:
        low = self.precision == "bfloat16"
        with torch.autocast("cpu", torch.bfloat16) if low else nullcontext():
            if self.part == "frozen part":
                alpha_after(PAST, task.network.base, windows, None)
            else:
                names = {"clip": ["a"] * len(windows), "start": torch.zeros(len(windows))}
                batch: Any = {"com": windows, "pha": windows[:, :, :1], **names}
                optimizer.zero_grad()
                task.training_step(batch, 0).backward()
                optimizer.step()
        yield torch.zeros(1, 1)  # it is about the time


def table(measurements: list[Measurement]) -> Iterator[str]:
    """Write a table in Markdown."""
    yield "| config | precision | frozen part, ms | step, ms | share |"
    yield "|---|---|---:|---:|---:|"
    for frozen, step in zip(measurements[::2], measurements[1::2], strict=True):
        share = frozen.milliseconds / step.milliseconds
        times = f"{frozen.milliseconds:.0f} | {step.milliseconds:.0f} | {share:.0%}"
        yield f"| {step.case.config} | {step.case.precision} | {times} |"


def main() -> None:
    """Measure, and print tables in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=2, help="of measuring, after the start, for each config")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    print(processor(), f"torch {torch.__version__}, {arguments.threads} threads", "", sep="\n")
    for config, (build, (batch_size, frames, height, width)) in CONFIGS.items():
        windows = torch.rand(batch_size, frames, 3, height, width)
        chosen = [Case(config, build, precision, part) for precision in PRECISIONS for part in PARTS]
        settings = {"threads": arguments.threads, "keep": True}
        print(*table(list(measured(chosen, windows, arguments.minutes, **settings))), "", sep="\n")


CONFIGS = {"bwa.yaml": (coarse, (8, 4, 144, 256)), "refine.yaml": (fine, (4, 5, 288, 512))}


if __name__ == "__main__":
    main()
