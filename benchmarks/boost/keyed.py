"""Further people to train on: films before a cyan or blue screen, keyed into clips of VideoMatte240K's layout.

    python -m benchmarks.boost.keyed speakers/*.mpg --out more

Made for the GRID audiovisual corpus (M. Cooke et al., "An audio-visual corpus for speech perception and automatic
speech recognition", 2006): one person, head and shoulders, before a screen that is darker towards its corners. Look at
what comes out: what is of the screen's colour, or beside the screen, is not told from the person.
"""

import argparse
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from tqdm import tqdm

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]

FIRST, FRAMES = 12, 32
NOISE = 18  # levels by which compression and grain move a colour; a screen that is that grey hides finer hair


def main() -> None:
    """Key every film given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("films", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--bottom", type=int, default=0, help="rows to cut off below, where the screen ends")
    arguments = parser.parse_args()
    for film in tqdm(arguments.films, "keying"):
        folders = [arguments.out / layer / film.stem for layer in ("fgr", "pha")]
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
        for i, frame in enumerate(frames_of(film)):
            layers = key(frame[: len(frame) - arguments.bottom])
            for folder, layer in zip(folders, layers, strict=True):
                Image.fromarray(layer).save(folder / f"{i:05}.jpg", quality=95)


def frames_of(film: Path) -> Iterator[Array]:
    """Yield the frames that are taken of a film, (H, W, 3) in [0, 255]."""
    with av.open(film) as container:
        for frame in islice(container.decode(video=0), FIRST, FIRST + FRAMES):
            yield frame.to_ndarray(format="rgb24").astype(np.float32)


def key(frame: Array) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the foreground's straight colours, (H, W, 3), and the alpha, (H, W)."""
    screen, share = screen_of(frame)
    person = largest(ndimage.binary_erosion(share < 0.3, iterations=3))
    most = 1 - max(0.2, NOISE / float(np.median(tint(screen))))
    least = float(np.clip(np.percentile(share[person], 98), -0.5, 0.06))  # hair may be redder than grey
    alpha = np.clip((most - share) / (most - least), 0, 1)
    person = largest(ndimage.binary_erosion(share < least + 0.1, iterations=2))
    alpha[inside(person, share)] = 1
    alpha[cloth(share, most)] = 1
    labels, _ = ndimage.label(alpha > 0.05)
    alpha *= labels == labels[person][0]
    alpha = np.where(alpha > 0.97, 1, np.where(alpha < 0.03, 0, alpha))
    return to_bytes(colours(frame, screen, alpha)), to_bytes(alpha * 255)


def tint(colour: Array) -> Array:
    """Return how far a colour is on the screen's side of grey; where it is the screen's own, there is nobody."""
    return np.minimum(colour[..., 1], colour[..., 2]) - colour[..., 0]


def screen_of(frame: Array) -> tuple[Array, Array]:
    """Return the screen as it would be without anybody, and the share of its tint that each pixel has."""
    tints = tint(frame)
    seen = ndimage.binary_erosion(tints > 0.5 * np.percentile(tints, 80), iterations=4)
    for _ in range(3):
        screen = continued(frame, seen)
        share = tints / np.maximum(tint(screen), 8)
        seen = ndimage.binary_erosion((share > 0.85) & (share < 1.2), iterations=2)
    return screen, share


def continued(frame: Array, seen: Mask) -> Array:
    """Continue what is seen over the whole frame: a polynomial of degree 4, and nearby what it leaves over."""
    H, W = seen.shape
    y, x = np.mgrid[:H, :W] / [[[H]], [[W]]] - 0.5
    powers = np.stack([x**i * y**j for i in range(5) for j in range(5 - i)], axis=-1)
    smooth = powers @ np.linalg.lstsq(powers[seen], frame[seen], rcond=None)[0]
    weight = ndimage.gaussian_filter(seen.astype(np.float32), 12) + 1e-3
    left = ndimage.gaussian_filter((frame - smooth) * seen[..., None], (12, 12, 0))
    return np.asarray(smooth + left / weight[..., None], np.float32)


def inside(person: Mask, share: Array) -> Mask:
    """Mark what lies inside of the person and shows no screen, such as jewels and grey cloth."""
    holes, count = ndimage.label(ndimage.binary_fill_holes(person) & ~person)
    kept = [i for i in range(1, count + 1) if np.percentile(share[holes == i], 90) < 0.5]
    return person | np.isin(holes, kept)


def cloth(share: Array, most: float) -> Mask:
    """Mark what has a little of the screen's tint over many pixels, up from the lower edge: it is no hair."""
    somewhat = (share > 0.1) & (share < most - 0.1)
    labels, _ = ndimage.label(ndimage.binary_opening(somewhat, iterations=6))
    below = np.unique(labels[-10:])
    return np.asarray(ndimage.binary_dilation(np.isin(labels, below[below > 0]), iterations=3) & somewhat)


def largest(mask: Mask) -> Mask:
    """Keep the largest of the pieces."""
    labels, count = ndimage.label(mask)
    sizes = ndimage.sum_labels(mask, labels, range(1, count + 1))
    return np.asarray(labels == 1 + int(np.argmax(sizes)))


def colours(frame: Array, screen: Array, alpha: Array) -> Array:
    """Take the screen out of the colours; where little is left of them, continue those of the person."""
    sure = ndimage.binary_erosion(alpha > 0.98)
    own = (frame - (1 - alpha[..., None]) * screen) / np.maximum(alpha[..., None], 0.05)
    trust = np.clip((alpha - 0.3) / 0.6, 0, 1)[..., None]
    return trust * own + (1 - trust) * spread(frame, sure)


def spread(frame: Array, sure: Mask) -> Array:
    """Continue colours over the whole frame, from near where there is any and from afar elsewhere."""
    result, missing = np.zeros_like(frame), np.ones_like(sure)
    for sigma in (2, 4, 8):
        weight = ndimage.gaussian_filter(sure.astype(np.float32), sigma)[..., None]
        mean = ndimage.gaussian_filter(frame * sure[..., None], (sigma, sigma, 0)) / np.maximum(weight, 1e-9)
        near = missing & (weight[..., 0] > 0.02)
        result[near] = mean[near]
        missing &= ~near
    nearest = ndimage.distance_transform_edt(missing, return_distances=False, return_indices=True)
    return np.asarray(result[tuple(nearest)], np.float32)


def to_bytes(values: Array) -> NDArray[np.uint8]:
    """Round to 8 bits."""
    return np.asarray(values.clip(0, 255).round(), np.uint8)


if __name__ == "__main__":
    main()
