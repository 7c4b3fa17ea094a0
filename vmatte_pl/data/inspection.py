"""A look at every frame of a clip, once: what cannot be read, does not fit, or shows nothing."""

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import groupby
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from vmatte_pl.cores import cores
from vmatte_pl.data.clips import Clip, without
from vmatte_pl.data.faults import Faults
from vmatte_pl.data.frames import Frames
from vmatte_pl.errors import DataError
from vmatte_pl.files import atomic, cache_folder

_NOTHING = 16  # of 255: JPEG makes no pure black, and no pure white
_CHUNK = 128  # frames that a process looks at in one go

_EXPECTED = {
    "unreadable frame": "readable frames",
    "frame of another size": "frames of one size in a clip",
    "empty alpha": "something in every alpha",
    "full alpha": "something transparent in every alpha",
}


class Finding(NamedTuple):
    """One frame that is faulty.

    Args:
        kind: What is wrong.
        position: The frame, counted from the clip's first.
        where: The file.
    """

    kind: str
    position: int
    where: str


def clean(clips: Sequence[Clip], faults: Faults, workers: int | None = None) -> list[Clip]:
    """Leave out the faulty frames of clips; a clip with some in its middle becomes several.

    Every frame is decoded, with a progress bar, and what is found is remembered for as long as the files
    stay as they are.

    Args:
        clips: The clips.
        faults: Told of what is faulty.
        workers: Processes; by default one for each core.

    Raises:
        DataError: If a frame is faulty and faults are refused.
    """
    cleaned: list[Clip] = []
    for clip, findings in zip(clips, inspect(clips, workers), strict=True):
        for kind, group in groupby(sorted(findings), key=lambda finding: finding.kind):
            found = list(group)
            error = DataError(
                expected=_EXPECTED[kind],
                found=f"{len(found)} {kind}(s)" if "frame" in kind else f"{len(found)} frame(s) of {kind}",
                where=found[0].where,
                remedy="replace them, or pass --data.on_fault skip",
            )
            faults.add(kind, len(found), error)
        cleaned += without(clip, [finding.position for finding in findings]) if findings else [clip]
    return cleaned


def inspect(clips: Sequence[Clip], workers: int | None = None) -> list[list[Finding]]:
    """Return what is wrong with the frames of each clip."""
    remembered = [_recall(clip) for clip in clips]
    unknown = [clip for clip, findings in zip(clips, remembered, strict=True) if findings is None]
    looked = _look_at(unknown, workers or cores())
    return [next(looked) if findings is None else findings for findings in remembered]


def _look_at(clips: Sequence[Clip], workers: int) -> Iterator[list[Finding]]:
    """Yield the findings of each clip in turn, and remember them."""
    parts = [(clip, range(t, min(t + _CHUNK, len(clip)))) for clip in clips for t in range(0, len(clip), _CHUNK)]
    workers = min(workers, len(parts))
    total = sum(map(len, clips))
    with tqdm(total=total, unit="frame", desc="checking", disable=None, delay=2) as bar:
        if workers > 1:
            with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
                yield from _gather(parts, pool.map(_faulty, *zip(*parts, strict=True)), bar)
        else:
            yield from _gather(parts, (_faulty(*part) for part in parts), bar)


def _gather(parts: list[tuple[Clip, range]], found: Iterator[list[Finding]], bar: tqdm) -> Iterator[list[Finding]]:
    findings: list[Finding] = []
    for (clip, times), some in zip(parts, found, strict=True):
        findings += some
        bar.update(len(times))
        if times.stop == len(clip):
            _remember(clip, findings)
            yield findings
            findings = []


def _faulty(clip: Clip, times: range) -> list[Finding]:
    found = (_fault(name, frames, t, clip.size) for t in times for name, frames in clip.layers.items())
    return [finding for finding in found if finding]


def _fault(layer: str, frames: Frames, t: int, size: tuple[int, int]) -> Finding | None:
    try:
        pixels = frames.grey(t) if layer in ("pha", "base") else frames.rgb(t)
    except DataError:
        return Finding("unreadable frame", t, str(frames.where(t)))
    kind = None
    if pixels.shape[:2] != size:
        kind = "frame of another size"
    elif layer == "pha" and pixels.max() <= _NOTHING:
        kind = "empty alpha"
    elif layer == "pha" and pixels.min() >= 255 - _NOTHING:
        kind = "full alpha"
    return Finding(kind, t, str(frames.where(t))) if kind else None


def _recall(clip: Clip) -> list[Finding] | None:
    try:
        memory = json.loads(_memory(clip).read_text())
    except (OSError, ValueError):
        return None
    return [Finding(*finding) for finding in memory["findings"]] if memory["stamp"] == _stamp(clip) else None


def _remember(clip: Clip, findings: list[Finding]) -> None:
    with atomic(_memory(clip)) as part:
        part.write_text(json.dumps({"stamp": _stamp(clip), "findings": findings}))


def _memory(clip: Clip) -> Path:
    homes = [str(frames.home.resolve()) for frames in clip.layers.values()]
    name = hashlib.sha256(json.dumps([*homes, clip.name]).encode()).hexdigest()
    return cache_folder() / "checked" / f"{name[:32]}.json"


def _stamp(clip: Clip) -> list[list[int]]:
    """Return what changes when a file of a clip does: for each layer the number, sizes and times of its files."""
    return [_state_of(frames) for frames in clip.layers.values()]


def _state_of(frames: Frames) -> list[int]:
    if frames.home.is_file():
        states = [frames.home.stat()]
    else:
        with os.scandir(frames.home) as entries:
            states = [entry.stat() for entry in entries]
    return [len(frames), sum(state.st_size for state in states), max(state.st_mtime_ns for state in states)]
