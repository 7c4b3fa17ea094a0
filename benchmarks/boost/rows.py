"""The lines of the table, and how each comes about."""

import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint

from benchmarks.boost.parts import Part
from benchmarks.boost.stored import Clips, Scores, score
from vmatte_pl.data.datamodule import MattingData
from vmatte_pl.data.dataset import WholeClips
from vmatte_pl.hardware import fastest_precision
from vmatte_pl.models import MattingNetwork
from vmatte_pl.runs import read_checkpoint
from vmatte_pl.tasks import BuE, BwA, Pretrain, fit_stages
from vmatte_pl.tasks.base import MattingTask
from vmatte_pl.tasks.staged import Stage

ARCHITECTURES = ("Unet", "FPN", "Linknet", "PAN", "MAnet", "DeepLabV3")
MEMBERS = ARCHITECTURES[:3]
SEEDS = (0, 1, 2)
STEPS, HEAD_STEPS, CHECKS = 500, 150, 5

ORIGINS = {  # of the real people: which clips of the training split come from where
    "dancer": [f"{i:04}" for i in range(8)],
    "chairman": ["0008"],
    "GRID": ["0009", "0010", "0011"],
}


@dataclass(frozen=True)
class Row:
    """One line of the table, and how it comes about."""

    name: str
    seed: int
    run: Callable[[Part, int], dict[str, Any]]


def frozen(part: Part, _: int) -> dict[str, Any]:
    """Score the base as it is."""
    scores = score(_Known(), part.tests)
    return _row(scores._replace(milliseconds=part.tests.milliseconds), 0, 0.0)


class _Known(MattingNetwork):
    """The base, whose alphas are known."""

    def stages(self, frames: torch.Tensor, state: Any = None, known: torch.Tensor | None = None) -> Any:
        return [known], state


def single(architecture: str) -> Callable[[Part, int], dict[str, Any]]:
    """Return what trains one adapter."""

    def run(part: Part, seed: int) -> dict[str, Any]:
        task = BwA(part.base, [part.adapters(architecture, seed)], **part.common())
        seconds = fit(task, part, _checkpoint(part, architecture, seed), STEPS, seed)
        return _row(score(task.network, part.tests), _size(task.trained), seconds)

    return run


def second_stage(part: Part, seed: int) -> dict[str, Any]:
    """Train another adapter on the first one."""
    adapters = [part.adapters("Unet", seed), part.adapters("Unet", seed + 100)]
    task = BwA(part.base, adapters, keep_stages=True, **part.common())
    task.adopt(read_checkpoint(_checkpoint(part, "Unet", seed)))
    task.begin(Stage([0, 1]))
    seconds = fit(task, part, _checkpoint(part, "second", seed), STEPS, seed)
    return _row(score(task.network, part.tests), _size(task.trained), seconds)


def ensemble(part: Part, seed: int) -> dict[str, Any]:
    """Train a head on members that were trained one by one."""
    adapters = [part.adapters(architecture, seed) for architecture in MEMBERS]
    checkpoints = [str(_checkpoint(part, architecture, seed)) for architecture in MEMBERS]
    torch.manual_seed(seed)
    task = BuE(part.base, adapters, checkpoints=checkpoints, keep_stages=True, **part.common())
    seconds = fit(task, part, _checkpoint(part, "head", seed), HEAD_STEPS, seed)
    mean = score(task.network, part.tests, stage=-2)
    return {**_row(score(task.network, part.tests), _size(task.trained), seconds), "mean": mean.all}


def finetuned(part: Part, seed: int) -> dict[str, Any]:
    """Train the base itself for as long as an adapter was."""
    network = deepcopy(part.base).requires_grad_(True)  # adapters have frozen it
    task = Pretrain(network, optimizer=lambda parameters: torch.optim.AdamW(parameters, lr=5e-4, weight_decay=1e-2))
    path = _checkpoint(part, "fine-tuned", seed)
    pace = (fit(task, part, path, 4 * CHECKS, seed) - fit(task, part, path, CHECKS, seed)) / (3 * CHECKS)
    network.load_state_dict(part.base.state_dict())
    seconds = fit(task, part, path, int(part.spent[f"Unet/{seed}"] / pace), seed)
    task.load_state_dict(read_checkpoint(path)["state_dict"])
    return _row(score(network, part.tests), _size(network), seconds)


def fit(task: MattingTask, part: Part, path: Path, steps: int, seed: int) -> float:
    """Train what is to be trained, keep the best weights at ``path``, and return the processor seconds it took."""
    path.unlink(missing_ok=True)
    trainer = pl.Trainer(
        accelerator="cpu",
        precision=fastest_precision("cpu"),
        max_epochs=CHECKS,
        callbacks=[ModelCheckpoint(path.parent, path.stem, monitor="val/mad", enable_version_counter=False)],
        logger=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
    )
    data = part.data(steps // CHECKS, seed)
    pl.seed_everything(seed, verbose=False)
    before = time.process_time()
    fit_stages(trainer, task, datamodule=data)
    return time.process_time() - before


def _checkpoint(part: Part, what: str, seed: int) -> Path:
    return part.folder / f"{what}-{seed}.ckpt"


def _size(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _row(scores: Scores, parameters: int, seconds: float) -> dict[str, Any]:
    return {
        "all": scores.all,
        "clips": scores.clips,
        "parameters": parameters,
        "seconds": round(seconds, 1),
        "milliseconds": round(scores.milliseconds, 1),
    }


def left_out(origin: str) -> Callable[[Part, int], dict[str, Any]]:
    """Return what trains an adapter without one origin's footage, and tests it on that."""

    def run(part: Part, seed: int) -> dict[str, Any]:
        rest = replace(part, without=ORIGINS[origin])
        task = BwA(part.base, [rest.adapters("Unet", seed)], **part.common())
        seconds = fit(task, rest, _checkpoint(part, f"without-{origin}", seed), STEPS, seed)
        clips = Clips(part.folder / f"{origin}.pt", _whole(part.train, ORIGINS[origin]), part.base)
        before = score(_Known(), clips)
        return {**_row(score(task.network, clips), _size(task.trained), seconds), "base": before._asdict()}

    return run


def _whole(data: MattingData, names: list[str]) -> WholeClips:
    """Return training clips as whole clips over the validation's backgrounds."""
    sources = data.sources()
    clips = [clip for clip in sources.clips("train") if clip.name in names]
    backgrounds = sources.backgrounds_of("valid", clips)
    return WholeClips(clips, backgrounds, chunk=data.chunk, size=data.eval_size, fit=data.fit)


def rows(part: Part) -> list[Row]:
    """List the lines of a part's table, those first that others build on."""
    adapters = [Row(name, seed, single(name)) for seed in SEEDS for name in MEMBERS]
    others = [Row(name, 0, single(name)) for name in ARCHITECTURES if name not in MEMBERS]
    stages = [Row("second stage", seed, second_stage) for seed in SEEDS]
    ensembles = [Row("BuE", seed, ensemble) for seed in SEEDS]
    harm = (
        [Row(f"without {origin}", 0, left_out(origin)) for origin in ORIGINS] if part.name.startswith("people") else []
    )
    tuned = [Row("fine-tuned", 0, finetuned)] if _size(part.base) else []  # a file of another framework has no weights
    first = [row for row in (*adapters, *ensembles, *stages) if row.seed == 0]
    return [
        Row("base", 0, frozen),
        *first,
        *harm,
        *tuned,
        *[row for row in (*adapters, *ensembles, *stages) if row.seed],
        *others,
    ]
