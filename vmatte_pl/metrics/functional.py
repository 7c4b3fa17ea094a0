"""The measures of the field as functions: two mattes in, one value for each frame out.

Alphas are measured at the 256 levels at which mattes are stored, over the whole frame or over a ``mask``,
in the units of the VideoMatte240K benchmark [1]: MAD and MSE × 10³, SAD, GRAD and CONN ÷ 10³, dtSSD × 10².
Less is better, and 0 is a perfect matte.

Every function raises ``UnfitAlphaError`` for a wrong shape, type or range, and for values that are no
numbers. A frame of which the mask leaves nothing measures 0.

Sources:
    [1] S. Lin et al., "Robust High-Resolution Video Matting with Temporal Guidance", WACV 2022.
    [2] C. Rhemann et al., "A Perceptually Motivated Online Benchmark for Image Matting", CVPR 2009.
    [3] M. Erofeev et al., "Perceptually Motivated Benchmark for Video Matting", BMVC 2015.
"""

import torch
from torch import Tensor

from vmatte_pl.metrics.levels import levels, levels_pair, region
from vmatte_pl.metrics.measures import measure


def mad(pred: Tensor, true: Tensor, mask: Tensor | None = None) -> Tensor:
    """Mean absolute difference, × 10³.

    Shape:
        - pred, true: (B, T, 1, H, W), floats in [0, 1] or uint8.
        - mask: (B, T, 1, H, W) bool.
        - output: (B, T) float64.

    Example:
        >>> import torch
        >>> pred, true = torch.zeros(1, 2, 1, 4, 4), torch.ones(1, 2, 1, 4, 4)
        >>> mad(pred, true)
        tensor([[1000., 1000.]], dtype=torch.float64)
    """
    return _measure("mad", pred, true, mask)


def mse(pred: Tensor, true: Tensor, mask: Tensor | None = None) -> Tensor:
    """Mean squared difference, × 10³.

    Shape:
        - pred, true: (B, T, 1, H, W), floats in [0, 1] or uint8.
        - mask: (B, T, 1, H, W) bool.
        - output: (B, T) float64.

    Example:
        >>> import torch
        >>> pred, true = torch.full((1, 1, 1, 4, 4), 0.2), torch.zeros(1, 1, 1, 4, 4)
        >>> mse(pred, true)
        tensor([[40.]], dtype=torch.float64)
    """
    return _measure("mse", pred, true, mask)


def sad(pred: Tensor, true: Tensor, mask: Tensor | None = None) -> Tensor:
    """Sum of absolute differences, ÷ 10³.

    Shape:
        - pred, true: (B, T, 1, H, W), floats in [0, 1] or uint8.
        - mask: (B, T, 1, H, W) bool.
        - output: (B, T) float64.

    Example:
        >>> import torch
        >>> pred, true = torch.zeros(1, 1, 1, 50, 40), torch.ones(1, 1, 1, 50, 40)
        >>> sad(pred, true)
        tensor([[2.]], dtype=torch.float64)
    """
    return _measure("sad", pred, true, mask)


def grad(pred: Tensor, true: Tensor, mask: Tensor | None = None) -> Tensor:
    """Gradient error [2], ÷ 10³: the summed squared difference of the gradients' magnitudes.

    Each frame is stretched to [0, 1] by its own minimum and maximum, then convolved with the derivatives of
    a Gaussian of σ = 1.4 (9×9 taps of unit length, edges replicated). A constant frame has no gradient.

    Shape:
        - pred, true: (B, T, 1, H, W), floats in [0, 1] or uint8.
        - mask: (B, T, 1, H, W) bool; the gradients see beyond it.
        - output: (B, T) float64.

    Example:
        >>> import torch
        >>> pred = torch.zeros(1, 1, 1, 4, 4)
        >>> grad(pred, pred + 1)  # both are constant
        tensor([[0.]], dtype=torch.float64)
    """
    return _measure("grad", pred, true, mask)


def conn(pred: Tensor, true: Tensor, mask: Tensor | None = None) -> Tensor:
    """Connectivity error [2], ÷ 10³: the summed difference in how pixels hang together with the main body.

    At each threshold 0.1, 0.2, …, 1 the body is the largest 4-connected component where both alphas reach
    the threshold, of equally large ones the first in raster order; it is empty where there is none. A
    pixel's l is the last threshold before the one at which it first leaves the body. Alpha counts by
    φ = 1 - d where d = α - l is 0.15 or more, else by φ = 1.

    Shape:
        - pred, true: (B, T, 1, H, W), floats in [0, 1] or uint8.
        - mask: (B, T, 1, H, W) bool; the components see beyond it.
        - output: (B, T) float64.

    Example:
        >>> import torch
        >>> true = torch.ones(1, 1, 1, 40, 50)
        >>> conn(torch.where(torch.arange(50) < 5, 0, true), true)  # 200 pixels lost
        tensor([[0.2000]], dtype=torch.float64)
    """
    return _measure("conn", pred, true, mask)


