"""Tiny footage on disk: soft blobs that move, over plain and moving backgrounds, drawn from a seed."""

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 64, 48


def write_footage(
    root: Path,
    *,
    splits: tuple[str, ...] = ("train", "valid", "test"),
    clips: int = 2,
    frames: int = 6,
    size: tuple[int, int] = (HEIGHT, WIDTH),
    suffix: str = ".png",
    seed: int = 0,
) -> Path:
    """Write a tree in VideoMatte240K's layout; each clip is two frames longer than the one before."""
    rng = np.random.default_rng(seed)
    for split in splits:
        for clip in range(clips):
            colour, path = rng.integers(90, 255, 3), rng.uniform(0.35, 0.65, (2, 2))
            for t in range(frames + 2 * clip):
                alpha = blob(size, path[0] + (path[1] - path[0]) * t / frames)
                texture = rng.normal(0, 8, (*size, 1))
                fgr = np.clip(colour + texture, 0, 255).astype(np.uint8)
                write_image(root / split / "fgr" / f"{clip:04}" / f"{t:05}{suffix}", fgr)
                write_image(root / split / "pha" / f"{clip:04}" / f"{t:05}{suffix}", alpha)
    return root


def write_backgrounds(
    root: Path, *, splits: tuple[str, ...] = ("train", "valid", "test"), stills: int = 2, seed: int = 1
) -> Path:
    """Write still backgrounds of differing sizes, and one moving one of 3 frames, for each split."""
    rng = np.random.default_rng(seed)
    for split in splits:
        for i in range(stills):
            write_image(root / split / f"{i:02}.png", _texture(rng, (40 + 20 * i, 80)))
        for t in range(3):
            write_image(root / split / "moving" / f"{t:04}.png", _texture(rng, (54, 96)))
    return root


def blob(size: tuple[int, int], centre: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Draw the alpha of a soft disc; ``centre`` is (x, y) as a share of the picture."""
    y, x = np.mgrid[: size[0], : size[1]]
    distance = np.hypot(x / size[1] - centre[0], (y / size[0] - centre[1]) * size[0] / size[1])
    return np.asarray(np.clip((0.16 - distance) / 0.05, 0, 1) * 255, np.uint8)


def write_image(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Write an RGB or grey image in the format its suffix names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), pixels[..., ::-1] if pixels.ndim == 3 else pixels)


def _texture(rng: np.random.Generator, size: tuple[int, int]) -> NDArray[np.uint8]:
    coarse = rng.integers(0, 130, (6, 8, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC), np.uint8)


def write_composites(root: Path, *, clips: int = 2, frames: int = 5, size: tuple[int, int] = (HEIGHT, WIDTH)) -> Path:
    """Write clips ``<clip>/{com,fgr,pha,bgr}/<frame>.png``, as RobustVideoMatting's benchmark has them."""
    rng = np.random.default_rng(3)
    for clip in range(clips):
        bgr, fgr = _texture(rng, size), _texture(rng, size)
        for t in range(frames):
            pha = blob(size, np.array([0.3 + 0.05 * t, 0.5]))
            share = pha[..., None] / np.float32(255)
            com = np.rint(fgr * share + bgr * (1 - share)).astype(np.uint8)
            for layer, pixels in (("com", com), ("fgr", fgr), ("pha", pha), ("bgr", bgr)):
                write_image(root / f"{clip:04}" / layer / f"{t:04}.png", pixels)
    return root


def write_video(
    path: Path,
    frames: list[NDArray[np.uint8]],
    codec: str,
    pixels: str,
    fps: Fraction = Fraction(25),
    options: dict[str, str] | None = None,
    turn: int = 0,
    mirror: bool = False,
) -> Path:
    """Encode RGB or RGBA frames, to be shown turned by some degrees counter-clockwise and then mirrored."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=fps, options=options)
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pixels
        if turn or mirror:
            stream.set_display_rotation(turn, hflip=mirror)
        for frame in frames:
            kind = "rgba" if frame.shape[2] == 4 else "rgb24"
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format=kind)))
        container.mux(stream.encode())
    return path
