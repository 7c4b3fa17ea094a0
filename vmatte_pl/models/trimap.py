"""Trimaps: which pixels are known background (0), known foreground (1), or to be estimated (0.5)."""

from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vmatte_pl.errors import DataError

UNKNOWN = 0.5


def trimap_from_alpha(alpha: Tensor, width: float = 0.02, *, low: float = 0.0, high: float = 1.0) -> Tensor:
    """Draw a band of unknown pixels around the outline of a segmentation or coarse alpha.

    What is certain is eroded by a disc: a pixel is foreground if every pixel within the band's width has
    an alpha of at least ``high``, background if every one has at most ``low``. Erosion by a disc of radius r
    asks for a distance of more than r to the nearest other pixel, so its cost does not grow with r.

    Args:
        alpha: The coarse alpha.
        width: How far the band reaches to either side, as a fraction of the frame's shorter side.
        low: The largest alpha that is certainly background.
        high: The smallest alpha that is certainly foreground.

    Shape:
        - alpha: (*, 1, H, W) in [0, 1].
        - output: as ``alpha``, of 0, 0.5 and 1.
    """
    radius = width * min(alpha.shape[-2:])
    background = distance_to(alpha > low) > radius
    foreground = distance_to(alpha < high) > radius
    return _trimap(background & ~foreground, foreground)


def trimap_from_thresholds(alpha: Tensor, low: float = 0.05, high: float = 0.95) -> Tensor:
    """Take an alpha's own word: background up to ``low``, foreground from ``high`` on, unknown between.

    Shape:
        - alpha: (*, 1, H, W) in [0, 1].
        - output: as ``alpha``, of 0, 0.5 and 1.
    """
    return _trimap(alpha <= low, alpha >= high)


def trimap_from_classes(logits: Tensor) -> Tensor:
    """Take the likeliest of three classes, in the order background, unknown, foreground.

    Shape:
        - logits: (*, 3, H, W).
        - output: (*, 1, H, W) of 0, 0.5 and 1.
    """
    return logits.argmax(-3, keepdim=True).to(logits.dtype) / 2


def read_trimaps(path: str | Path) -> Tensor:
    """Read the trimap of one image, or of a clip from a folder with one image a frame, in order of name.

    Black is background and white foreground; every grey is unknown, whichever one the drawing tool used.

    Shape:
        - output: (T, 1, H, W) float32 of 0, 0.5 and 1, with T = 1 for one image.

    Raises:
        DataError: If there is no image, one cannot be read, or their sizes differ.
    """
    path = Path(path)
    files = sorted(file for file in path.iterdir() if not file.name.startswith(".")) if path.is_dir() else [path]
    if not files:
        raise DataError(
            expected="a trimap for every frame",
            found="an empty folder",
            where=path,
            remedy="put the images there",
        )
    greys = [_read_grey(file) for file in files]
    for file, grey in zip(files, greys, strict=True):
        if grey.shape != greys[0].shape:
            raise DataError(
                expected=f"the first trimap's size {greys[0].shape[::-1]}",
                found=f"{grey.shape[::-1]}",
                where=file,
                remedy="give every frame of a clip a trimap of the clip's size",
            )
    stack = torch.from_numpy(np.stack(greys))[:, None]
    return _trimap(stack == 0, stack == 255)


def distance_to(mask: Tensor) -> Tensor:
    """The exact Euclidean distance of each pixel to the nearest pixel of its frame's mask.

    Runs on the CPU whatever device the mask is on; frames are measured one by one by OpenCV.

    Shape:
        - mask: (*, H, W) bool.
        - output: as ``mask``, float32 in pixels; infinite where a frame has no pixel of the mask.
    """
    elsewhere = (~mask).to("cpu", torch.uint8).reshape(-1, *mask.shape[-2:]).numpy()
    measured = [cv2.distanceTransform(frame, cv2.DIST_L2, cv2.DIST_MASK_PRECISE) for frame in elsewhere]
    distances = torch.from_numpy(np.stack(measured)).view(mask.shape).to(mask.device)
    return distances.masked_fill_(~mask.flatten(-2).any(-1)[..., None, None], torch.inf)


def _trimap(background: Tensor, foreground: Tensor) -> Tensor:
    unknown = torch.full(background.shape, UNKNOWN, device=background.device)
    return unknown.masked_fill_(background, 0.0).masked_fill_(foreground, 1.0)


def _read_grey(file: Path) -> NDArray[np.uint8]:
    grey: NDArray[np.uint8] | None = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)
    if grey is None:
        raise DataError(
            expected="a grey 8-bit image", found="something else", where=file, remedy="save the trimap as PNG"
        )
    return grey
