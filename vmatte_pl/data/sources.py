"""Where footage comes from: the clips and backgrounds of each split, as the settings of the data ask for them."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vmatte_pl.data.backgrounds import find_backgrounds
from vmatte_pl.data.clips import Clip, long_enough
from vmatte_pl.data.faults import Faults, OnFault
from vmatte_pl.data.frames import Frames
from vmatte_pl.data.inspection import clean
from vmatte_pl.data.layouts import Layout, detect, scan
from vmatte_pl.data.manifest import MANIFEST, Backbone, read_manifest
from vmatte_pl.data.protocols import Protocol, TestProtocol, choose, protocol_clips
from vmatte_pl.data.splits import SPLITS, Split, has_splits, split_folder
from vmatte_pl.data.views import Size
from vmatte_pl.errors import DataError

logger = logging.getLogger(__name__)

DEMO, DEMO_EMPTY = "demo", "demo-empty"


@dataclass(frozen=True)
class Sources:
    """The clips and backgrounds of a dataset; arguments as of ``MattingData``."""

    root: str
    backgrounds: str
    layout: Layout | None
    recompose: bool
    on_fault: OnFault
    protocol: Protocol
    test_protocol: TestProtocol
    fps: float | None
    background_fps: float | None
    window: int
    workers: int

    @property
    def folder(self) -> Path:
        """The folder of the clips; the built-in footage is made if it is not there yet."""
        return _built_in(self.root)[0] if self.root in (DEMO, DEMO_EMPTY) else Path(self.root).expanduser()

    @property
    def background_folder(self) -> Path:
        """The folder of the backgrounds; the built-in ones are made if they are not there yet."""
        own = self.backgrounds not in (DEMO, DEMO_EMPTY)
        return Path(self.backgrounds).expanduser() if own else _built_in(self.backgrounds)[1]

    def prepare(self) -> None:
        """Make the built-in footage, if it is asked for and not there yet."""
        if self.recompose or (self.layout or detect(self.folder)) != "composites":
            _ = self.background_folder

    def splits(self) -> list[Split]:
        """Name the splits that the clips have."""
        if not has_splits(self.folder):
            composed = (self.layout or detect(self.folder)) == "composites"
            return ["test"] if composed else list(SPLITS)
        train = split_folder(self.folder, "train") is not None
        # What validates may be held out from train.
        return [s for s in SPLITS if split_folder(self.folder, s) or (s == "valid" and train)]

    def clips(self, split: Split) -> list[Clip]:
        """List the clips of a split, faulty ones refused or left out.

        Raises:
            DataError: If footage is missing, does not match, or is too short.
        """
        faults = Faults(self.on_fault)
        protocol = self.test_protocol if split == "test" else self.protocol
        clips = protocol_clips(self.folder, split, protocol, self.layout, faults)
        self._check_finished(split, clips)
        if self.on_fault == "skip":
            clips = clean(clips, faults, self.workers or 1)
        if split == "train":
            clips = long_enough(clips, self.window, faults)
        faults.warn()
        if not clips:
            raise DataError(
                expected=f"a clip of {split} that can be used",
                found="none, after what is faulty or too short was left out",
                where=self.folder,
                remedy="see what `vmatte check` says of it, or add clips",
            )
        if self.recompose or not all(clip.com for clip in clips):
            clips = [replace(clip, com=None, base=None) for clip in clips]
        return [replace(clip, fps=clip.fps or self.fps) for clip in choose(clips, split, protocol)]

    def _check_finished(self, split: Split, clips: Sequence[Clip]) -> None:
        """Compare composed clips with the manifest of their folder, if it has one."""
        manifest = read_manifest(self.folder)
        if manifest is None:
            return
        train = split_folder(self.folder, "train")
        if split == "train" and train and not split_folder(self.folder, "valid"):
            clips = scan(train, self.layout, Faults("skip"))  # with those that are held out of it
        planned = {clip["name"]: clip["frames"] for clip in manifest["clips"] if clip["split"] == split}
        there = {clip.name: len(clip) for clip in clips}
        unfinished = [name for name, frames in planned.items() if there.get(name, 0) < frames]
        if unfinished:
            raise DataError(
                expected=f"{sum(planned.values())} composed frames in {split}",
                found=f"{sum(there.values())}, {len(unfinished)} clip(s) unfinished, the first {unfinished[0]}",
                where=self.folder / MANIFEST,
                remedy="run `vmatte compose` again with the same settings, and for all shards, to finish them",
            )

    def backgrounds_of(self, split: Split, clips: Sequence[Clip]) -> list[Frames]:
        """List the backgrounds of a split, if its clips need any.

        Raises:
            DataError: If there is none.
        """
        if all(clip.com for clip in clips):
            return []
        return find_backgrounds(self.background_folder, split, self.background_fps)

    def stored_base(self) -> Backbone | None:
        """Return which backbone's alphas lie beside composed clips."""
        manifest = read_manifest(self.folder)
        return manifest["backbone"] if manifest else None


def without_base(clips: Sequence[Clip]) -> list[Clip]:
    """Leave out stored alphas of a backbone."""
    return [replace(clip, base=None) for clip in clips]


def base_fits(clips: Sequence[Clip], size: Size | None) -> bool:
    """Tell whether all clips have stored alphas of a backbone, for the size that they will be seen at."""
    if not all(clip.base for clip in clips):
        return False
    other = next((clip for clip in clips if size not in (None, clip.size)), None)
    if other is not None:
        logger.warning("The stored alphas are for clips of %s, not %s: the backbone runs", other.size, size)
    return other is None


def _built_in(name: str) -> tuple[Path, Path]:
    """Return the folders of the built-in footage, with dummies in its places or without."""
    from vmatte_pl.data.demo import EMPTY, FULL, demo_footage  # drawing needs modules that other footage does not

    return demo_footage(recipe=FULL if name == DEMO else EMPTY)
