"""The embedded backbone: a small trimap-free matting network of ours, one frame in, alpha out."""

from importlib.resources import files
from itertools import pairwise

import torch
import torch.nn.functional as F
from safetensors.torch import load
from torch import Tensor, nn

from vmatte_pl.models.base import MattingNetwork, State

WIDTHS = (16, 32, 48, 64)
"""Channels at strides 2, 4, 8 and 16 of the frame."""


class TinyMatte(MattingNetwork):
    """A U-Net of plain convolutions with a global context at its bottom; every frame by itself, without state.

    It predicts at half the frame's size, as fast networks do, and scales its logits up.

    Args:
        pretrained: Start from the weights that come with the package, trained on the built-in footage.

    Source: O. Ronneberger et al., "U-Net: Convolutional Networks for Biomedical Image Segmentation", 2015.
    """

    remembers = False

    def __init__(self, pretrained: bool = True) -> None:
        super().__init__()
        self.stem = _block(3, WIDTHS[0], stride=2)
        self.down = nn.ModuleList(_block(a, b, stride=2) for a, b in pairwise(WIDTHS))
        self.deep = _block(WIDTHS[-1], WIDTHS[-1], dilation=2)
        self.context = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(WIDTHS[-1], WIDTHS[-1], 1), nn.Hardsigmoid())
        self.up = nn.ModuleList(_block(b + a, a) for b, a in pairwise(WIDTHS[::-1]))
        self.head = nn.Conv2d(WIDTHS[0], 1, 1)
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1), persistent=False)
        if pretrained:
            weights = files("vmatte_pl.models").joinpath("tiny.safetensors").read_bytes()
            self.load_state_dict(load(weights))
        self.to(memory_format=torch.channels_last)

    mean: Tensor
    std: Tensor

    def forward(self, frames: Tensor, state: State = None) -> tuple[Tensor, State]:
        """Return the frames' alpha; the state is always None."""
        x = (frames.flatten(0, 1) - self.mean) / self.std
        H, W = x.shape[-2:]
        x = F.pad(x, (0, -W % 16, 0, -H % 16), mode="replicate")
        logits = self._logits(x.contiguous(memory_format=torch.channels_last))[..., :H, :W]
        return logits.float().sigmoid().unflatten(0, frames.shape[:2]), None

    def _logits(self, x: Tensor) -> Tensor:
        features = [self.stem(x)]
        for down in self.down:
            features.append(down(features[-1]))
        x = self.deep(features.pop())
        x = x * self.context(x)
        for up in self.up:
            skip = features.pop()
            x = up(torch.cat([F.interpolate(x, skip.shape[-2:], mode="bilinear"), skip], dim=1))
        return F.interpolate(self.head(x), scale_factor=2, mode="bilinear")


def _block(inputs: int, outputs: int, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    """Two 3x3 convolutions, each with batch normalisation and ReLU; the first one strides, the second dilates."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
        nn.Conv2d(outputs, outputs, 3, padding=dilation, dilation=dilation, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )
