"""All measures of a batch of frames in one go: what two of them need is computed once."""

from collections.abc import Callable, Collection
from functools import cache
from types import ModuleType
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from vmatte_pl.metrics import dense, portable

_Value: TypeAlias = Callable[[Tensor, Tensor], Tensor]

_VALUES: dict[str, tuple[str, _Value]] = {
    "mad": ("absolute", lambda total, pixels: total / 255 / pixels * 1e3),
    "mse": ("squared", lambda total, pixels: total / 255**2 / pixels * 1e3),
    "sad": ("absolute", lambda total, _: total / 255 / 1e3),
    "grad": ("gradient", lambda total, _: total / 1e3),
    "conn": ("connectivity", lambda total, _: total / 2550 / 1e3),
    "dtssd": ("change", lambda total, pixels: (total / 255**2 / pixels).sqrt() * 1e2),
}
"""Of which sum over a frame each measure is made, and how."""

MEASURES = tuple(_VALUES)
"""Every measure of an alpha, in the order in which tables show them."""


def measure(
    pred: Tensor,
    true: Tensor,
    mask: Tensor | None = None,
    before: Tensor | None = None,
    wanted: Collection[str] = MEASURES,
) -> dict[str, Tensor]:
    """Measure each frame, in the units of the VideoMatte240K benchmark (see ``functional``).

    On CUDA it is computed there, all frames at once; elsewhere on the processor, frame by frame.

    Args:
        pred: The levels of the predicted alpha.
        true: The levels of the true alpha.
        mask: The pixels that count; all if None.
        before: pred - true of the frame before each clip's first; without it ``dtssd`` is 0 there.
        wanted: Which measures.

    Shape:
        - pred, true: (B, T, 1, H, W) uint8.
        - mask: (B, T, 1, H, W) bool.
        - before: (B, H, W) int16.
        - each output: (B, T) float64, on CUDA if ``pred`` is there, else on the processor.
    """
    p, t = pred.squeeze(2), true.squeeze(2)
    m = None if mask is None else mask.squeeze(2)
    needed = {_VALUES[name][0] for name in wanted}
    sums = dense.sums(p, t, m, before, needed) if pred.is_cuda else _sums(p, t, m, before, needed)
    some = next(iter(sums.values()))
    pixels = (
        torch.full_like(some, p[0, 0].numel()) if m is None else m.sum((-2, -1)).clamp_min(1).to(some.device).double()
    )
    return {name: value(sums[total], pixels) for name in wanted for total, value in [_VALUES[name]]}


def _sums(
    pred: Tensor, true: Tensor, mask: Tensor | None, before: Tensor | None, needed: set[str]
) -> dict[str, Tensor]:
    """Sum over the pixels of each frame, (B, T, H, W) -> (B, T) float64."""
    backend = _compiled() if mask is None else portable
    arrays = [x.cpu().contiguous().numpy() for x in (pred, true, mask) if x is not None]
    found = {name: np.empty(pred.shape[:2]) for name in needed}
    for b, clip in enumerate(zip(*arrays, strict=True)):
        error = np.zeros(pred.shape[2:], np.int16) if before is None else before[b].cpu().numpy().copy()
        for t, frame in enumerate(zip(*clip, strict=True)):
            sums = backend.errors(frame[0], frame[1], error, *frame[2:])
            if "gradient" in needed:
                sums["gradient"] = backend.gradient(*frame)
            if "connectivity" in needed:
                sums["connectivity"] = backend.connectivity(*frame)
            for name in needed:
                found[name][b, t] = sums[name]
    if "change" in needed and before is None:
        found["change"][:, 0] = 0
    return {name: torch.from_numpy(values) for name, values in found.items()}


@cache
def _compiled() -> ModuleType:
    """Load what numba compiles only when something is measured, for it takes a while."""
    try:
        from vmatte_pl.metrics import compiled
    except ImportError:
        return portable
    return compiled
