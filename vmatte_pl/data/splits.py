"""The folders of a dataset's splits, and what stands in for those that are missing."""

import logging
import re
from collections.abc import Callable, Hashable, Sequence
from itertools import chain, groupby
from pathlib import Path
from typing import Literal, TypeAlias, TypeVar

from vmatte_pl.errors import DataError

logger = logging.getLogger(__name__)

Split: TypeAlias = Literal["train", "valid", "test"]
SPLITS: tuple[Split, ...] = ("train", "valid", "test")

_FOLDERS: dict[Split, tuple[str, ...]] = {"train": ("train",), "valid": ("valid", "val"), "test": ("test",)}
_LONGER: dict[Split, str] = {"train": "train(ing)?", "valid": "val(id(ation)?)?", "test": "test(ing|val)?"}
"""What a split's folder may be called otherwise, a number behind it."""

_Item = TypeVar("_Item")


def of_split(
    root: Path, split: Split, scan: Callable[[Path], list[_Item]], whole: Callable[[_Item], Hashable] = id
) -> list[_Item]:
    """List what a split has; ``scan`` lists what a folder has, ``whole`` tells what an item is a part of.

    A split's folder has its name, in full or with a number (``training``, ``train_1000``, ``testval``); ``val`` is as
    good as ``valid``. What only begins alike, such as ``train_station``, is a clip or a background. Without one for
    validation, the last tenth of train's items (one to four of them) are for validation instead of training; parts
    of one whole that follow each other stay together. A tree without any such folder is split the same way, its last
    items for testing, those before them for validation.

    Raises:
        DataError: If there is no such folder, or several.
    """
    folders = {name: split_folder(root, name) for name in SPLITS}
    folder, train = folders[split], folders["train"]
    if not any(folders.values()):
        parts = _divide(scan(root), whole)
        logger.info("%s has no train, valid and test: its clips in order are %s", root, _sizes(parts))
        return parts[split]
    if folder is not None and (split != "train" or folders["valid"] is not None):
        return scan(folder)
    if train is None or split == "test":
        raise DataError(
            expected=f"a folder named {' or '.join(_FOLDERS[split])}",
            found="none",
            where=root,
            remedy="add it, or point --data.root or --data.backgrounds at the folder above the splits",
        )
    kept, held_out = hold_out(scan(train), whole)
    if split == "valid":
        logger.info("%s has no valid folder: %d of train's are held out for validation", root, len(held_out))
    return kept if split == "train" else held_out


def split_folder(root: Path, split: Split) -> Path | None:
    """Find the folder of a split.

    Raises:
        DataError: If ``root`` is no folder, or several folders could be meant.
    """
    if not root.is_dir():
        raise DataError(
            expected="a folder",
            found="a file" if root.exists() else "nothing",
            where=root,
            remedy="check --data.root and --data.backgrounds",
        )
    for name in _FOLDERS[split]:
        if (root / name).is_dir():
            return root / name
    spelt = re.compile(rf"{_LONGER[split]}([_-]?\d[\w-]*)?")
    longer = sorted(p for p in root.iterdir() if spelt.fullmatch(p.name) and p.is_dir())
    if len(longer) > 1:
        raise DataError(
            expected=f"one folder for {split}",
            found=", ".join(path.name for path in longer),
            where=root,
            remedy=f"name the one that is meant {split}",
        )
    return longer[0] if longer else None


def has_splits(root: Path) -> bool:
    """Tell whether a tree has a folder for any split."""
    return any(split_folder(root, split) for split in SPLITS)


def hold_out(items: Sequence[_Item], whole: Callable[[_Item], Hashable]) -> tuple[list[_Item], list[_Item]]:
    """Split off the last tenth, one to four wholes; a single one has to serve on both sides."""
    wholes = [list(parts) for _, parts in groupby(items, whole)]
    if len(wholes) == 1:
        return list(items), list(items)
    count = min(4, max(1, len(wholes) // 10))
    return list(chain(*wholes[:-count])), list(chain(*wholes[-count:]))


def _divide(items: Sequence[_Item], whole: Callable[[_Item], Hashable]) -> dict[Split, list[_Item]]:
    rest, test = hold_out(items, whole)
    train, valid = hold_out(rest, whole)
    return {"train": train, "valid": valid, "test": test}


def _sizes(parts: dict[Split, list[_Item]]) -> str:
    return ", ".join(f"{len(items)} {split}" for split, items in parts.items())
