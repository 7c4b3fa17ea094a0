"""Footage with a backbone's alphas, made once: what many short trainings on the same backbone share."""

import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, WeightedRandomSampler, default_collate
from tqdm import tqdm

from vmatte_pl.data.datamodule import MattingData
from vmatte_pl.data.dataset import WholeClips, to_clip_batch
from vmatte_pl.data.light import Light, relight
from vmatte_pl.data.views import Size
from vmatte_pl.files import atomic
from vmatte_pl.hardware import fastest_precision
from vmatte_pl.metrics import matting_metrics
from vmatte_pl.models import MattingNetwork
from vmatte_pl.tasks.crops import crop_to_edges
from vmatte_pl.types import ClipBatch

LEAD = 2  # frames that a backbone which remembers sees of a window before those that are kept


class Windows(Dataset[dict[str, Any]]):
    """Windows of composed frames with true and base alphas, in memory.

    Args:
        folder: Where ``make_windows`` put them.
        without: Clips whose windows are left out.
        frames: How many of a window's frames are taken, its last ones; None takes all.
    """

    def __init__(self, folder: Path, without: Sequence[str] = (), frames: int | None = None) -> None:
        self.arrays = {key: np.load(folder / f"{key}.npy") for key in ("com", "pha", "base")}
        self.clips = json.loads((folder / "clips.json").read_text())
        self.kept = slice(-frames if frames else None, None)
        self.chosen = [i for i, clip in enumerate(self.clips) if clip not in without]

    def __len__(self) -> int:
        return len(self.chosen)

    def __getitem__(self, index: int) -> dict[str, Any]:
        place = self.chosen[index]
        window = {key: torch.from_numpy(array[place, self.kept]) for key, array in self.arrays.items()}
        return {**window, "base": window["base"].float(), "clip": self.clips[place], "start": 0}


def make_windows(folder: Path, data: MattingData, base: MattingNetwork, count: int) -> Path:
    """Write ``count`` training windows of ``data`` with the alphas of ``base``, unless they are there; return where."""
    if (folder / "clips.json").is_file():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    data.setup("fit")
    (H, W), T = data.size, data.window - LEAD
    kinds = {"com": (np.uint8, 3), "pha": (np.uint8, 1), "base": (np.float16, 1)}
    arrays = {
        key: np.lib.format.open_memmap(folder / f"{key}.npy", "w+", kind, (count, T, H, W, channels))
        for key, (kind, channels) in kinds.items()
    }
    clips = []
    for i in tqdm(range(count), "windows"):
        batch = to_clip_batch(data.training[divmod(i, len(data.training))])
        for key, value in (("com", batch["com"]), ("pha", batch["pha"]), ("base", alpha_of(base, batch["com"]))):
            levels = 255 if arrays[key].dtype == np.uint8 else 1
            arrays[key][i] = (value[0, LEAD:].movedim(1, -1) * levels).numpy().round(0 if levels > 1 else 5)
        clips += batch["clip"]
    with atomic(folder / "clips.json") as part:
        part.write_text(json.dumps(clips))
    return folder


class Clips(Dataset[dict[str, Any]]):
    """Whole clips in chunks, with a base's alphas and the milliseconds that it took for a frame.

    Args:
        path: Where they are kept, or will be.
        footage: The clips.
        base: What gives the alphas.
    """

    def __init__(self, path: Path, footage: WholeClips, base: MattingNetwork) -> None:
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            with atomic(path) as part:
                torch.save(_with_alphas(footage, base), part)
        stored = torch.load(path, weights_only=True)
        self.milliseconds: float = stored["milliseconds"]
        self.chunks: list[dict[str, Any]] = stored["chunks"]

    def __len__(self) -> int:
        return len(self.chunks)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self.chunks[index]


def raise_windows(source: Path, folder: Path, network: MattingNetwork) -> None:
    """Write windows anew, with the alphas that a boosted network makes of their base's, unless they are there."""
    if (folder / "clips.json").is_file():
        return
    folder.mkdir(parents=True, exist_ok=True)
    windows = Windows(source)
    raised = np.lib.format.open_memmap(folder / "base.npy", "w+", np.float16, windows.arrays["base"].shape)
    for i, seen in enumerate(tqdm(watch(network, batches(windows)), "windows", len(windows))):
        raised[i] = seen.alphas[-1][0].movedim(1, -1).numpy().round(5)
    for name in ("com.npy", "pha.npy", "clips.json"):
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to((source / name).resolve())


