"""How long the measures take, against the customary way of computing them: ``python benchmarks/metrics.py``.

The customary way is that of the VideoMatte240K benchmark's script: float32 alphas, gradients by two-dimensional
filters, the components of the whole frame at each of ten thresholds, all in OpenCV. It is written here anew, from
the definitions. All run on one thread, in turn; times are medians of processor time, so a shared machine will do.
"""

import argparse
import math
import time
from collections.abc import Callable, Sequence
from statistics import median

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from vmatte_pl.metrics import compiled, portable
from vmatte_pl.metrics.measures import measure

Levels = NDArray[np.uint8]
Alpha = NDArray[np.floating]
Clip = tuple[Levels, Levels]

SIZES = ((288, 512), (1080, 1920))
FRAMES = 5


def footage(height: int, width: int, noise: int) -> Clip:
    """A moving figure with soft, hairy edges, and a prediction of it; ``noise`` shakes the prediction's levels."""
    true = np.stack([matte(height, width, t, shift=0, softness=0.016) for t in range(FRAMES)])
    pred = np.stack([matte(height, width, t, shift=0.0015, softness=0.022) for t in range(FRAMES)])
    shaken = pred + np.random.default_rng(1).integers(-noise, noise + 1, pred.shape)
    return np.asarray(np.clip(shaken, 0, 255), np.uint8), true


def matte(height: int, width: int, t: int, shift: float, softness: float) -> Levels:
    """Head and shoulders with strands of hair, in units of the frame's height."""
    y, x = np.mgrid[:height, :width].astype(np.float32) / height
    x -= width / height / 2 + 0.01 * t + shift
    shoulders = (np.hypot((y - 1.05) / 0.55, x / 0.42) - 1) * 0.45
    head = (np.hypot((y - 0.33) / 0.17, x / 0.13) - 1) * 0.15
    coarse = np.random.default_rng(0).standard_normal((height // 6, width // 6)).astype(np.float32)
    strands = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC) * (y < 0.5)
    alpha = np.clip(0.5 - (np.minimum(shoulders, head) + 0.006 * strands) / softness, 0, 1)
    return np.asarray(np.rint(alpha**2 * (3 - 2 * alpha) * 255), np.uint8)


def customary(pred: Levels, true: Levels) -> NDArray[np.float64]:
    """MAD, MSE, GRAD, CONN and dtSSD of each frame."""
    rows, before = [], None
    for levels in zip(pred, true, strict=True):
        p, t = (frame.astype(np.float32) / 255 for frame in levels)
        last = (p, t) if before is None else before
        change = np.sqrt(np.mean(((p - last[0]) - (t - last[1])) ** 2))
        rows.append([np.abs(p - t).mean() * 1e3, ((p - t) ** 2).mean() * 1e3, grad(p, t), conn(p, t), change * 1e2])
        before = p, t
    return np.array(rows, np.float64)


def kernel() -> NDArray[np.float64]:
    """Make the 9x9 derivative of a Gaussian along x, of unit length."""
    x = np.arange(-4, 5)
    gauss = np.exp(-(x**2) / (2 * 1.4**2))
    across = np.outer(gauss, -x * gauss)
    return np.asarray(across / math.sqrt((across**2).sum()))


KERNEL = kernel()


def grad(pred: Alpha, true: Alpha) -> float:
    """Sum the squared difference of the gradients' lengths."""
    return float(((magnitude(pred) - magnitude(true)) ** 2).sum() / 1e3)


def magnitude(alpha: Alpha) -> Alpha:
    """Stretch alpha to [0, 1] and take its gradient's length."""
    stretched = cv2.normalize(alpha, None, 1.0, 0.0, cv2.NORM_MINMAX)
    along_x, along_y = (cv2.filter2D(stretched, -1, k, borderType=cv2.BORDER_REPLICATE) for k in (KERNEL, KERNEL.T))
    return np.asarray(np.sqrt(along_x**2 + along_y**2))


def conn(pred: Alpha, true: Alpha) -> float:
    """Look for the largest component at each threshold."""
    last = np.full_like(true, -1)
    for i in range(1, 11):
        both = ((pred >= i / 10) & (true >= i / 10)).astype(np.uint8)
        _, labels, stats, _ = cv2.connectedComponentsWithStats(both, connectivity=4)
        areas = stats[1:, cv2.CC_STAT_AREA]
        body = labels == 1 + areas.argmax() if len(areas) else np.zeros(both.shape, bool)
        last[(last == -1) & ~body] = (i - 1) / 10
    last[last == -1] = 1
    above = [alpha - last for alpha in (pred, true)]
    phi = [1 - d * (d >= 0.15) for d in above]
    return float(np.abs(phi[0] - phi[1]).sum() / 1e3)


def ours(pred: Levels, true: Levels) -> NDArray[np.float64]:
    """The same five, and SAD."""
    found = measure(*(torch.from_numpy(clip)[None, :, None] for clip in (pred, true)))
    return torch.stack([found[name][0] for name in ("mad", "mse", "grad", "conn", "dtssd")], 1).numpy()


def without_numba(pred: Levels, true: Levels) -> None:
    """Compute all sums as where numba cannot be had."""
    error = np.zeros(pred.shape[1:], np.int16)
    for p, t in zip(pred, true, strict=True):
        portable.errors(p, t, error)
        portable.gradient(p, t)
        portable.connectivity(p, t)


def each_frame(function: Callable[[Levels, Levels], object]) -> Callable[[Levels, Levels], None]:
    """Turn a function of frames into one of clips."""

    def run(pred: Levels, true: Levels) -> None:
        for p, t in zip(pred, true, strict=True):
            function(p, t)

    return run


def of_alphas(function: Callable[[Alpha, Alpha], object]) -> Callable[[Levels, Levels], None]:
    """Turn a function of alphas into one of clips of levels."""
    return each_frame(lambda p, t: function(p.astype(np.float32) / 255, t.astype(np.float32) / 255))


CANDIDATES: dict[str, tuple[Callable[[Levels, Levels], object], ...]] = {
    "grad": (of_alphas(grad), each_frame(portable.gradient), each_frame(compiled.gradient)),
    "conn": (of_alphas(conn), each_frame(portable.connectivity), each_frame(compiled.connectivity)),
    "suite": (customary, without_numba, ours),
}


def medians(functions: Sequence[Callable[[Levels, Levels], object]], clip: Clip, rounds: int) -> list[float]:
    """Milliseconds a frame, each function once in every round."""
    times: list[list[float]] = [[] for _ in functions]
    for _ in range(rounds):
        for function, taken in zip(functions, times, strict=True):
            start = time.thread_time()
            function(*clip)
            taken.append((time.thread_time() - start) / FRAMES * 1e3)
    return [median(taken) for taken in times]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    start = time.process_time()
    ours(*footage(32, 32, 0))
    print(f"first use, with compiling or reading what was compiled: {time.process_time() - start:.1f} s\n")
    print("| ms a frame, one core | | customary | without numba | vmatte | ratio |\n|---|---|---|---|---|---|")
    for height, width in SIZES:
        for noise in (0, 2):
            clip = footage(height, width, noise)
            np.testing.assert_allclose(ours(*clip), customary(*clip), rtol=1e-4)
            for name, functions in CANDIDATES.items():
                slow, plain, fast = medians(functions, clip, rounds)
                label = f"{width}x{height}, {f'±{noise} levels of noise' if noise else 'clean'}"
                print(f"| {label} | {name} | {slow:.2f} | {plain:.2f} | {fast:.2f} | {slow / fast:.1f} |", flush=True)


if __name__ == "__main__":
    main()
