"""``vmatte check``: tell what footage a folder holds, and what is wrong with it."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from jsonargparse import auto_cli
from tqdm import tqdm

from vmatte_pl.data.backgrounds import find_backgrounds
from vmatte_pl.data.clips import Clip
from vmatte_pl.data.faults import Faults
from vmatte_pl.data.frames import Frames
from vmatte_pl.data.inspection import clean
from vmatte_pl.data.layouts import Layout, detect, scan
from vmatte_pl.data.splits import SPLITS, split_folder
from vmatte_pl.errors import DataError

_SHOWN = 20  # problems


def main(args: Sequence[str] | None = None) -> int:
    """Run ``vmatte check`` with the words after it, by default those of the command line."""
    status: int = auto_cli(check, args=None if args is None else list(args), prog="vmatte check")
    return status


def check(root: Path, layout: Layout | None = None, quick: bool = False, workers: int | None = None) -> int:
    """Look at every frame below a folder of clips or of backgrounds, and print what there is and what is wrong.

    Args:
        root: The folder that ``--data.root`` or ``--data.backgrounds`` would name.
        layout: How clips lie on disk; by default it finds out.
        quick: Compare names and headers only, decode nothing.
        workers: How many processes; by default one for each processor.

    Returns:
        0, or 1 if something is wrong.

    Raises:
        DataError: If there is no footage at all.
    """
    folders: dict[str, Path] = {split: folder for split in SPLITS if (folder := split_folder(root, split))}
    folders = folders or {"all": root}
    try:
        layout = layout or detect(root)
    except DataError as no_clips:
        return _check_backgrounds(root, folders, quick, no_clips)
    faults = Faults("skip")
    rows = [["", "clips", "frames", "size", "fps"]]
    for split, folder in folders.items():
        try:
            clips = scan(folder, layout, faults)
        except DataError as error:
            if not faults.noted:
                raise
            clips = []
            faults.add("split without clips", 0, error)  # beside what has been noted, which raising would lose
        rows.append(_row(split, clips))
        if not quick:
            clean(clips, faults, workers)
    _print(f"{root}: {layout}", rows)
    return _print_faults(faults)


def _check_backgrounds(root: Path, folders: dict[str, Path], quick: bool, no_clips: DataError) -> int:
    """Tell of backgrounds; what is not even one is no footage."""
    faults, backgrounds = Faults("skip"), list[Frames]()
    rows = [["", "stills", "videos", "frames", "size"]]
    for split, folder in folders.items():
        try:
            found = find_backgrounds(folder, "train")
        except DataError as error:
            raise no_clips from error
        stills = sum(len(background) == 1 for background in found)
        frames = sum(map(len, found))
        rows.append([split, str(stills), str(len(found) - stills), str(frames), _sizes(found)])
        backgrounds += found
    if not quick:
        _decode(backgrounds, faults)
    _print(f"{root}: backgrounds", rows)
    return _print_faults(faults)


def _decode(backgrounds: Sequence[Frames], faults: Faults) -> None:
    with tqdm(total=sum(map(len, backgrounds)), unit="frame", desc="checking", disable=None, delay=2) as bar:
        for background in backgrounds:
            for t in range(len(background)):
                try:
                    background.rgb(t)
                except DataError as error:
                    faults.add("unreadable background", 1, error)
                bar.update()


def _row(split: str, clips: Sequence[Clip]) -> list[str]:
    rates = sorted({f"{clip.fps:.6g}" for clip in clips if clip.fps})
    frames = sum(map(len, clips))
    return [split, str(len(clips)), str(frames), _sizes([clip.fgr for clip in clips]), " ".join(rates) or "unknown"]


def _sizes(footage: Sequence[Frames]) -> str:
    """Name the three most frequent sizes."""
    sizes = Counter(frames.size for frames in footage).most_common()
    names = [f"{width}x{height}" for (height, width), _ in sizes[:3]]
    return " ".join(names) + (f" and {len(sizes) - 3} more" if len(sizes) > 3 else "")


def _print_faults(faults: Faults) -> int:
    for fault in faults.noted[:_SHOWN]:
        print(f"wrong: {fault.error}")  # noqa: T201 - what the user asked for
    if len(faults.noted) > _SHOWN:
        print(f"and {len(faults.noted) - _SHOWN} more")  # noqa: T201
    for line in faults.summary() or ["nothing is wrong"]:
        print(line)  # noqa: T201
    return 1 if faults.noted else 0


def _print(title: str, rows: list[list[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    print(title)  # noqa: T201
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())  # noqa: T201
    print()  # noqa: T201