def raise_clips(source: Clips, path: Path, network: MattingNetwork) -> None:
    """Write clips anew, with the alphas that a boosted network makes of their base's."""
    seen = watch(network, batches(source))
    chunks = [
        {**chunk, "base": alphas[-1][0].movedim(1, -1)}
        for chunk, (_, alphas, _) in zip(source.chunks, seen, strict=True)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic(path) as part:
        torch.save({"chunks": chunks, "milliseconds": source.milliseconds}, part)


def _with_alphas(footage: WholeClips, base: MattingNetwork) -> dict[str, Any]:
    chunks, seconds = [], []
    whole = (to_clip_batch(footage[i]) for i in range(len(footage)))
    for batch, alphas, took in tqdm(watch(base, whole), "clips", len(footage)):
        seconds.append(took)
        com, pha = ((batch[key][0].movedim(1, -1) * 255).round().byte() for key in ("com", "pha"))
        chunk = {"com": com, "pha": pha, "base": alphas[-1][0].movedim(1, -1)}
        chunks.append({**chunk, "clip": batch["clip"][0], "start": int(batch["start"][0])})
    return {"chunks": chunks, "milliseconds": float(np.median(seconds)) * 1e3}


class Seen(NamedTuple):
    """A chunk of a clip, the alphas of a network's stages, and the seconds that a frame took."""

    batch: ClipBatch
    alphas: list[Tensor]
    seconds: float


@torch.inference_mode()
def watch(network: MattingNetwork, chunks: Iterable[ClipBatch], low: bool = False) -> Iterator[Seen]:
    """Run a network over clips, from chunk to chunk, in low precision or not; known alphas of its base are taken."""
    network.eval()
    state = None
    for batch in chunks:
        state = None if batch["start"][0] == 0 else state
        before = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=low):
            alphas, state = network.stages(batch["com"], state, batch.get("base"))
        yield Seen(batch, alphas, (time.perf_counter() - before) / batch["com"].shape[1])


@torch.inference_mode()
def alpha_of(network: MattingNetwork, frames: Tensor) -> Tensor:
    """Return a network's alpha of a whole video."""
    return network.eval()(frames)[0]


class Stored(pl.LightningDataModule):
    """Train on stored windows, each group's as often as any other's, and validate on stored clips.

    A window is mirrored and seen in another light whenever it is drawn; the base's alpha stays that of the light that
    it was composed in.

    Args:
        windows: What to train on.
        valid: What to validate on.
        batch_size: Windows in a step.
        steps: Steps in an epoch.
        seed: Decides what is drawn.
        groups: Which clips belong together; those that no group has are one more.
        light: Strength of the changes of light.
        crop: The pieces that are cut of them, while they are bytes: most of a large window is never looked at.
    """

    def __init__(
        self,
        windows: Windows,
        valid: Clips,
        batch_size: int,
        steps: int,
        seed: int,
        groups: Mapping[str, Sequence[str]],
        light: float = 1.0,
        crop: Size | None = None,
    ) -> None:
        super().__init__()
        self.windows, self.valid = windows, valid
        self.batch_size, self.steps, self.light, self.crop = batch_size, steps, light, crop
        self.generator, self.rng = torch.Generator().manual_seed(seed), np.random.default_rng(seed)
        group_of = {clip: group for group, clips in groups.items() for clip in clips}
        drawn_from = [group_of.get(windows.clips[place]) for place in windows.chosen]
        sizes = Counter(drawn_from)
        self.shares = [1 / sizes[group] for group in drawn_from]

    def train_dataloader(self) -> DataLoader[Any]:
        """Load windows at random."""
        sampler = WeightedRandomSampler(self.shares, self.steps * self.batch_size, generator=self.generator)
        return DataLoader(self.windows, self.batch_size, sampler=sampler)

    def val_dataloader(self) -> DataLoader[Any]:
        """Load the validation clips, whole."""
        return DataLoader(self.valid)

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> ClipBatch:
        """Turn bytes into floats, those to train on into what has not been seen yet."""
        return self.anew(batch) if self.trainer and self.trainer.training else to_clip_batch(batch)

    def anew(self, batch: dict[str, Any]) -> ClipBatch:
        """Cut, relight and mirror windows."""
        layers = {key: batch[key].movedim(-1, 2) for key in ("com", "pha", "base")}
        layers["pha"] = layers["pha"] / 255
        if self.crop is not None:
            *_, cut = crop_to_edges(layers["com"], layers["base"], cast(ClipBatch, {**batch, **layers}), self.crop)
            layers = {key: cut[key] for key in layers}
        windows = [{key: layer[i] for key, layer in layers.items()} for i in range(len(batch["clip"]))]
        seen = default_collate([_anew(window, self.light, self.rng) for window in windows])
        return cast(ClipBatch, {**batch, **seen, "com": seen["com"] / 255})


def _anew(window: dict[str, Tensor], light: float, rng: np.random.Generator) -> dict[str, Tensor]:
    frames = window["com"].movedim(1, -1).contiguous().numpy()
    lit = relight(frames, [Light.draw(len(frames), light, rng)])
    window = {**window, "com": torch.from_numpy(lit).movedim(-1, 1)}
    return {key: layer.flip(-1) for key, layer in window.items()} if rng.random() < 0.5 else window


class Scores(NamedTuple):
    """What a network reaches on clips, and what it takes beside its base's alphas."""

    all: dict[str, float]
    clips: dict[str, dict[str, float]]
    milliseconds: float


def score(network: MattingNetwork, clips: Clips, stage: int = -1) -> Scores:
    """Score a network, or one of its stages, on clips whose base alphas are known."""
    metrics, seconds = matting_metrics(), []
    for batch, alphas, took in watch(network, batches(clips), low=fastest_precision("cpu") != "32-true"):
        seconds.append(took)
        metrics.update(alphas[stage].float(), batch["pha"], batch["clip"], batch["start"])
    per_clip = {name: dict(scores) for name, scores in metrics.per_clip().items()}
    return Scores({k: v.item() for k, v in metrics.compute().items()}, per_clip, float(np.median(seconds)) * 1e3)


def batches(stored: Windows | Clips) -> Iterator[ClipBatch]:
    """Yield windows, or the chunks of clips, one by one in order."""
    return map(to_clip_batch, DataLoader(stored))
