"""A directory tree of any dataset -> the clips in it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, TypeAlias

from vmatte_pl.data.clips import Clip, align
from vmatte_pl.data.faults import Faults
from vmatte_pl.data.frames import Frames, ImageFrames, frame_id
from vmatte_pl.data.splits import Split, has_splits, of_split, split_folder
from vmatte_pl.data.videos import VideoFrames, is_video
from vmatte_pl.errors import DataError

Layout: TypeAlias = Literal["pairs", "composites", "rgba", "videos"]
"""How the clips of a split lie on disk; ``clip`` is a folder of images, or a video.

- ``pairs``: ``{fgr,pha}/clip``, as VideoMatte240K.
- ``composites``: ``<name>/{com,fgr,pha}/``, or one level deeper, as RobustVideoMatting's benchmark.
- ``rgba``: ``<name>/<frame>.png``, images with alpha.
- ``videos``: ``<name>.mov``, videos with alpha.
"""

_LAYERS = ("fgr", "pha", "com", "base")


def find_clips(root: Path, split: Split, layout: Layout | None = None, faults: Faults | None = None) -> list[Clip]:
    """List the clips of a split, sorted by name.

    Composites without splits are a benchmark, and all for testing; other trees without splits are split
    in the order of their names.

    Args:
        root: The folder above the splits, or above the clips.
        split: Which split.
        layout: How the clips lie on disk; None finds out.
        faults: What to do about faulty clips; by default the first one is refused.

    Raises:
        DataError: If a folder is missing or empty, or a clip is faulty and faults are refused.
    """
    faults = faults or Faults()
    if has_splits(root) or (layout or detect(root)) != "composites":
        return of_split(root, split, lambda folder: scan(folder, layout, faults), _take)
    if split != "test":
        raise DataError(
            expected=f"a folder named {split}",
            found="composed clips without splits, which are all for testing",
            where=root,
            remedy="put clips for training into train/, some for validation into valid/",
        )
    return scan(root, layout, faults)


def _take(clip: Clip) -> str:
    """Name what a clip was cut out of, or composed of once more: parts of it must not be on both sides of a split."""
    return re.sub(r"_pass\d+(?=/|$)", "", clip.pha.home.as_posix())


def detect(folder: Path) -> Layout:
    """Find out how the clips of a tree lie on disk.

    Raises:
        DataError: If the tree is like no layout.
    """
    folder = next((f for split in ("train", "test", "valid") if (f := split_folder(folder, split))), folder)
    if (folder / "fgr").is_dir() or (folder / "pha").is_dir():
        return "pairs"
    entries = _visible(folder)
    if next(_composed(folder), None):
        return "composites"
    first = next((path for path in entries if path.is_dir() or is_video(path.name)), None)
    if first is not None and _has_alpha(first):
        return "videos" if is_video(first.name) else "rgba"
    raise DataError(
        expected="clips: {fgr,pha}/<clip>/<frame>.jpg, <clip>/{com,fgr,pha}/<frame>.png, or RGBA images or videos",
        found="none",
        where=folder,
        remedy="arrange the footage as <root>/train/fgr/<clip>/<frame>.jpg beside <root>/train/pha/…",
    )


def _has_alpha(path: Path) -> bool:
    try:
        return load_frames(path, Faults("skip")).has_alpha
    except DataError:
        return False


def scan(folder: Path, layout: Layout | None, faults: Faults) -> list[Clip]:
    """List the clips of one folder, as ``find_clips`` does those of a split."""
    layout = layout or detect(folder)
    clips: list[Clip] = []
    for name, paths in _sources(folder, layout, faults):
        try:
            clips += align(name, _load(paths, faults), faults)
        except DataError as error:
            faults.add("unreadable clip", 0, error)
    if not clips:
        raise DataError(
            expected=f"clips in the layout {layout}",
            found="none",
            where=folder,
            remedy="see the folders above, or `vmatte check`, for what is wrong",
        )
    return clips


_Sources: TypeAlias = Iterator[tuple[str, dict[str, Path]]]
"""The name of a clip, and where its layers are; without pha it is the alpha channel of fgr."""


def _sources(folder: Path, layout: Layout, faults: Faults) -> _Sources:
    match layout:
        case "pairs":
            return _pairs(folder, faults)
        case "composites":
            return _composites(folder, faults)
        case "rgba" | "videos":
            return ((name, {"fgr": path}) for name, path in sorted(_named(folder).items()))


def _pairs(folder: Path, faults: Faults) -> _Sources:
    fgr, pha = _named(folder / "fgr"), _named(folder / "pha")
    if lonely := sorted(fgr.keys() ^ pha.keys()):
        has, lacks = ("fgr", "pha") if lonely[0] in fgr else ("pha", "fgr")
        error = DataError(
            expected=f"a clip in {lacks} for every clip in {has}",
            found=f"{len(lonely)} clip(s) with only one of them, the first {lonely[0]} without {lacks}",
            where=folder,
            remedy=f"add {lacks}/{lonely[0]}, remove {has}/{lonely[0]}, or pass --data.on_fault skip",
        )
        faults.add("clip without partner", 0, error)
    for name in sorted(fgr.keys() & pha.keys()):
        yield name, {"fgr": fgr[name], "pha": pha[name]}


def _composites(folder: Path, faults: Faults) -> _Sources:
    for clip in sorted(_composed(folder)):
        layers = {layer: clip / layer for layer in _LAYERS if (clip / layer).is_dir()}
        if "fgr" not in layers:
            error = DataError(
                expected="the folders com, fgr and pha",
                found="no fgr",
                where=clip,
                remedy="add it, or pass --data.on_fault skip",
            )
            faults.add("clip without partner", 0, error)
            continue
        yield clip.relative_to(folder).as_posix(), layers


def _load(paths: dict[str, Path], faults: Faults) -> dict[str, Frames]:
    if "pha" in paths:
        return {layer: load_frames(path, faults) for layer, path in paths.items()}
    frames = load_frames(paths["fgr"], faults, alpha=True)
    return {"fgr": frames, "pha": frames.matte()}


def _composed(folder: Path, depth: int = 2) -> Iterator[Path]:
    """List the clips of composed frames, in this folder's folders or one level deeper."""
    for path in _visible(folder):
        if path.is_dir():
            if (path / "pha").is_dir():
                yield path
            elif depth > 1:
                yield from _composed(path, depth - 1)


