"""The sums behind the measures in torch operations, on any device, all frames at once.

Every sum but the gradient's is an integer, so that no order of adding can change it.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

THRESHOLDS = 10
"""Connectivity looks at alpha >= 0.1, 0.2, ..., 1."""

_PIXELS = 2**23  # how many pixels the connectivity of one pass may hold: its scratch is 30 bytes each


def total(values: Tensor, mask: Tensor | None) -> Tensor:
    """Sum integers over the pixels of each frame, (B, T, H, W) -> (B, T) int64."""
    if mask is not None:
        values = values * mask
    return values.sum((-2, -1), dtype=torch.int64)


def absolute(pred: Tensor, true: Tensor, mask: Tensor | None) -> Tensor:
    """Sum ``|p - t|`` in levels."""
    return total((pred.short() - true).abs_(), mask)


def squared(pred: Tensor, true: Tensor, mask: Tensor | None) -> Tensor:
    """Sum ``(p - t)²`` in squared levels."""
    return total((pred.int() - true).square_(), mask)


def change(pred: Tensor, true: Tensor, mask: Tensor | None, before: Tensor | None) -> Tensor:
    """Sum ``((p - t) - (p' - t'))²`` with ' the frame before; ``before`` is p' - t' of the first frame."""
    error = pred.int() - true
    first = error[:, :1] if before is None else before[:, None].int()
    return total((error - torch.cat([first, error[:, :-1]], 1)).square_(), mask)


def gaussian_pair(sigma: float = 1.4, epsilon: float = 1e-2) -> tuple[list[float], list[float]]:
    """Sample a Gaussian, as far as it exceeds ``epsilon``, and its derivative, each of unit length."""
    half = math.ceil(sigma * math.sqrt(-2 * math.log(math.sqrt(2 * math.pi) * sigma * epsilon)))
    bell = [math.exp(-(x**2) / (2 * sigma**2)) for x in range(-half, half + 1)]
    slope = [-x * g for x, g in zip(range(-half, half + 1), bell, strict=True)]
    return tuple([v / math.hypot(*taps) for v in taps] for taps in (bell, slope))  # type: ignore[return-value]


def gradient(pred: Tensor, true: Tensor, mask: Tensor | None) -> Tensor:
    """Sum ``(|∇p| - |∇t|)²`` of alphas stretched to [0, 1]; a constant frame has no gradient.

    Shape:
        - pred, true: (B, T, H, W) uint8.
        - output: (B, T) float64.
    """
    difference = (_magnitude(pred.flatten(0, 1)) - _magnitude(true.flatten(0, 1))).square_()
    if mask is not None:
        difference *= mask.flatten(0, 1)
    return difference.sum((-2, -1)).view(pred.shape[:2])


def _magnitude(alpha: Tensor) -> Tensor:
    bell, slope = (torch.tensor(taps, dtype=torch.float64, device=alpha.device) for taps in gaussian_pair())
    half = len(bell) // 2
    # double precision: single would pass through TF32 on newer GPUs
    padded = functional.pad(alpha[:, None].double(), (half,) * 4, mode="replicate")
    along_x = functional.conv2d(functional.conv2d(padded, bell.view(1, 1, -1, 1)), slope.view(1, 1, 1, -1))
    along_y = functional.conv2d(functional.conv2d(padded, slope.view(1, 1, -1, 1)), bell.view(1, 1, 1, -1))
    low, high = alpha.flatten(1).amin(1), alpha.flatten(1).amax(1)
    # the stretch is linear, so it may follow the convolution
    stretch = torch.where(high > low, 1 / (high.double() - low).clamp_min(1), 0.0)
    return torch.hypot(along_x, along_y)[:, 0] * stretch[:, None, None]


def connectivity(pred: Tensor, true: Tensor, mask: Tensor | None) -> Tensor:
    """Sum ``|φ(p) - φ(t)|`` in units of 1/2550, which makes it an integer.

    Shape:
        - pred, true: (B, T, H, W) uint8.
        - output: (B, T) int64.
    """
    shared = torch.minimum(pred, true).flatten(0, 1)
    frames = max(1, _PIXELS // shared[0].numel())
    steps = torch.cat([connected(some) for some in torch.split(shared, frames)]).view(pred.shape)
    difference = (_lack(pred, steps) - _lack(true, steps)).abs_()
    return total(difference, mask)


def _lack(alpha: Tensor, steps: Tensor) -> Tensor:
    """1 - φ in units of 1/2550: how far alpha lies above its l, where that is 0.15 or more."""
    above = alpha.int() * 10 - steps.int() * 255
    return above * (above >= 383)


def connected(shared: Tensor) -> Tensor:
    """Find l, the last threshold up to which each pixel stays in the largest components, in tenths.

    Components at a threshold lie within components at the threshold below. So labels are found from the
    highest threshold down, each taking over those of the one above.

    Shape:
        - shared: (N, H, W) uint8, min(p, t).
        - output: (N, H, W) uint8 in 0 to 10.
    """
    N, H, W = shared.shape
    step = shared.int() * THRESHOLDS // 255  # alpha >= i / 10 exactly when step >= i
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
