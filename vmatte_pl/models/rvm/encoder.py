"""Robust Video Matting's encoder: features of four sizes, and their context."""

from typing import cast

from torch import Tensor, nn
from torchvision.models import mobilenet_v3_large

from vmatte_pl.models.images import imagenet_normalised
from vmatte_pl.models.rvm.layers import convolution, full_precision


class Backbone(nn.Module):
    """MobileNetV3-Large, dilated, so that its last map stays at a sixteenth."""

    def __init__(self) -> None:
        super().__init__()
        self.features = mobilenet_v3_large(dilated=True).features

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return 16, 24, 40 and 960 channels at a half, a quarter, an eighth and a sixteenth."""
        with full_precision(image):
            half = self.features[:2](imagenet_normalised(image))
            quarter = self.features[2:4](half)
            eighth = self.features[4:7](quarter)
        return half, quarter, eighth, self.features[7:](eighth)


class Context(nn.Module):
    """Features, gated by what the whole image shows."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        gate = nn.Conv2d(channels, out, 1, bias=False)
        self.aspp1 = nn.Sequential(*convolution(channels, out, 1))
        self.aspp2 = nn.Sequential(nn.AdaptiveAvgPool2d(1), gate, nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        """Return gated features of the same height and width."""
        return cast(Tensor, self.aspp1(x) * self.aspp2(x))
