"""From alphas to what is measured: the 256 levels of an 8-bit matte, checked."""

import torch
from torch import Tensor

from vmatte_pl.errors import VmatteError

_SLACK = 1e-3  # half of what would round to a level outside 0 to 255: resampling in half precision strays less


class UnfitAlphaError(VmatteError, ValueError):
    """An alpha, mask or colour that cannot be measured: wrong shape, type or range, or not a number."""


def levels(values: Tensor, name: str, channels: int = 1) -> Tensor:
    """Round values in [0, 1] to the levels 0 to 255 at which mattes are stored; levels pass as they are.

    Args:
        values: uint8 levels, or floats of any precision in [0, 1].
        name: What to call them in an error.
        channels: How many channels they must have.

    Shape:
        - values: (B, T, channels, H, W).
        - output: (B, T, channels, H, W) uint8.

    Raises:
        UnfitAlphaError: If the shape or type is another, a value is not finite or outside [0, 1].
    """
    if values.ndim != 5 or values.shape[2] != channels or values.numel() == 0:
        raise UnfitAlphaError(
            expected=f"the shape (B, T, {channels}, H, W)",
            found=str(tuple(values.shape)),
            where=f"`{name}`",
            remedy="pass whole clips, at least one pixel of each",
        )
    if values.dtype == torch.uint8:
        return values
    if not values.is_floating_point():
        raise UnfitAlphaError(
            expected="uint8 in [0, 255] or floats in [0, 1]",
            found=str(values.dtype),
            where=f"`{name}`",
            remedy="convert it",
        )
    values = values.detach()
    low, high = (bound.item() for bound in values.aminmax())  # either is NaN if any value is
    if not (low >= -_SLACK and high <= 1 + _SLACK):
        raise UnfitAlphaError(
            expected="values in [0, 1]",
            found=f"{low:.6g} to {high:.6g}",
            where=f"`{name}`",
            remedy="apply the sigmoid or clamp it; where it is nan, the network has diverged",
        )
    precise = values.double() if values.dtype == torch.float64 else values.float()
    return (precise * 255).round_().to(torch.uint8)


def levels_pair(pred: Tensor, true: Tensor, channels: int = 1) -> tuple[Tensor, Tensor]:
    """Give the levels of a prediction and its truth, which must have the same shape."""
    if pred.shape != true.shape:
        raise UnfitAlphaError(
            expected=f"the shape of `true`, {tuple(true.shape)}",
            found=str(tuple(pred.shape)),
            where="`pred`",
            remedy="resize the prediction to the truth",
        )
    return levels(pred, "pred", channels), levels(true, "true", channels)


def region(mask: Tensor | None, like: Tensor, name: str = "mask") -> Tensor | None:
    """Check the boolean mask of the pixels that count.

    Shape:
        - mask: (B, T, 1, H, W) bool, or None for the whole frame.
        - like: (B, T, C, H, W), the alphas or colours it belongs to.

    Raises:
        UnfitAlphaError: If its shape or type is another.
    """
    if mask is None:
        return None
    B, T, _, H, W = like.shape
    if mask.dtype != torch.bool or mask.shape != (B, T, 1, H, W):
        raise UnfitAlphaError(
            expected=f"bool of the shape {(B, T, 1, H, W)}",
            found=f"{mask.dtype} of {tuple(mask.shape)}",
            where=f"`{name}`",
            remedy="pass one mask a frame, as `unknown(trimap)` gives",
        )
    return mask
