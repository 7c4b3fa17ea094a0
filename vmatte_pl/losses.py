"""What a predicted alpha is trained against: short, pure, each in the units of alpha."""

import torch.nn.functional as F
from kornia.geometry.transform import pyrdown
from torch import Tensor, nn


def l1(pred: Tensor, true: Tensor) -> Tensor:
    """Return the mean absolute difference.

    Shape:
        - pred, true: (B, T, 1, H, W) in [0, 1].
        - output: ().
    """
    return F.l1_loss(pred, true)


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


class MattingLoss(nn.Module):
    """A weighted sum of the losses above; a weight of 0 leaves one out.

    The defaults are those of S. Lin et al., "Robust High-Resolution Video Matting with Temporal Guidance", 2021.

    Args:
        l1: Weight of ``l1``.
        laplacian: Weight of ``laplacian``.
        temporal: Weight of ``temporal``.
    """

    def __init__(self, l1: float = 1.0, laplacian: float = 1.0, temporal: float = 5.0) -> None:
        super().__init__()
        self.weights = {"l1": l1, "laplacian": laplacian, "temporal": temporal}

    def forward(self, pred: Tensor, true: Tensor) -> dict[str, Tensor]:
        """Return the weighted terms by name; the loss is their sum.

        Shape:
            - pred, true: (B, T, 1, H, W) in [0, 1], taken in float32.
            - output: () each.
        """
        functions = {"l1": l1, "laplacian": laplacian, "temporal": temporal}
        pred, true = pred.float(), true.float()
        return {name: w * functions[name](pred, true) for name, w in self.weights.items() if w}
