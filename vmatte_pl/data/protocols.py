"""Named choices of clips and frames, so that results can be compared; the same at every run."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeAlias

from vmatte_pl.data.clips import Clip, without
from vmatte_pl.data.faults import Faults
from vmatte_pl.data.layouts import Layout, find_clips, scan
from vmatte_pl.data.splits import Split, split_folder
from vmatte_pl.errors import DataError
from vmatte_pl.files import atomic

Protocol: TypeAlias = Literal["all", "initial", "extended", "rvm"]
"""What to train on.

- ``all``: every frame of the training clips.
- ``initial``: 1,000 frames from 5 clips, ``extended``: 10,000 from 100; validation on all of its clips.
- ``rvm``: VideoMatte240K as RobustVideoMatting splits it, 475 clips to train on, 4 of train's to validate on.

Source: "Meta-Learning Methods for Video Matting" (Ontario Tech University) for ``initial`` and ``extended``;
S. Lin et al., "Robust High-Resolution Video Matting with Temporal Guidance", 2021, for ``rvm``.
"""
TestProtocol: TypeAlias = Literal["all", "test"]
"""What to test on: ``all`` frames of the test clips, or with ``test`` 750 frames from 15 of them."""

_SIZES = {"initial": (1_000, 5), "extended": (10_000, 100), "test": (750, 15)}
_RVM_VALID = ("0000", "0100", "0200", "0300")
_RVM_TRAIN = 479  # of VideoMatte240K's clips, those for validation included


def protocol_clips(
    root: Path, split: Split, protocol: Protocol | TestProtocol, layout: Layout | None, faults: Faults
) -> list[Clip]:
    """List the clips of a split that a protocol chooses from; arguments otherwise as of ``find_clips``.

    Raises:
        DataError: As ``find_clips``, or there are fewer clips than the protocol needs.
    """
    train = split_folder(root, "train")
    if protocol != "rvm" or split == "test" or train is None:
        return find_clips(root, split, layout, faults)
    clips = scan(train, layout, faults)
    missing = sorted(set(_RVM_VALID) - {_source(clip) for clip in clips})
    count = len({_source(clip) for clip in clips})
    if missing or count < _RVM_TRAIN:
        raise DataError(
            expected=f"{_RVM_TRAIN} training clips, {', '.join(_RVM_VALID)} among them, for the protocol rvm",
            found=f"{count}" + (f" without {', '.join(missing)}" if missing else ""),
            where=train,
            remedy="copy all of VideoMatte240K, or pass --data.protocol all",
        )
    return [clip for clip in clips if (_source(clip) in _RVM_VALID) == (split == "valid")]


def choose(clips: Sequence[Clip], split: Split, protocol: Protocol | TestProtocol) -> list[Clip]:
    """Choose a protocol's clips, evenly spread over all that are long enough, and of each its first frames.

    Raises:
        DataError: If there are fewer clips or frames than the protocol needs.
    """
    if protocol not in _SIZES or split != ("test" if protocol == "test" else "train"):
        return list(clips)
    frames, count = _SIZES[protocol]
    each = frames // count
    enough = [clip for clip in clips if len(clip) >= each]
    if len(enough) < count:
        raise DataError(
            expected=f"{frames} frames from {count} clips, {each} of each, for the protocol {protocol}",
            found=f"{len(enough)} clips that long; there are {len(clips)} with {sum(map(len, clips))} frames",
            where=clips[0].fgr.home.parent,
            remedy="add clips, or pass --data.protocol all and --data.test_protocol all",
        )
    picked = [enough[i * len(enough) // count] for i in range(count)]
    return [without(clip, range(each, len(clip)))[0] for clip in picked]


def write_choice(clips: Sequence[Clip], path: Path) -> None:
    """Write which frames were chosen, a row for each clip."""
    with atomic(path) as part, part.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["clip", "frames", "first", "last", "fgr", "pha"])
        for clip in clips:
            ids = clip.fgr.ids
            writer.writerow([clip.name, len(clip), ids[0], ids[-1], clip.fgr.home, clip.pha.home])


def _source(clip: Clip) -> str:
    """Return the name that a clip has on disk, whatever stretch of it this is."""
    return clip.pha.home.stem
