"""What the parts of Robust Video Matting are built of."""

import torch
from torch import Tensor, nn


def convolution(channels: int, out: int, size: int) -> tuple[nn.Module, ...]:
    """Return a convolution that keeps the size, its batch norm and a ReLU."""
    convolution = nn.Conv2d(channels, out, size, padding=size // 2, bias=False)
    return convolution, nn.BatchNorm2d(out), nn.ReLU(inplace=True)


def full_precision(x: Tensor) -> torch.autocast:
    """Leave autocast, for what rounding to 16 bits would hurt."""
    return torch.autocast(x.device.type, enabled=False)


def laid_out(x: Tensor) -> Tensor:
    """Bring to channels-last, for which CPUs and CUDA have the faster convolutions; MPS has none for it."""
    return x.contiguous(memory_format=torch.contiguous_format if x.device.type == "mps" else torch.channels_last)


def halves(x: Tensor) -> tuple[Tensor, Tensor]:
    """Split the channels in two; as views, ``torch.cat`` would join them channels-first."""
    first, second = x.chunk(2, 1)
    return laid_out(first), laid_out(second)
