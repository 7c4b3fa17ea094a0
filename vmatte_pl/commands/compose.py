"""``vmatte compose``: write composed clips, and a backbone's alphas beside them."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jsonargparse import ArgumentParser
from tqdm import tqdm

from vmatte_pl import models  # noqa: F401 - so that --backbone finds the classes by their bare names
from vmatte_pl.data.composing import Format, Look, Plan, Take, frame_path, takes_of, write_frames, write_image
from vmatte_pl.data.datamodule import MattingData
from vmatte_pl.data.frames import ImageFrames
from vmatte_pl.data.manifest import MANIFEST, Backbone, Manifest, read_manifest, write_manifest
from vmatte_pl.data.splits import Split
from vmatte_pl.errors import ConfigError
from vmatte_pl.models.base import Frozen, MattingNetwork

_CHUNK = 12  # frames that the backbone sees in one go
_SETTINGS = (
    "root backgrounds layout on_fault protocol test_protocol size eval_size fit background fps background_fps seed"
)


def main(args: Sequence[str] | None = None) -> int:
    """Run ``vmatte compose`` with the words after it, by default those of the command line."""
    parser = ArgumentParser(prog="vmatte compose", description=compose.__doc__)
    parser.add_argument("--config", action="config", help="a file of these settings")
    parser.add_class_arguments(MattingData, "data")
    parser.add_function_arguments(compose, skip={"data"})
    given = parser.instantiate_classes(parser.parse_args(args))
    given.pop("config", None)
    return compose(**given.as_dict())


def compose(
    data: MattingData,
    output: Path,
    splits: list[Split] | None = None,
    passes: int = 1,
    format: Format = "png",  # noqa: A002 - what a user would call it
    backbone: MattingNetwork | None = None,
    shard: str = "1/1",
    workers: int | None = None,
) -> int:
    """Lay foregrounds over backgrounds and write <output>/<split>/<clip>/{com,fgr,pha,bgr}/<frame>.png.

    What is composed is what a fit with the same --data would see without augmentation: training clips of
    --data.size over a background of --data.background, others of --data.eval_size over one of their own. Run it
    again after an interruption, with the same settings: frames that are there are kept. A fit with
    --data.root <output> takes the clips as composed, and the backbone's alphas from base/.

    Args:
        data: What a fit would be given.
        output: The folder to write to.
        splits: Which splits; by default all that there are.
        passes: How often to take each training clip, over another background each time, and mirrored every
            second time.
        format: Of colour; alphas are always PNG.
        backbone: A matting network; its alphas of the composed frames go to base/, as 16-bit PNG.
        shard: Which part to do: 2/4 is the second of four machines' parts. A clip is never split.
        workers: How many processes; by default one for each processor.

    Raises:
        VmatteError: If footage is faulty, the shard is none, or the folder was begun with other settings.
    """
    data.recompose = True
    sources = data.sources()
    look = Look(format, data.fit, data.seed)
    plan = Plan(output, look)
    for split in splits or sources.splits():
        clips = sources.clips(split)
        train = split == "train"
        size = data.size if train else data.eval_size
        policy = data.background if train else "fixed"
        plan.add(takes_of(split, clips, passes if train else 1, policy, size), sources.backgrounds_of(split, clips))
    settings = {name: getattr(data, name) for name in _SETTINGS.split()} | {"passes": passes, "format": format}
    _begin(output, Manifest(settings=settings, backbone=_identity(backbone), clips=plan.sources()))
    mine = _part(plan.takes, shard)
    total = sum(len(take.clip) for take in mine)
    with tqdm(total=total, unit="frame", desc="composing", disable=None) as bar:
        for written in write_frames(plan, mine, workers):
            bar.update(written)
    if backbone is not None:
        with tqdm(total=total, unit="frame", desc=type(backbone).__name__, disable=None) as bar:
            _write_alphas(Frozen(backbone), output, mine, bar)
    return 0


def _begin(output: Path, manifest: Manifest) -> None:
    """Write the manifest, or check that it is the one that the folder was begun with."""
    manifest["settings"] = {name: list(v) if isinstance(v, tuple) else v for name, v in manifest["settings"].items()}
    there = read_manifest(output)
    if there is not None:
        changed = [k for k, v in manifest["settings"].items() if there["settings"].get(k) != v]
        if there["clips"] != manifest["clips"] and not changed:
            changed = ["the footage itself"]
        if manifest["backbone"] is None:
            manifest["backbone"] = there["backbone"]
        elif there["backbone"] not in (None, manifest["backbone"]):
            changed.append("the backbone")
        if changed:
            raise ConfigError(
                expected="the settings that the folder was begun with",
                found=f"another value of {', '.join(changed)}",
                where=output / MANIFEST,
                remedy="use the same ones to go on, or another --output",
            )
    if there != manifest:
        write_manifest(output, manifest)


def _identity(backbone: MattingNetwork | None) -> Backbone | None:
    return None if backbone is None else Backbone(name=type(backbone).__qualname__, sha256=backbone.fingerprint())


def _part(takes: Sequence[Take], shard: str) -> list[Take]:
    numbers = re.fullmatch(r"(\d+)/(\d+)", shard)
    part, parts = (int(numbers[1]), int(numbers[2])) if numbers else (0, 0)
    if not 1 <= part <= parts:
        raise ConfigError(
            expected="a part of how many, such as 2/4", found=shard, where="--shard", remedy="count from 1"
        )
    return list(takes[part - 1 :: parts])


@torch.no_grad()
def _write_alphas(backbone: Frozen, output: Path, takes: Sequence[Take], bar: tqdm) -> None:
    """Run the backbone over whole clips, as they lie on disk, and write what is not there yet."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    backbone.to(device)
    # A network that sees clips as wholes must see the same ones as it would in a video.
    chunk = int(getattr(backbone.network, "clip_length", _CHUNK))
    for take in takes:
        folder, state = output / take.folder, None
        paths = [frame_path(folder, "base", t) for t in range(len(take.clip))]
        if all(path.is_file() for path in paths):
            bar.update(len(paths))
            continue
        com = ImageFrames.of_folder(folder / "com")
        for start in range(0, len(paths), chunk):
            frames = np.stack([com.rgb(t) for t in range(start, min(start + chunk, len(paths)))])
            alpha, state = backbone(torch.from_numpy(frames).to(device).movedim(-1, -3).float().div(255)[None], state)
            levels = alpha[0, :, 0].float().clamp(0, 1).mul(65535).round().cpu().numpy().astype(np.uint16)
            for path, image in zip(paths[start:], levels, strict=False):
                if not path.is_file():
                    write_image(path, image)
            bar.update(len(levels))
