"""A directory tree -> the clips and backgrounds in it."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, TypeVar

from vmatte_pl.data.frames import ImageFrames, is_image
from vmatte_pl.errors import DataError

logger = logging.getLogger(__name__)

Split: TypeAlias = Literal["train", "valid", "test"]
_FOLDERS: dict[Split, tuple[str, ...]] = {"train": ("train",), "valid": ("valid", "val"), "test": ("test",)}
_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Clip:
    """A foreground with its alpha.

    Args:
        name: Unique within a split.
        fgr: Straight (not premultiplied) colour.
        pha: The alpha of the same frames.
        size: Height and width.
        fps: Frames a second, if known.
    """

    name: str
    fgr: ImageFrames
    pha: ImageFrames
    size: tuple[int, int]
    fps: float | None = None

    def __len__(self) -> int:
        return len(self.fgr)


def find_clips(root: Path, split: Split) -> list[Clip]:
    """List the clips of a split of a tree in VideoMatte240K's layout, sorted by name.

    The layout is ``{train,valid,test}/{fgr,pha}/<clip>/<frame>.jpg``, or any other image format; ``val`` is
    as good as ``valid``. Without either, the last tenth of the training clips (one to four of them) are for
    validation instead of training.

    Raises:
        DataError: If a folder is missing or empty, or foreground and alpha do not match.
    """
    return _of_split(root, split, _paired_clips)


def find_backgrounds(root: Path, split: Split) -> list[ImageFrames]:
    """List the backgrounds of a split: each image is a still one, each folder of frames a moving one.

    They lie in ``{train,valid,test}/`` (or ``val``; where it is missing it is taken from ``train`` as for
    clips), or without splits in the root itself, and then serve all of them.

    Raises:
        DataError: If a folder is missing or empty.
    """
    if all(_split_folder(root, name) is None for name in _FOLDERS):
        return _backgrounds(root)
    return _of_split(root, split, _backgrounds)


def _of_split(root: Path, split: Split, scan: Callable[[Path], list[_Item]]) -> list[_Item]:
    folder, train = _split_folder(root, split), _split_folder(root, "train")
    virtual = train is not None and _split_folder(root, "valid") is None
    if folder is not None and not (virtual and split == "train"):
        return scan(folder)
    if train is None or split == "test":
        raise DataError(
            expected=f"a folder named {' or '.join(_FOLDERS[split])}",
            found="none",
            where=root,
            remedy="add it, or point --data.root or --data.backgrounds at the folder above the splits",
        )
    kept, held_out = _hold_out(scan(train))
    if split == "valid":
        logger.info("%s has no valid folder: %d of train's are held out for validation", root, len(held_out))
    return kept if split == "train" else held_out


def _hold_out(items: list[_Item]) -> tuple[list[_Item], list[_Item]]:
    """Split off the last tenth, one to four; a single item has to serve on both sides."""
    if len(items) == 1:
        return items, items
    count = min(4, max(1, len(items) // 10))
    return items[:-count], items[-count:]


def _split_folder(root: Path, split: Split) -> Path | None:
    if not root.is_dir():
        raise DataError(
            expected="a folder",
            found="a file" if root.exists() else "nothing",
            where=root,
            remedy="check --data.root and --data.backgrounds",
        )
    return next((root / name for name in _FOLDERS[split] if (root / name).is_dir()), None)


def _paired_clips(folder: Path) -> list[Clip]:
    fgr, pha = _subfolders(folder / "fgr"), _subfolders(folder / "pha")
    if lonely := sorted(fgr.keys() ^ pha.keys()):
        has, lacks = ("fgr", "pha") if lonely[0] in fgr else ("pha", "fgr")
        raise DataError(
            expected=f"a folder in {lacks} for every folder in {has}",
            found=f"{len(lonely)} clip(s) with only one of them, the first {lonely[0]} without {lacks}",
            where=folder,
            remedy=f"add {lacks}/{lonely[0]}, or remove {has}/{lonely[0]}",
        )
    return [_pair(name, fgr[name], pha[name]) for name in sorted(fgr)]


def _subfolders(folder: Path) -> dict[str, Path]:
    found = {path.name: path for path in folder.glob("[!.]*") if path.is_dir()}
    if not found:
        raise DataError(
            expected="one folder of frames for each clip",
            found="none" if folder.is_dir() else "no such folder",
            where=folder,
            remedy="arrange the footage as <root>/train/fgr/<clip>/<frame>.jpg beside <root>/train/pha/…",
        )
    return found


def _pair(name: str, fgr_folder: Path, pha_folder: Path) -> Clip:
    fgr, pha = ImageFrames.of_folder(fgr_folder), ImageFrames.of_folder(pha_folder)
    if lonely := sorted(set(fgr.ids) ^ set(pha.ids)):
        raise DataError(
            expected=f"a pha frame for every fgr frame ({len(fgr)} and {len(pha)})",
            found=f"{len(lonely)} without their partner, the first with number {lonely[0]}",
            where=f"{fgr_folder} and {pha_folder}",
            remedy="add the missing frames, or remove their partners",
        )
    if fgr.size != pha.size:
        (h, w), (pha_h, pha_w) = fgr.size, pha.size
        raise DataError(
            expected=f"alpha of its foreground's size, {w}x{h}",
            found=f"{pha_w}x{pha_h}",
            where=pha_folder,
            remedy="export both at the same size",
        )
    return Clip(name, fgr, pha, fgr.size)


def _backgrounds(folder: Path) -> list[ImageFrames]:
    names = sorted(path.name for path in folder.glob("[!.]*") if is_image(path.name) or path.is_dir())
    if not names:
        raise DataError(
            expected="images or folders of frames",
            found="none",
            where=folder,
            remedy="put background images there, or point --data.backgrounds at a folder that has some",
        )
    return [ImageFrames(folder, (name,)) if is_image(name) else ImageFrames.of_folder(folder / name) for name in names]
