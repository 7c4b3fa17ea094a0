"""A directory tree -> the backgrounds in it."""

from dataclasses import replace
from pathlib import Path

from vmatte_pl.data.frames import Frames, ImageFrames, is_image
from vmatte_pl.data.splits import Split, has_splits, of_split
from vmatte_pl.data.videos import VideoFrames, is_video
from vmatte_pl.errors import DataError


def find_backgrounds(root: Path, split: Split, fps: float | None = None) -> list[Frames]:
    """List the backgrounds of a split: each image is a still one, each video or folder of frames a moving one.

    They lie in ``{train,valid,test}/`` (or ``val``; where it is missing it is taken from ``train`` as for
    clips), or without splits in the root itself, and then serve all of them.

    Args:
        root: The folder above the splits, or of the backgrounds.
        split: Which split.
        fps: Frames a second of folders of frames, if known.

    Raises:
        DataError: If a folder is missing or empty, or a video cannot be read.
    """
    if has_splits(root):
        return of_split(root, split, lambda folder: _backgrounds(folder, fps))
    return _backgrounds(root, fps)


def _backgrounds(folder: Path, fps: float | None) -> list[Frames]:
    found = [frames for path in sorted(folder.glob("[!.]*")) if (frames := _background(path, fps)) is not None]
    if not found:
        raise DataError(
            expected="images, videos or folders of frames",
            found="none",
            where=folder,
            remedy="put background images there, or point --data.backgrounds at a folder that has some",
        )
    return found


def _background(path: Path, fps: float | None) -> Frames | None:
    if is_image(path.name):
        return ImageFrames(path.parent, (path.name,))
    if is_video(path.name):
        return VideoFrames.of_file(path)
    return replace(ImageFrames.of_folder(path), fps=fps) if path.is_dir() else None
