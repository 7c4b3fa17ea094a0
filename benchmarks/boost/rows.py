"""The lines of the table, and how each comes about."""

import time
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint

from benchmarks.boost.parts import ARCHITECTURES, SEEDS, Part, Recipe
from benchmarks.boost.stored import Clips, Scores, score
from vmatte_pl.data.datamodule import MattingData
from vmatte_pl.data.dataset import WholeClips
from vmatte_pl.hardware import fastest_precision
from vmatte_pl.models import MattingNetwork
from vmatte_pl.runs import read_checkpoint
from vmatte_pl.tasks import BuE, BwA, Pretrain, fit_stages
from vmatte_pl.tasks.base import MattingTask
from vmatte_pl.tasks.staged import StagedTask

HEAD_STEPS, PACE_STEPS = 160, 5


@dataclass(frozen=True)
class Row:
    """One line of the table, and how it comes about."""

    name: str
    seed: int
    run: Callable[[Part, int], dict[str, Any]]


def frozen(part: Part, _: int) -> dict[str, Any]:
    """Score the base as it is."""
    scores = score(Known(), part.tests)
    return _row("frozen base", scores._replace(milliseconds=part.tests.milliseconds), 0, 0.0)


class Known(MattingNetwork):
    """The base, whose alphas are known."""

    def stages(self, frames: torch.Tensor, state: Any = None, known: torch.Tensor | None = None) -> Any:
        """Return what is known."""
        return [known], state


def single(architecture: str) -> Callable[[Part, int], dict[str, Any]]:
    """Return what trains one adapter."""

    def run(part: Part, seed: int) -> dict[str, Any]:
        recipe = part.recipes[architecture]
        task = BwA(part.base, [recipe.adapter(seed)], **recipe.task())
        seconds = fit(task, part, recipe, _checkpoint(part, architecture, seed), seed)
        label = f"BwA, 1 stage: {architecture}" if architecture == part.stages[0] else f"adapter {architecture}"
        return _row(label, score(task.network, part.tests), _size(task.trained), seconds)

    return run


def second_stage(part: Part, seed: int) -> dict[str, Any]:
    """Train another adapter on the network that the first one has boosted."""
    first, second = (part.recipes[architecture] for architecture in part.stages)
    below = BwA(part.base, [first.adapter(seed)])
    below.adopt(read_checkpoint(_checkpoint(part, part.stages[0], seed)))
    above = part.raised(below.network, f"second-{seed}")
    task = BwA(above.base, [second.adapter(seed + 100)], **second.task())
    seconds = fit(task, above, second, above.folder / "second.ckpt", seed)
    scores = score(task.network, above.tests)
    both = scores.milliseconds + part.done[f"{part.stages[0]}/{seed}"]["milliseconds"]
    label = f"BwA, 2 stages: {', '.join(part.stages)}"
    return _row(label, scores._replace(milliseconds=both), _size(task.trained), seconds)


def ensemble(part: Part, seed: int) -> dict[str, Any]:
    """Train a head on members that were trained one by one."""
    task = join(part, seed, part.members)
    seconds = fit(task, part.heads(), head_recipe(part), _checkpoint(part, "head", seed), seed)
    mean = score(task.network, part.tests, stage=-2)
    return {**_row(_joint(part), score(task.network, part.tests), _size(task.trained), seconds), "mean": mean.all}


def join(part: Part, seed: int, files: Sequence[str]) -> BuE:
    """Put an ensemble together, its members from the checkpoints of these names, and its head untrained."""
    seeds = [(seed + part.members[:i].count(name)) % len(SEEDS) for i, name in enumerate(part.members)]
    checkpoints = [str(_checkpoint(part, *file)) for file in zip(files, seeds, strict=True)]
    recipes = [part.recipes[architecture] for architecture in part.members]
    torch.manual_seed(seed)
    adapters = [recipe.adapter(seed) for recipe in recipes]
    return BuE(part.base, adapters, checkpoints=checkpoints, keep_stages=True, **head_recipe(part).task())


def head_recipe(part: Part) -> Recipe:
    """Return how heads are trained."""
    return replace(part.recipes["Unet"], steps=HEAD_STEPS, batch_size=3)  # all frames of a window go through them


def _joint(part: Part) -> str:
    return f"BuE: a head on {', '.join(part.members)}, trained by themselves"


def finetuned(part: Part, seed: int) -> dict[str, Any]:
    """Train the base itself for as long as an adapter was."""
    network = deepcopy(part.base).requires_grad_(True)  # adapters have frozen it
    task = Pretrain(network, optimizer=lambda parameters: torch.optim.AdamW(parameters, lr=5e-4, weight_decay=1e-2))
    path, recipe = _checkpoint(part, "fine-tuned", seed), replace(part.recipes["Unet"], crop=None)
    few, some = (replace(recipe, steps=steps, checks=1) for steps in (PACE_STEPS, 4 * PACE_STEPS))
    pace = (fit(task, part, some, path, seed) - fit(task, part, few, path, seed)) / (3 * PACE_STEPS)
    network.load_state_dict(part.base.state_dict())
    recipe = replace(recipe, steps=int(part.done[f"{part.stages[0]}/{seed}"]["seconds"] / pace))
    seconds = fit(task, part, recipe, path, seed)
    task.load_state_dict(read_checkpoint(path)["state_dict"])
    return _row("base, trained on for as long", score(network, part.tests), _size(network), seconds)


