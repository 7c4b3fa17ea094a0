"""What colours a foreground and its background have near each pixel, as far as an alpha is sure of them."""

import torch
import torch.nn.functional as F
from torch import Tensor

CLUES = 10
"""How many channels ``colour_clues`` returns."""

_SURE = 0.05
_DOUBT = 0.1  # how much the colours of a coarser level count beside the known ones near a pixel
_LIKENESS = 0.01  # squared distance of two colours below which they say little of an alpha


def colour_clues(frames: Tensor, alpha: Tensor) -> Tensor:
    """Compare each pixel with the colours that foreground and background have near it.

    The same hair has another colour in every clip; that it is nearer to the head's colour than to the wall's, it has in
    all of them. What learns from that learns less of its training footage's own colours.

    The channels are the alpha for which a mixture of both colours comes nearest to the pixel's, the distance of the two
    colours, the pixel's distances from each, and its differences from each, in red, green and blue.

    Shape:
        - frames: (N, 3, H, W) RGB in [0, 1].
        - alpha: (N, 1, H, W) in [0, 1].
        - output: (N, 10, H, W), most of it within [-1, 1].

    Source: the mixture's alpha is that of Y.-Y. Chuang et al., "A Bayesian Approach to Digital Matting", 2001, with one
    colour each.
    """
    sure = torch.cat([_erode((alpha > 1 - _SURE).to(frames.dtype), 1), _erode((alpha < _SURE).to(frames.dtype), 2)])
    fgr, bgr = known_colours(frames.repeat(2, 1, 1, 1), sure).chunk(2)
    to_fgr, to_bgr, between = frames - fgr, frames - bgr, fgr - bgr
    square = between.square().sum(1, keepdim=True)
    mixture = (to_bgr * between).sum(1, keepdim=True) / (square + _LIKENESS)
    distances = (difference.square().sum(1, keepdim=True).sqrt() for difference in (between, to_fgr, to_bgr))
    return torch.cat([2 * mixture.clamp(-0.5, 1.5) - 1, *(2 * d for d in distances), 2 * to_fgr, 2 * to_bgr], dim=1)


def known_colours(frames: Tensor, known: Tensor) -> Tensor:
    """Carry colours on from where they are known: each pixel gets the mean of the known ones near it.

    Shape:
        - frames: (N, 3, H, W).
        - known: (N, 1, H, W), 1 or 0.
        - output: (N, 3, H, W); grey where nothing is known at all.

    Source: the pull-push of S. Gortler et al., "The Lumigraph", 1996.
    """
    H, W = frames.shape[-2:]
    levels = [torch.cat([frames * known, known], dim=1)]
    while max(levels[-1].shape[-2:]) > 1:
        levels.append(F.avg_pool2d(levels[-1], 2, ceil_mode=True, count_include_pad=False))
    colours = torch.full_like(levels[-1][:, :3], 0.5)
    for level in reversed(levels[1:] or levels):  # the finest one is as large as the frames, and says no more
        near = F.avg_pool2d(level, 5, 1, 2, count_include_pad=False)
        farther = F.interpolate(colours, level.shape[-2:], mode="bilinear")
        colours = (near[:, :3] + _DOUBT * farther) / (near[:, 3:] + _DOUBT)
    return F.interpolate(colours, (H, W), mode="bilinear")


def _erode(mask: Tensor, radius: int) -> Tensor:
    return -F.max_pool2d(-mask, 2 * radius + 1, 1, radius)
