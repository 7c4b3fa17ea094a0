"""The sums behind the measures in torch operations, all frames at once: for CUDA, though they run anywhere.

Every sum but the gradient's is an integer, so that no order of adding can change it.
"""

import torch
from torch import Tensor
from torch.nn import functional

from vmatte_pl.metrics.definitions import BELL, CONNECTED, HALF, SLOPE, THRESHOLDS

_PIXELS = 2**23  # how many pixels one pass may hold: its scratch is 100 bytes each


def sums(pred: Tensor, true: Tensor, mask: Tensor | None, before: Tensor | None, needed: set[str]) -> dict[str, Tensor]:
    """Sum over the pixels of each frame.

    Args:
        pred: The levels of the predicted alpha.
        true: The levels of the true alpha.
        mask: The pixels that count; all if None.
        before: pred - true of the frame before each clip's first; without it there is no change.
        needed: Any of ``"absolute"``, ``"squared"``, ``"change"``, ``"gradient"``, ``"connectivity"``.

    Shape:
        - pred, true: (B, T, H, W) uint8.
        - mask: (B, T, H, W) bool.
        - before: (B, H, W) int16.
        - each output: (B, T) float64.
    """
    found = {}
    error = pred.int() - true
    if "absolute" in needed:
        found["absolute"] = _total(error.abs(), mask)
    if "squared" in needed:
        found["squared"] = _total(error.square(), mask)
    if "change" in needed:
        first = error[:, :1] if before is None else before[:, None].int()
        found["change"] = _total((error - torch.cat([first, error[:, :-1]], 1)).square_(), mask)
    if "gradient" in needed:
        found["gradient"] = _total(_gradient(pred, true), mask)
    if "connectivity" in needed:
        found["connectivity"] = _total(_connectivity(pred, true), mask)
    return found


def _total(values: Tensor, mask: Tensor | None) -> Tensor:
    """Sum over pixels; integers exactly."""
    if mask is not None:
        values = values * mask
    return values.sum((-2, -1)).double()


def _split(alpha: Tensor) -> tuple[Tensor, ...]:
    """(B, T, H, W) -> groups (N, H, W) of as many frames as one pass may hold."""
    frames = alpha.flatten(0, 1)
    return torch.split(frames, max(1, _PIXELS // frames[0].numel()))


def _gradient(pred: Tensor, true: Tensor) -> Tensor:
    """``(|∇p| - |∇t|)²`` of alphas stretched to [0, 1]; a constant frame has no gradient."""
    pairs = zip(_split(pred), _split(true), strict=True)
    return torch.cat([(_magnitude(p) - _magnitude(t)).square_() for p, t in pairs]).view(pred.shape)


def _magnitude(alpha: Tensor) -> Tensor:
    # in double precision, as single would pass through TF32 on newer GPUs
    bell, slope = (torch.tensor(taps, dtype=torch.float64, device=alpha.device) for taps in (BELL, SLOPE))
    framed = functional.pad(alpha[:, None].double(), (HALF,) * 4, mode="replicate")
    along_x, along_y = (
        functional.conv2d(functional.conv2d(framed, down.view(1, 1, -1, 1)), across.view(1, 1, 1, -1))
        for across, down in ((slope, bell), (bell, slope))
    )
    low, high = alpha.flatten(1).aminmax(dim=1)
    # the stretch is linear, so it may follow the convolution
    return torch.hypot(along_x, along_y)[:, 0] / (high - low).clamp_min(1)[:, None, None]


def _connectivity(pred: Tensor, true: Tensor) -> Tensor:
    """``|φ(p) - φ(t)|`` in units of 1/2550."""
    steps = torch.cat([_connected(shared) for shared in _split(torch.minimum(pred, true))]).view(pred.shape)
    return (_unconnected(pred, steps) - _unconnected(true, steps)).abs_()


def _unconnected(alpha: Tensor, steps: Tensor) -> Tensor:
    """1 - φ in units of 1/2550: what alpha lies above its l, where that counts."""
    above = alpha.int() * 10 - steps.int() * 255
    return above * (above >= CONNECTED)


def _connected(shared: Tensor) -> Tensor:
    """Count the thresholds up to which each pixel stays in the largest components.

    Components at a threshold lie within components at the threshold below. So labels are found from the highest
    threshold down, each taking over those of the one above.

    Shape:
        - shared: (N, H, W) uint8, min(p, t).
        - output: (N, H, W) uint8 in 0 to 10.
    """
    N, H, W = shared.shape
    step = shared.int() * THRESHOLDS // 255
    label = torch.arange(N * H * W, device=shared.device).view(N, H, W)
    across = _edges(step[:, :, :-1], step[:, :, 1:], label[:, :, :-1], label[:, :, 1:])
    down = _edges(step[:, :-1], step[:, 1:], label[:, :-1], label[:, 1:])
    joins, one, other = (torch.cat(pair) for pair in zip(across, down, strict=True))
    label = label.flatten()
    largest = []
    for i in range(THRESHOLDS, 0, -1):
        label = _unite(label, one[joins == i], other[joins == i])
        largest.append(_largest(label.view(N, -1), (step >= i).view(N, -1)))
    stays = torch.stack(largest[::-1]).cumprod(0, dtype=torch.uint8)
    return stays.sum(0, dtype=torch.uint8).view(N, H, W)


def _edges(step_a: Tensor, step_b: Tensor, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """List neighbours: the highest threshold at which both exist, and the two pixels."""
    joins = torch.minimum(step_a, step_b)
    kept = joins > 0
    return joins[kept], a[kept], b[kept]


def _unite(label: Tensor, one: Tensor, other: Tensor) -> Tensor:
    """Join the components of each pair of pixels; a component's label is the first of its pixels."""
    while True:
        a, b = label[one], label[other]
        open_ = a != b
        if not open_.any():
            return label
        one, other, a, b = one[open_], other[open_], a[open_], b[open_]
        label = label.scatter_reduce(0, torch.maximum(a, b), torch.minimum(a, b), "amin")
        while True:  # every pixel points at its root again
            root = label[label]
            if torch.equal(root, label):
                break
            label = root


def _largest(label: Tensor, active: Tensor) -> Tensor:
    """Mark each frame's largest component of active pixels, of equal ones the first in raster order."""
    N, pixels = label.shape
    area = torch.zeros(N * pixels, dtype=torch.int64, device=label.device)
    area.scatter_add_(0, label.flatten(), active.flatten().long())
    rank = area.view(N, pixels) * pixels - torch.arange(pixels, device=label.device)
    root = rank.argmax(1, keepdim=True) + pixels * torch.arange(N, device=label.device)[:, None]
    return (label == root) & active