def fit(task: MattingTask, part: Part, recipe: Recipe, path: Path, seed: int) -> float:
    """Train what is to be trained, keep the best weights at ``path``, and return the processor seconds it took."""
    path.unlink(missing_ok=True)
    trainer = pl.Trainer(
        accelerator="cpu",
        precision=recipe.precision or fastest_precision("cpu"),
        max_epochs=recipe.checks,
        callbacks=[ModelCheckpoint(path.parent, path.stem, monitor="val/mad", enable_version_counter=False)],
        logger=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
    )
    data = part.data(recipe, recipe.steps // recipe.checks, seed)
    pl.seed_everything(seed, verbose=False)
    before = time.process_time()
    fit_stages(trainer, task, datamodule=data)
    return time.process_time() - before


def _checkpoint(part: Part, what: str, seed: int) -> Path:
    return part.folder / f"{what}-{seed}.ckpt"


def _size(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _row(label: str, scores: Scores, parameters: int, seconds: float) -> dict[str, Any]:
    return {
        "label": label,
        "all": scores.all,
        "clips": scores.clips,
        "parameters": parameters,
        "seconds": round(seconds, 1),
        "milliseconds": round(scores.milliseconds, 1),
    }


def left_out(origin: str) -> Callable[[Part, int], dict[str, Any]]:
    """Return what trains an adapter without one origin's footage, and tests it on that."""

    def run(part: Part, seed: int) -> dict[str, Any]:
        rest, first = part.rest(origin), part.stages[0]
        recipe = part.recipes[first]
        task = BwA(part.base, [recipe.adapter(seed)], **recipe.task())
        if rest is part:  # the row of the first stage has not seen it either
            task.adopt(read_checkpoint(_checkpoint(part, first, seed)))
            seconds = part.done[f"{first}/{seed}"]["seconds"]
        else:
            seconds = fit(task, rest, recipe, _checkpoint(part, f"without-{origin}", seed), seed)
        return _abroad(part, origin, f"without {origin}", task, seconds)

    return run


def ensemble_left_out(origin: str) -> Callable[[Part, int], dict[str, Any]]:
    """Return what joins adapters that were trained without one origin's footage, and tests them on that.

    A head that learns from those whom its members know, or from one person alone, does harm. So where nobody is held
    back, the ensemble stays as it starts: without any training of its head.
    """

    def run(part: Part, seed: int) -> dict[str, Any]:
        rest = part.rest(origin)
        if rest is part:
            task = join(part, seed, part.members)
            task.adopt(read_checkpoint(_checkpoint(part, "head", seed)))
            seconds = part.done[f"BuE/{seed}"]["seconds"]
        else:
            task, seconds = join(part, seed, [f"without-{origin}"] * len(part.members)), 0.0
            if rest.held:
                path = _checkpoint(part, f"head-without-{origin}", seed)
                seconds = fit(task, rest.heads(), head_recipe(part), path, seed)
        return _abroad(part, origin, _joint(part), task, seconds)

    return run


def _abroad(part: Part, origin: str, label: str, task: StagedTask, seconds: float) -> dict[str, Any]:
    names = part.origins[origin]
    clips = Clips(part.folder / f"{origin}.pt", _whole(part.train, names), part.base) if names else part.valid
    before = score(Known(), clips)
    return {**_row(label, score(task.network, clips), _size(task.trained), seconds), "base": before._asdict()}


def _whole(data: MattingData, names: list[str]) -> WholeClips:
    """Return training clips as whole clips over the validation's backgrounds."""
    sources = data.sources()
    clips = [clip for clip in sources.clips("train") if clip.name in names]
    backgrounds = sources.backgrounds_of("valid", clips)
    return WholeClips(clips, backgrounds, chunk=data.chunk, size=data.eval_size, fit=data.fit)


def rows(part: Part) -> list[Row]:
    """List the lines of a part's table, those first that others build on."""
    names = dict.fromkeys(part.members)
    members = [Row(name, seed, single(name)) for seed in SEEDS for name in names]
    first, later = [row for row in members if row.seed == 0], [row for row in members if row.seed]
    others = [Row(name, 0, single(name)) for name in ARCHITECTURES if name not in names]
    harm = [Row(f"without {origin}", 0, left_out(origin)) for origin in part.origins]
    harm += [Row(f"without {origin}", seed, left_out(origin)) for origin in part.joint_harm for seed in SEEDS[1:]]
    joint = [Row(f"BuE without {origin}", 0, ensemble_left_out(origin)) for origin in part.joint_harm]
    tuned = [Row("fine-tuned", 0, finetuned)] if _size(part.base) else []  # a file of another framework has no weights
    ensembles = [Row("BuE", seed, ensemble) for seed in SEEDS]
    second, *further = [Row("second stage", seed, second_stage) for seed in part.second]
    return [Row("base", 0, frozen), *first, second, *later, *harm, *tuned, *further, *ensembles, *joint, *others]
