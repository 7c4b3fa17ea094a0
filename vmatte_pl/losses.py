"""What a predicted alpha is trained against: short, pure, each in the units of alpha."""

import torch
import torch.nn.functional as F
from kornia.geometry.transform import pyrdown
from torch import Tensor, nn

from vmatte_pl.errors import ConfigError
from vmatte_pl.types import ClipBatch


def l1(pred: Tensor, true: Tensor, weight: Tensor | None = None) -> Tensor:
    """Return the mean absolute difference, of pixels weighted by ``weight``.

    Shape:
        - pred, true: (B, T, 1, H, W) in [0, 1].
        - weight: as ``pred``, not negative; all alike if None.
        - output: ().
    """
    return _mean((pred - true).abs(), weight)


def composition(pred: Tensor, batch: ClipBatch, weight: Tensor | None = None) -> Tensor:
    """Return the mean absolute difference of the frames from those composed anew with the predicted alpha.

    An error counts by how much the foreground differs from the background there: as much as it would be seen.

    Shape:
        - pred: (B, T, 1, H, W) in [0, 1].
        - weight: as ``pred``, not negative; all alike if None.
        - output: ().

    Raises:
        ConfigError: The batch has no backgrounds.

    Source: N. Xu et al., "Deep Image Matting", 2017.
    """
    if "bgr" not in batch:
        raise ConfigError(
            expected="clips that are composed in training, for the loss of the composition",
            found="clips that come composed, without their backgrounds",
            where="model.loss.composition",
            remedy="set it to 0, or pass --data.recompose true",
        )
    return _mean((torch.lerp(batch["bgr"], batch["fgr"], pred) - batch["com"]).abs(), weight)


def dice(pred: Tensor, true: Tensor) -> Tensor:
    """Return 1 - 2 Σ pred·true / (Σ pred² + Σ true²) of each window, averaged.

    With squares below the line the loss is 0 if and only if the alphas agree, also where they are soft; without them
    it would pull every alpha to 0 or 1. It weighs a small person like a large one; two empty windows agree.

    Shape:
        - pred, true: (B, T, 1, H, W) in [0, 1].
        - output: ().

    Source: F. Milletari et al., "V-Net: Fully Convolutional Neural Networks for Volumetric Medical Image
    Segmentation", 2016.
    """
    both = 2 * (pred * true).flatten(1).sum(1)
    each = (pred.square() + true.square()).flatten(1).sum(1)
    return (1 - (both + 1) / (each + 1)).mean()  # one pixel's worth keeps empty windows from dividing by 0


def laplacian(pred: Tensor, true: Tensor, levels: int = 5) -> Tensor:
    """Return the mean absolute difference of the Laplacian pyramids, level i weighted by 2^i / levels.

    The pyramid is linear, so it is built once, of the difference. Small pictures have fewer levels.

    Shape:
        - pred, true: (B, T, 1, H, W) in [0, 1].
        - output: ().

    Source: Q. Hou and F. Liu, "Context-Aware Image Matting for Simultaneous Foreground and Alpha Estimation", 2019.
    """
    error, total = (pred - true).flatten(0, 1), pred.new_zeros(())
    for level in range(levels):
        if min(error.shape[-2:]) < 4:  # too small for the 5x5 filter's border
            break
        coarse = pyrdown(error)
        detail = error - F.interpolate(coarse, error.shape[-2:], mode="bilinear")
        total = total + detail.abs().mean() * 2**level / levels
        error = coarse
    return total


def haar(pred: Tensor, true: Tensor, levels: int = 4) -> Tensor:
    """Return the mean absolute difference of the Haar pyramids, level i weighted by 2^i / levels.

    They hold what differs from the mean of 2, then of 4, 8, … pixels square. It is the Laplacian loss without overlap:
    what is wrong at one pixel is not spread over its neighbours. ``FineUnet`` learns more from it, in fewer steps.

    Shape:
        - pred, true: (B, T, 1, H, W) in [0, 1].
        - output: ().

    Source: the wavelet of A. Haar, "Zur Theorie der orthogonalen Funktionensysteme", 1910, in two dimensions.
    """
    error, total = (pred - true).flatten(0, 1), pred.new_zeros(())
    for level in range(levels):
        H, W = error.shape[-2:]
        means = F.avg_pool2d(error, 2, ceil_mode=True, count_include_pad=False)
        detail = error - F.interpolate(means, scale_factor=2)[..., :H, :W]
        total = total + detail.abs().mean() * 2**level / levels
        error = means
    return total


def cross_entropy(pred: Tensor, true: Tensor, margin: float = 0.05) -> Tensor:
    """Return how far the mean cross-entropy is from its least, with alphas drawn in by ``margin`` from 0 and 1.

    It is what moves an alpha that is wrong and sure of it. The distances above pull at every wrong pixel alike, so a
    correction that is right less than half of the time is not worth its cost to them, and they settle on none.

    Shape:
        - pred, true: (B, T, 1, H, W) in [0, 1].
        - output: ().
    """
    pred, true = (margin + (1 - 2 * margin) * alpha for alpha in (pred, true))
    return (true * (true / pred).log() + (1 - true) * ((1 - true) / (1 - pred)).log()).mean()


