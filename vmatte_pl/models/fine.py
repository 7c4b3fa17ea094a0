"""A small segmentation network that works at full size: what corrects hair and rims, and nothing larger."""

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class FineUnet(nn.Module):
    """A Unet of four levels whose first one has the picture's own size, where those of smp begin at half of it.

    A convolution costs most at full size, so that level is thin and has few of them. It starts from scratch.

    Args:
        channels: Of its input.
        width: Channels of its first level; the others have 2, 4 and 4 times as many.
        negative_slope: That of its leaky rectifiers. Of plain ones, with 0, a whole level may die and let nothing
            through any more: large steps that find little to learn drive it there, as in a second stage. Leaky ones
            learn more of what they see, and lose more on footage of another kind.

    Shape:
        - x: (N, C, H, W), H and W multiples of 8.
        - output: (N, 1, H, W), logits.
    """

    reach = 73
    """How many pixels away from a logit its input lies at most."""

    def __init__(self, channels: int, width: int = 16, negative_slope: float = 0.0) -> None:
        super().__init__()
        full, half, quarter, eighth = width, 2 * width, 4 * width, 4 * width
        conv = partial(_conv, negative_slope)
        self.encoder = nn.ModuleList(
            [
                nn.Sequential(*conv(channels, full), *conv(full, full)),
                nn.Sequential(*conv(full, half, stride=2), *conv(half, half), *conv(half, half)),
                nn.Sequential(*conv(half, quarter, stride=2), *conv(quarter, quarter), *conv(quarter, quarter)),
                nn.Sequential(
                    *conv(quarter, eighth, stride=2), *conv(eighth, eighth), *conv(eighth, eighth, dilation=2)
                ),
            ]
        )
        self.decoder = nn.ModuleList(
            [
                nn.Sequential(*conv(eighth + quarter, quarter), *conv(quarter, quarter)),
                nn.Sequential(*conv(quarter + half, half), *conv(half, half)),
                nn.Sequential(*conv(half + full, full)),
            ]
        )
        self.segmentation_head = nn.Conv2d(full, 1, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits."""
        seen = []
        for level in self.encoder:
            x = level(x)
            seen.append(x)
        seen.pop()
        for level in self.decoder:
            finer = seen.pop()
            x = level(torch.cat([F.interpolate(x, finer.shape[-2:], mode="bilinear"), finer], dim=1))
        logits: Tensor = self.segmentation_head(x)
        return logits


def _conv(slope: float, before: int, after: int, stride: int = 1, dilation: int = 1) -> list[nn.Module]:
    return [nn.Conv2d(before, after, 3, stride, padding=dilation, dilation=dilation), nn.LeakyReLU(slope, inplace=True)]