def _named(folder: Path) -> dict[str, Path]:
    """List folders and videos by their names.

    Raises:
        DataError: If there is none, or two of one name.
    """
    found: dict[str, Path] = {}
    for path in _visible(folder):
        if is_video(path.name) or path.is_dir():
            name = path.stem if is_video(path.name) else path.name
            if name in found:
                raise DataError(
                    expected="one folder or video for each clip",
                    found=f"{found[name].name} and {path.name}",
                    where=folder,
                    remedy="keep one of them",
                )
            found[name] = path
    if not found:
        raise DataError(
            expected="a folder of frames, or a video, for each clip",
            found="none" if folder.is_dir() else "no such folder",
            where=folder,
            remedy="arrange the footage as <root>/train/fgr/<clip>/<frame>.jpg beside <root>/train/pha/…",
        )
    return found


def load_frames(path: Path, faults: Faults, alpha: bool = False) -> Frames:
    """Take a folder's images or a video's frames.

    Args:
        path: The folder, or the video.
        faults: Told of several files of one frame.
        alpha: Whether they must have an alpha channel.

    Raises:
        DataError: If there is no frame, one without a number, or no alpha channel.
    """
    frames: Frames
    if is_video(path.name):
        frames = VideoFrames.of_file(path)
    else:
        frames, twins = ImageFrames.first_of_each(path)
        if twins:
            error = DataError(
                expected="one file for each frame",
                found=f"{len(twins)} frame(s) with several, the first {frame_id(twins[0], path)} ({twins[0]})",
                where=path,
                remedy="keep one of them, or pass --data.on_fault skip",
            )
            faults.add("several files for a frame", len(twins), error)
    if alpha and not frames.has_alpha:
        raise DataError(
            expected="images or videos with an alpha channel",
            found="none",
            where=path,
            remedy="export them with alpha, or arrange colour and alpha as fgr/<clip> and pha/<clip>",
        )
    return frames


def _visible(folder: Path) -> list[Path]:
    return sorted(folder.glob("[!.]*"))
