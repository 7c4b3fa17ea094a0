"""A clip: layers of the same frames, matched by their numbers."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from vmatte_pl.data.faults import Faults
from vmatte_pl.data.frames import Frames
from vmatte_pl.errors import DataError


@dataclass(frozen=True, slots=True)
class Clip:
    """A foreground with its alpha, consecutive frames.

    Args:
        name: Unique within a split.
        fgr: Straight (not premultiplied) colour.
        pha: The alpha of the same frames.
        size: Height and width.
        fps: Frames a second, if known.
        com: The same frames composed, where they come composed.
        base: A backbone's alpha of ``com``, where it was stored.
    """

    name: str
    fgr: Frames
    pha: Frames
    size: tuple[int, int]
    fps: float | None = None
    com: Frames | None = None
    base: Frames | None = None

    def __len__(self) -> int:
        return len(self.fgr)

    @property
    def layers(self) -> dict[str, Frames]:
        """All layers that there are, by name."""
        layers = {"fgr": self.fgr, "pha": self.pha, "com": self.com, "base": self.base}
        return {name: frames for name, frames in layers.items() if frames is not None}


def align(name: str, layers: Mapping[str, Frames], faults: Faults) -> list[Clip]:
    """Match the frames of a clip's layers by their numbers: one clip, or one for each stretch without a gap.

    The numbers of consecutive frames differ by what they mostly differ by, so that every fourth frame of a
    video is a clip, too. A stretch after a gap is named after the clip and the number it begins with.

    Args:
        name: The clip's name.
        layers: ``fgr`` and ``pha``, and what there is of ``com`` and ``base``.
        faults: Told of frames without their partners, of gaps, and of layers of different sizes.
    """
    ids = {layer: frames.ids for layer, frames in layers.items()}
    common = set.intersection(*(set(numbers) for numbers in ids.values()))
    if lonely := sorted(set.union(*(set(numbers) for numbers in ids.values())) - common):
        counts = " and ".join(f"{len(numbers)} {layer}" for layer, numbers in ids.items())
        error = DataError(
            expected=f"the same frames in {' and '.join(layers)} ({counts})",
            found=f"{len(lonely)} without their partner, the first with number {lonely[0]}",
            where=" and ".join(str(frames.home) for frames in layers.values()),
            remedy="add the missing frames, remove their partners, or pass --data.on_fault skip",
        )
        faults.add("frame without partner", len(lonely), error)
    if not common or not _of_one_size(layers, faults):
        return []
    stretches = _stretches(sorted(common))
    if len(stretches) > 1:
        missing = [(one[-1], other[0]) for one, other in pairwise(stretches)]
        error = DataError(
            expected="consecutive frames",
            found=f"{len(missing)} gap(s), the first between the numbers {missing[0][0]} and {missing[0][1]}",
            where=layers["fgr"].home,
            remedy="add the missing frames, or pass --data.on_fault skip to take the clip for several",
        )
        faults.add("gap", len(missing), error)
    fgr = layers["fgr"]
    clip = Clip(name, fgr, layers["pha"], fgr.size, fgr.fps, layers.get("com"), layers.get("base"))
    return [_part(clip, ids, stretch, first=i == 0) for i, stretch in enumerate(stretches)]


def long_enough(clips: Sequence[Clip], window: int, faults: Faults) -> list[Clip]:
    """Keep the clips of at least ``window`` frames."""
    kept = []
    for clip in clips:
        if len(clip) >= window:
            kept.append(clip)
            continue
        error = DataError(
            expected=f"at least {window} frames in each clip, a window's length",
            found=f"{len(clip)} in clip {clip.name}",
            where=clip.fgr.where(0),
            remedy=f"pass --data.window {len(clip)}, remove the clip, or pass --data.on_fault skip",
        )
        faults.add("clip shorter than a window", len(clip), error)
    return kept


def without(clip: Clip, bad: Sequence[int]) -> list[Clip]:
    """Leave out the frames at these positions, and take what is between them for clips."""
    good = sorted(set(range(len(clip))) - set(bad))
    ids = {layer: range(len(clip)) for layer in clip.layers}
    return [_part(clip, ids, stretch, first=stretch[0] == 0) for stretch in _stretches(good, 1)]


def _part(clip: Clip, ids: Mapping[str, Sequence[int]], stretch: list[int], first: bool) -> Clip:
    """Take the frames with the numbers of ``stretch``; ``ids`` are all numbers of each layer."""
    taken = {}
    for layer, frames in clip.layers.items():
        if len(stretch) < len(frames):
            places = {number: position for position, number in enumerate(ids[layer])}
            frames = frames.take([places[number] for number in stretch])
        taken[layer] = frames
    name = clip.name if first else f"{clip.name}_{stretch[0]:05}"
    com, base = taken.get("com"), taken.get("base")
    return replace(clip, name=name, fgr=taken["fgr"], pha=taken["pha"], com=com, base=base)


def _stretches(numbers: list[int], step: int | None = None) -> list[list[int]]:
    if not numbers:
        return []
    steps = Counter(b - a for a, b in pairwise(numbers))
    step = step or max(steps, key=lambda s: (steps[s], -s), default=1)
    starts = [0, *(i for i, (a, b) in enumerate(pairwise(numbers), 1) if b - a != step), len(numbers)]
    return [numbers[start:stop] for start, stop in pairwise(starts)]


def _of_one_size(layers: Mapping[str, Frames], faults: Faults) -> bool:
    height, width = layers["fgr"].size
    for layer, frames in layers.items():
        h, w = frames.size
        if (h, w) != (height, width):
            error = DataError(
                expected=f"{layer} of its foreground's size, {width}x{height}",
                found=f"{w}x{h}",
                where=frames.home,
                remedy="export both at the same size, or pass --data.on_fault skip to leave the clip out",
            )
            faults.add("layers of different sizes", len(frames), error)
            return False
    return True
