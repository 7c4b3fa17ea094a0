"""Robust Video Matting's refiner: what was found at a small size, brought to the full one."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vmatte_pl.models.rvm.layers import convolution


class GuidedFilter(nn.Module):
    """A linear map from colour to residual at each pixel: found at the small size, applied at full size.

    Source: H. Wu et al., "Fast End-to-End Trainable Guided Filter", CVPR 2018.
    """

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.box_filter = nn.Conv2d(4, 4, 3, padding=1, groups=4, bias=False)
        self.conv = nn.Sequential(*convolution(4 + 4 + hidden, 16, 1), *convolution(16, 16, 1), nn.Conv2d(16, 4, 1))

    def forward(self, source: Tensor, small: Tensor, residual: Tensor, hidden: Tensor) -> Tensor:
        """Bring the residual to the size of the source.

        Shape:
            - source: (N, 3, H, W) RGB; small: (N, 3, h, w), the same smaller, or the very same tensor.
            - residual: (N, 4, h, w); hidden: (N, C, h, w), the features that it was projected from.
            - output: (N, 4, H, W).
        """
        colour = _with_grey(small)
        # All means at once, because convolutions of few channels leave most of a processor's lanes empty.
        means = torch.cat([colour, residual, colour * residual, colour.square()], 1)
        filters = self.box_filter.weight.repeat(4, 1, 1, 1)
        means = F.conv2d(means, filters, padding=1, groups=len(filters))
        mean_colour, mean_residual, mean_product, mean_square = means.chunk(4, 1)
        covariance = mean_product - mean_colour * mean_residual
        variance = mean_square - mean_colour.square()

        slope = torch.cat([covariance, variance, hidden], 1)
        for layer in self.conv:
            slope = _pixelwise(layer, slope) if isinstance(layer, nn.Conv2d) else layer(slope)
        offset = mean_residual - slope * mean_colour
        if source is not small:
            size = source.shape[-2:]
            slope = F.interpolate(slope, size, mode="bilinear", align_corners=False)
            offset = F.interpolate(offset, size, mode="bilinear", align_corners=False)
        return slope * _with_grey(source) + offset


def _pixelwise(convolution: nn.Conv2d, x: Tensor) -> Tensor:
    """Convolve with 1x1 filters as one product of matrices: faster for few channels."""
    weight = convolution.weight.flatten(1)
    return F.linear(x.movedim(1, -1), weight, convolution.bias).movedim(-1, 1)


def _with_grey(image: Tensor) -> Tensor:
    return torch.cat([image, image.mean(1, keepdim=True)], 1)
