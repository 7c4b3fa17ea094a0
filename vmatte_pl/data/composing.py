"""Clips and backgrounds -> composed clips on disk, frame by frame, each whole or not there."""

import os
import threading
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from vmatte_pl.cores import cores
from vmatte_pl.data.clips import Clip
from vmatte_pl.data.compose import BackgroundPolicy, background_frames, clip_rng
from vmatte_pl.data.damage import compose_bytes
from vmatte_pl.data.dataset import read_frames, subject_of
from vmatte_pl.data.frames import Frames
from vmatte_pl.data.manifest import Source
from vmatte_pl.data.shots import Footage
from vmatte_pl.data.splits import Split
from vmatte_pl.data.transforms import Layers, fit_layers
from vmatte_pl.data.views import Fit, Size, Subject
from vmatte_pl.files import atomic

Format: TypeAlias = Literal["png", "jpg"]

LAYERS = ("com", "fgr", "pha", "bgr")
_CHUNK = 8  # frames that a process composes in one go
_JPEG = [cv2.IMWRITE_JPEG_QUALITY, 95]


@dataclass(frozen=True, slots=True)
class Look:
    """How all clips of a folder are composed.

    Args:
        format: Of colour; alphas are always PNG.
        fit: How a clip of another aspect ratio fits its take's size.
        seed: Seeds what is drawn.
    """

    format: Format
    fit: Fit
    seed: int


@dataclass(frozen=True, slots=True)
class Take:
    """One composed clip to be written.

    Args:
        split: Its split.
        name: Its folder's name, unique within the split.
        clip: The foreground.
        background: Which background it gets.
        size: Height and width; None is the clip's own.
        mirrored: Whether left and right of the foreground are swapped.
    """

    split: Split
    name: str
    clip: Clip
    background: BackgroundPolicy
    size: Size | None
    mirrored: bool

    @property
    def folder(self) -> Path:
        """Where it lies below the root."""
        return Path(self.split, self.name)

    def rng(self, *seed: int) -> np.random.Generator:
        """Return what draws the background."""
        if self.background == "fixed":
            return clip_rng(self.clip.name)
        return np.random.default_rng([zlib.crc32(self.folder.as_posix().encode()), *seed])


class Plan:
    """All takes of a folder, each with the backgrounds that it draws from.

    Args:
        root: The folder.
        look: How they are composed.
    """

    def __init__(self, root: Path, look: Look) -> None:
        self.root, self.look = root, look
        self.takes: list[Take] = []
        self.backgrounds: dict[Split, Sequence[Frames]] = {}

    def add(self, takes: Sequence[Take], backgrounds: Sequence[Frames]) -> None:
        """Add the takes of one split."""
        self.takes += takes
        self.backgrounds |= {take.split: backgrounds for take in takes}

    def sources(self) -> list[Source]:
        """Describe all takes for the manifest."""
        return [self._source(take) for take in self.takes]

    def _source(self, take: Take) -> Source:
        clip, backgrounds = take.clip, self.backgrounds[take.split]
        source = Source(
            split=take.split,
            name=take.name,
            frames=len(clip),
            fgr=str(clip.fgr.home),
            pha=str(clip.pha.home),
            first=clip.fgr.ids[0],
            mirrored=take.mirrored,
        )
        if take.background != "per_frame":
            drawn = backgrounds[int(take.rng(self.look.seed).integers(len(backgrounds)))]
            source["background"] = str(drawn.home if len(drawn) > 1 else drawn.where(0))
        return source

    def write(self, take: Take, times: Sequence[int]) -> int:
        """Compose and write those of a take's frames that are not there yet, and return how many were asked for."""
        missing = [t for t in times if not all(self._path(take, layer, t).is_file() for layer in LAYERS)]
        if missing:
            fgr, pha, bgr = self._layers(take, missing)
            stacks = {"com": compose_bytes(fgr, pha, bgr), "fgr": fgr, "pha": pha, "bgr": bgr}
            for layer, stack in stacks.items():
                for t, pixels in zip(missing, stack, strict=True):
                    write_image(self._path(take, layer, t), pixels)
        return len(times)

    def _layers(self, take: Take, times: Sequence[int]) -> Layers:
        fgr, pha = read_frames(take.clip, times)
        bgr = self._background(take, times)
        size = take.size or take.clip.size
        subject = subject_of(take.clip) if take.size else Subject.whole(size)
        layers = fit_layers(fgr, pha, bgr, size, self.look.fit, subject)
        return layers._replace(fgr=layers.fgr[:, :, ::-1], pha=layers.pha[:, :, ::-1]) if take.mirrored else layers

    def _background(self, take: Take, times: Sequence[int]) -> Footage:
        """Return a take's background, the same whichever frames are asked for together."""
        backgrounds, seed, fps = self.backgrounds[take.split], self.look.seed, take.clip.fps
        if take.background != "per_frame":
            return background_frames(backgrounds, times, take.rng(seed), fps)
        return [frame for t in times for frame in background_frames(backgrounds, [t], take.rng(seed, t), fps)]

    def _path(self, take: Take, layer: str, t: int) -> Path:
        return frame_path(self.root / take.folder, layer, t, self.look.format)


def takes_of(
    split: Split, clips: Sequence[Clip], passes: int, background: BackgroundPolicy, size: Size | None
) -> list[Take]:
    """List what is to be composed from clips: every clip in each pass, in every second pass mirrored."""
    return [
        Take(split, clip.name.replace("/", "_") + (f"_pass{i}" if i else ""), clip, background, size, i % 2 == 1)
        for i in range(passes)
        for clip in clips
    ]


def write_frames(plan: Plan, takes: Sequence[Take], workers: int | None = None) -> Iterator[int]:
    """Write the frames of takes, and yield how many more are done.

    Args:
        plan: The plan that the takes are of.
        takes: Which of its takes.
        workers: Processes; by default one for each core.
    """
    parts = [
        (plan.takes.index(take), range(t, min(t + _CHUNK, len(take.clip))))
        for take in takes
        for t in range(0, len(take.clip), _CHUNK)
    ]
    workers = min(workers or cores(), len(parts))
    if workers <= 1:
        yield from (plan.write(plan.takes[i], times) for i, times in parts)
        return
    with ProcessPoolExecutor(workers, get_context("spawn"), _start, (plan,)) as pool:
        try:
            for done in as_completed([pool.submit(_write, i, times) for i, times in parts]):
                yield done.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


_plans: list[Plan] = []
"""The plan that a process of the pool works on: sent once, not with every part of it."""


def _start(plan: Plan) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    cv2.setNumThreads(0)
    _plans.append(plan)


def _end_with_parent() -> None:
    """Leave no process behind when the one that started it is killed."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _write(take: int, times: range) -> int:
    plan = _plans[-1]
    return plan.write(plan.takes[take], times)


def frame_path(folder: Path, layer: str, t: int, colour: Format = "png") -> Path:
    """Return where frame ``t`` of a layer lies in a composed clip's folder."""
    suffix = colour if layer in ("com", "fgr", "bgr") else "png"
    return folder / layer / f"{t:04}.{suffix}"


def write_image(path: Path, pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> None:
    """Write RGB or grey of 8 bits, or grey of 16, as PNG or JPEG, whole or not at all."""
    image = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR) if pixels.ndim == 3 else pixels
    with atomic(path) as part:
        if not cv2.imwrite(str(part), image, _JPEG if path.suffix == ".jpg" else []):
            raise OSError(f"{path} cannot be written")