def dtssd(pred: Tensor, true: Tensor, mask: Tensor | None = None, *, first: bool = False) -> Tensor:
    """Temporal flicker [3], × 10²: the root mean square of the difference between the two mattes' changes.

    Args:
        pred: The predicted alpha.
        true: The true alpha.
        mask: The pixels that count.
        first: Give the first frame, which has no change, the value 0, as the VideoMatte240K benchmark
            does; else leave it out.

    Shape:
        - pred, true: (B, T, 1, H, W), floats in [0, 1] or uint8; the frames of a clip in their order.
        - mask: (B, T, 1, H, W) bool.
        - output: (B, T - 1) float64, or (B, T) with ``first``.

    Example:
        >>> import torch
        >>> true = torch.zeros(1, 4, 1, 4, 4)
        >>> pred = torch.tensor([0.0, 0.2, 0.0, 0.0]).view(1, 4, 1, 1, 1).expand(true.shape)
        >>> dtssd(pred, true)
        tensor([[20., 20.,  0.]], dtype=torch.float64)
    """
    values = _measure("dtssd", pred, true, mask)
    return values if first else values[:, 1:]


def fgr_mad(pred: Tensor, true: Tensor, true_pha: Tensor, mask: Tensor | None = None) -> Tensor:
    """Mean absolute difference of the foreground's colour where the true alpha is above 0, × 10³.

    Shape:
        - pred, true: (B, T, 3, H, W) straight RGB, floats in [0, 1] or uint8.
        - true_pha: (B, T, 1, H, W), floats in [0, 1] or uint8.
        - mask: (B, T, 1, H, W) bool.
        - output: (B, T) float64.

    Example:
        >>> import torch
        >>> pred, true = torch.full((1, 1, 3, 4, 4), 0.2), torch.zeros(1, 1, 3, 4, 4)
        >>> fgr_mad(pred, true, torch.ones(1, 1, 1, 4, 4))
        tensor([[200.]], dtype=torch.float64)
    """
    p, t = levels_pair(pred, true, channels=3)
    return _over_foreground((p.short() - t).abs_(), true_pha, mask) / 255 * 1e3


def fgr_mse(pred: Tensor, true: Tensor, true_pha: Tensor, mask: Tensor | None = None) -> Tensor:
    """Mean squared difference of the foreground's colour where the true alpha is above 0, × 10³.

    Shape:
        - pred, true: (B, T, 3, H, W) straight RGB, floats in [0, 1] or uint8.
        - true_pha: (B, T, 1, H, W), floats in [0, 1] or uint8.
        - mask: (B, T, 1, H, W) bool.
        - output: (B, T) float64.

    Example:
        >>> import torch
        >>> pred, true = torch.full((1, 1, 3, 4, 4), 0.2), torch.zeros(1, 1, 3, 4, 4)
        >>> fgr_mse(pred, true, torch.ones(1, 1, 1, 4, 4))
        tensor([[40.]], dtype=torch.float64)
    """
    p, t = levels_pair(pred, true, channels=3)
    return _over_foreground((p.int() - t).square_(), true_pha, mask) / 255**2 * 1e3


def unknown(trimap: Tensor) -> Tensor:
    """Mark a trimap's unknown region, what is neither 0 nor 1: the ``mask`` of image matting's papers.

    Shape:
        - trimap: (B, T, 1, H, W), floats in [0, 1] or uint8.
        - output: (B, T, 1, H, W) bool.
    """
    stored = levels(trimap, "trimap")
    return (stored > 0) & (stored < 255)


def _measure(name: str, pred: Tensor, true: Tensor, mask: Tensor | None) -> Tensor:
    return measure(*levels_pair(pred, true), region(mask, pred), wanted=(name,))[name]


def _over_foreground(difference: Tensor, true_pha: Tensor, mask: Tensor | None) -> Tensor:
    """Take the mean over the foreground's pixels and their channels."""
    counted = levels(true_pha, "true_pha") > 0
    region(counted, difference, "true_pha")
    if mask is not None:
        region(mask, difference)
        counted &= mask
    count = counted.sum((-3, -2, -1)) * difference.shape[2]
    return (difference * counted).sum((-3, -2, -1), dtype=torch.int64).double() / count.clamp_min(1)