def harm(pred: Tensor, true: Tensor, before: Tensor) -> Tensor:
    """Return by how much an alpha is further from the truth than the one it corrects, averaged; nearer counts 0.

    Added to a distance, it asks for more than being right in half of the cases: where it is unsure, a correction
    learns to leave things as they are.

    Shape:
        - pred, true, before: (B, T, 1, H, W) in [0, 1].
        - output: ().
    """
    return F.relu((pred - true).abs() - (before - true).abs()).mean()


def temporal(pred: Tensor, true: Tensor) -> Tensor:
    """Return the mean squared difference of the changes from frame to frame; 0 for a single frame.

    Shape:
        - pred, true: (B, T, 1, H, W) in [0, 1].
        - output: ().

    Source: Y. Sun et al., "Deep Video Matting via Spatio-Temporal Alignment and Aggregation", 2021.
    """
    if pred.shape[1] < 2:
        return pred.new_zeros(())
    return F.mse_loss(pred.diff(dim=1), true.diff(dim=1))


def unknown_band(true: Tensor, radius: int = 5) -> Tensor:
    """Mark the pixels within ``radius`` of the true edge: where both less than 1 and more than 0 is near.

    Shape:
        - true: (B, T, 1, H, W) in [0, 1].
        - output: as ``true``, 1 within the band and 0 elsewhere.
    """
    alpha = true.flatten(0, 1)
    highest, lowest = (sign * F.max_pool2d(sign * alpha, 2 * radius + 1, 1, radius) for sign in (1, -1))
    half = 0.5 / 255  # of the step between two levels of eight bits
    return ((highest > half) & (lowest < 1 - half)).to(true.dtype).view_as(true)


class MattingLoss(nn.Module):
    """A weighted sum of the losses above; a weight of 0 leaves one out.

    The defaults are those of S. Lin et al., "Robust High-Resolution Video Matting with Temporal Guidance", 2021, with
    cross-entropy added.

    Args:
        l1: Weight of ``l1``.
        laplacian: Weight of ``laplacian``.
        haar: Weight of ``haar``.
        temporal: Weight of ``temporal``.
        cross_entropy: Weight of ``cross_entropy``.
        dice: Weight of ``dice``.
        composition: Weight of ``composition``.
        harm: Weight of ``harm``, where an alpha is corrected.
        unknown: How much a pixel of the unknown band counts in ``l1`` and ``composition``, where any other counts 1.

    Raises:
        ConfigError: All weights are 0.
    """

    def __init__(
        self,
        l1: float = 1.0,
        laplacian: float = 1.0,
        haar: float = 0.0,
        temporal: float = 5.0,
        cross_entropy: float = 1.0,
        dice: float = 0.0,
        composition: float = 0.0,
        harm: float = 0.0,
        unknown: float = 1.0,
    ) -> None:
        super().__init__()
        self.weights = {
            "l1": l1,
            "laplacian": laplacian,
            "haar": haar,
            "temporal": temporal,
            "cross_entropy": cross_entropy,
            "dice": dice,
            "composition": composition,
            "harm": harm,
        }
        if not any(self.weights.values()):
            raise ConfigError(
                expected="a loss with a weight other than 0",
                found="0 for all of its terms",
                where="model.loss",
                remedy="set one, such as --model.loss.l1 1",
            )
        self.unknown = unknown

    def forward(self, pred: Tensor, batch: ClipBatch, before: Tensor | None = None) -> dict[str, Tensor]:
        """Return the weighted terms by name; the loss is their sum.

        Shape:
            - pred: (B, T, 1, H, W) in [0, 1] for the batch's frames, taken in float32.
            - before: as ``pred``, the alpha that it corrects, if any.
            - output: () each.
        """
        with torch.autocast(pred.device.type, enabled=False):  # the pyramid's filters would run in half precision
            return self._terms(pred.float(), batch["pha"], batch, pred if before is None else before)

    def _terms(self, pred: Tensor, true: Tensor, batch: ClipBatch, before: Tensor) -> dict[str, Tensor]:
        weight = None if self.unknown == 1 else 1 + (self.unknown - 1) * unknown_band(true)
        functions = {
            "l1": lambda: l1(pred, true, weight),
            "laplacian": lambda: laplacian(pred, true),
            "haar": lambda: haar(pred, true),
            "temporal": lambda: temporal(pred, true),
            "cross_entropy": lambda: cross_entropy(pred, true),
            "dice": lambda: dice(pred, true),
            "composition": lambda: composition(pred, batch, weight),
            "harm": lambda: harm(pred, true, before),
        }
        return {name: w * functions[name]() for name, w in self.weights.items() if w}


def _mean(error: Tensor, weight: Tensor | None) -> Tensor:
    return error.mean() if weight is None else (error * weight).sum() / weight.expand_as(error).sum()
