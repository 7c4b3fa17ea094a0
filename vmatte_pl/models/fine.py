"""A small segmentation network that works at full size: what corrects hair and rims, and nothing larger."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class FineUnet(nn.Module):
    """A Unet of four levels whose first one has the picture's own size, where those of smp begin at half of it.

    A convolution costs most at full size, so that level is thin and has few of them. It starts from scratch.

    Args:
        channels: Of its input.
        width: Channels of its first level; the others have 2, 4 and 4 times as many.

    Shape:
        - x: (N, C, H, W), H and W multiples of 8.
        - output: (N, 1, H, W), logits.
    """

    def __init__(self, channels: int, width: int = 16) -> None:
        super().__init__()
        full, half, quarter, eighth = width, 2 * width, 4 * width, 4 * width
        self.encoder = nn.ModuleList(
            [
                nn.Sequential(*_conv(channels, full), *_conv(full, full)),
                nn.Sequential(*_conv(full, half, stride=2), *_conv(half, half), *_conv(half, half)),
                nn.Sequential(*_conv(half, quarter, stride=2), *_conv(quarter, quarter), *_conv(quarter, quarter)),
                nn.Sequential(
                    *_conv(quarter, eighth, stride=2), *_conv(eighth, eighth), *_conv(eighth, eighth, dilation=2)
                ),
            ]
        )
        self.decoder = nn.ModuleList(
            [
                nn.Sequential(*_conv(eighth + quarter, quarter), *_conv(quarter, quarter)),
                nn.Sequential(*_conv(quarter + half, half), *_conv(half, half)),
                nn.Sequential(*_conv(half + full, full)),
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


def _conv(before: int, after: int, stride: int = 1, dilation: int = 1) -> list[nn.Module]:
    return [nn.Conv2d(before, after, 3, stride, padding=dilation, dilation=dilation), nn.ReLU(inplace=True)]
