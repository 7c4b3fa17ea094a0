"""Put the demo footage on disk, once, whole or not at all."""

import shutil
import sys
import tempfile
import zlib
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import current_process, get_context
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from filelock import FileLock
from numpy.typing import NDArray
from tqdm import tqdm

from vmatte_pl.cores import cores
from vmatte_pl.data.demo import footage, grounds
from vmatte_pl.errors import ConfigError
from vmatte_pl.files import cache_folder

VERSION = 3  # raise it whenever a pixel changes, so that nobody trains on a stale cache
SEED = 2
SPLITS = ("train", "valid", "test")

Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class Recipe:
    """How much footage there is, and how large.

    Args:
        width: Columns.
        height: Rows.
        frames: Frames of every clip and of every moving background in train, valid and test. Training learns more
            from many short clips than from a few long ones.
        clips: Clips of people in train, valid and test.
        grounds: Backgrounds in train, valid and test; every other one moves.
        dummies: Whether dummies of people stand in the backgrounds.
    """

    width: int = 256
    height: int = 144
    frames: tuple[int, int, int] = (8, 24, 24)
    clips: tuple[int, int, int] = (120, 5, 8)
    grounds: tuple[int, int, int] = (60, 5, 8)
    dummies: bool = True

    @property
    def name(self) -> str:
        """The folder of this footage within the cache."""
        return f"demo-v{VERSION}-{self.width}x{self.height}-{zlib.crc32(repr(self).encode()):08x}"


FULL = Recipe()
EMPTY = Recipe(dummies=False)
TINY = Recipe(width=64, height=36, frames=(3, 4, 5), clips=(2, 1, 1), grounds=(2, 2, 2))


class _Item(NamedTuple):
    """One clip or background to render."""

    kind: str  # "foregrounds" or "backgrounds"
    split: str
    number: int


def render_foreground(split: str, index: int, recipe: Recipe = FULL) -> tuple[Bytes, Bytes]:
    """Render one clip of people, the same at every call.

    Shape:
        - outputs: (T, H, W, 3) straight RGB, carried on beyond the silhouette, and (T, H, W) alpha.
    """
    number = SPLITS.index(split)
    rng = np.random.default_rng([SEED, number, 0, index])
    return footage.people(rng, split, recipe.frames[number], recipe.height, recipe.width)


def render_background(split: str, index: int, recipe: Recipe = FULL) -> Bytes:
    """Render one background, the same at every call; those of odd index move, the others are stills.

    Shape:
        - output: (T, H, W, 3) RGB, T = 1 for a still.
    """
    number = SPLITS.index(split)
    rng = np.random.default_rng([SEED, number, 1, index])
    dummies = np.random.default_rng([SEED, number, 2, index]) if recipe.dummies else None
    frames = recipe.frames[number] if index % 2 else 1
    return grounds.ground(rng, split, frames, recipe.height, recipe.width, footage.FPS, dummies)


def demo_footage(cache: Path | None = None, recipe: Recipe = FULL, workers: int | None = None) -> tuple[Path, Path]:
    """Return the demo's footage, rendering it first if it is not there yet.

    Foregrounds come in VideoMatte240K's layout ``{train,valid,test}/{fgr,pha}/<0000>/<00000>.jpg``;
    backgrounds are stills ``{train,valid,test}/<0000>.jpg`` and, side by side with them, moving ones
    ``<0000>/<0000>.jpg``. A run that is killed leaves nothing that would be taken for whole, and a second
    process that asks meanwhile waits for the first.

    Args:
        cache: Where to keep it; by default ``vmatte_pl.files.cache_folder()``.
        recipe: How much of it.
        workers: Processes to render with; by default one a core.

    Returns:
        The folder of the foregrounds and the folder of the backgrounds.

    Raises:
        ConfigError: A script asks for it that each of its processes would run again from the start.
    """
    cache = cache or cache_folder()
    home = cache / recipe.name
    if not home.is_dir():
        _refuse_to_wait_for_oneself()
        cache.mkdir(parents=True, exist_ok=True)
        with FileLock(cache / f"{recipe.name}.lock"):
            if not home.is_dir():
                _write(home, recipe, workers or cores())
    return home / "foregrounds", home / "backgrounds"


def _refuse_to_wait_for_oneself() -> None:
    """A process that renders begins by running the script that started it, and would wait there for the others."""
    if getattr(current_process(), "_inheriting", False):
        raise ConfigError(
            expected="a script that can be imported without doing its work",
            found="work outside of a function",
            where=sys.argv[0],
            remedy='put it under `if __name__ == "__main__":`',
        )


def _write(home: Path, recipe: Recipe, workers: int) -> None:
    """Render everything beside ``home``, then rename; under the caller's lock any leftovers are stale."""
    for leftover in home.parent.glob(f"{home.name}.part-*"):
        shutil.rmtree(leftover)
    part = Path(tempfile.mkdtemp(prefix=f"{home.name}.part-", dir=home.parent))
    part.chmod(0o755)
    try:
        items = list(_items(recipe))
        with tqdm(total=len(items), desc="rendering the demo footage, once", unit="clip") as bar:
            for _ in _render_all(part, items, recipe, workers):
                bar.update()
        part.rename(home)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def _items(recipe: Recipe) -> Iterator[_Item]:
    for split, clips, number in zip(SPLITS, recipe.clips, recipe.grounds, strict=True):
        yield from (_Item("foregrounds", split, index) for index in range(clips))
        yield from (_Item("backgrounds", split, index) for index in range(number))


def _render_all(part: Path, items: list[_Item], recipe: Recipe, workers: int) -> Iterator[None]:
    """Render the items, in this process or in several, and yield after each."""
    if workers == 1:
        for item in items:
            _render(part, item, recipe)
            yield
        return
    # Forking a process that has run torch can hang, hence fresh ones.
    with ProcessPoolExecutor(workers, get_context("spawn"), initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        jobs: list[Future[None]] = [pool.submit(_render, part, item, recipe) for item in items]
        try:
            for job in as_completed(jobs):
                job.result()
                yield
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _render(part: Path, item: _Item, recipe: Recipe) -> None:
    place = part / item.kind / item.split
    if item.kind == "foregrounds":
        fgr, pha = render_foreground(item.split, item.number, recipe)
        _save(place / "fgr" / f"{item.number:04d}", 5, fgr)
        _save(place / "pha" / f"{item.number:04d}", 5, pha)
    elif item.number % 2:
        _save(place / f"{item.number:04d}", 4, render_background(item.split, item.number, recipe))
    else:
        place.mkdir(parents=True, exist_ok=True)
        _save_jpeg(place / f"{item.number:04d}.jpg", render_background(item.split, item.number, recipe)[0])


def _save(folder: Path, digits: int, frames: Bytes) -> None:
    folder.mkdir(parents=True)
    for i, frame in enumerate(frames):
        _save_jpeg(folder / f"{i:0{digits}d}.jpg", frame)


def _save_jpeg(path: Path, frame: Bytes) -> None:
    bgr = frame[..., ::-1] if frame.ndim == 3 else frame
    written, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 95])
    if not written:  # pragma: no cover - OpenCV gives no reason
        raise OSError(f"could not encode {path}")
    path.write_bytes(data.tobytes())
