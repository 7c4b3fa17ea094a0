"""Robust Video Matting's decoder: recurrent at all but the full size."""

from collections.abc import Sequence
from typing import TypeAlias, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vmatte_pl.models.rvm.layers import convolution, halves

Memory: TypeAlias = tuple[Tensor, Tensor, Tensor, Tensor]
"""Recurrent features at a half, a quarter, an eighth and a sixteenth: 16, 20, 40 and 64 channels."""


class Decoder(nn.Module):
    """From a sixteenth to full size, with a memory at every size but the last."""

    def __init__(self) -> None:
        super().__init__()
        self.decode4 = _Remembering(128)
        self.decode3 = _Upsampling(128 + 40 + 3, 80)
        self.decode2 = _Upsampling(80 + 24 + 3, 40)
        self.decode1 = _Upsampling(40 + 16 + 3, 32)
        self.decode0 = _Output(32 + 3, 16)

    def forward(
        self, image: Tensor, features: Sequence[Tensor], memory: Memory | None, steps: int
    ) -> tuple[Tensor, Memory]:
        """Decode ``steps`` frames of B videos, (steps * B, C, h, w)."""
        f1, f2, f3, f4 = features
        s1 = _halved(image)
        s2 = _halved(s1)
        s3 = _halved(s2)
        r1, r2, r3, r4 = memory or (None, None, None, None)
        x, r4 = self.decode4(f4, r4, steps)
        x, r3 = self.decode3(_joined(x, f3, s3), r3, steps)
        x, r2 = self.decode2(_joined(x, f2, s2), r2, steps)
        x, r1 = self.decode1(_joined(x, f1, s1), r1, steps)
        return self.decode0(_joined(x, image)), (r1, r2, r3, r4)


class _Remembering(nn.Module):
    """Half of the channels pass, the other half goes through a recurrent unit."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gru = _ConvGRU(channels // 2)

    def forward(self, x: Tensor, memory: Tensor | None, steps: int) -> tuple[Tensor, Tensor]:
        passing, changing = halves(x)
        memories = []
        for step in changing.chunk(steps):
            memory = self.gru(step, torch.zeros_like(step) if memory is None else memory.to(step.dtype))
            memories.append(memory)
        return torch.cat([passing, torch.cat(memories)], 1), memories[-1]


class _Upsampling(_Remembering):
    """What is upsampled joins what encoder and image show there, and is remembered."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__(out)
        self.conv = nn.Sequential(*convolution(channels, out, 3))

    def forward(self, x: Tensor, memory: Tensor | None, steps: int) -> tuple[Tensor, Tensor]:
        return super().forward(self.conv(x), memory, steps)


class _ConvGRU(nn.Module):
    """One step of a gated recurrent unit with convolutions."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.ih = nn.Sequential(nn.Conv2d(2 * channels, 2 * channels, 3, padding=1), nn.Sigmoid())
        self.hh = nn.Sequential(nn.Conv2d(2 * channels, channels, 3, padding=1), nn.Tanh())

    def forward(self, x: Tensor, memory: Tensor) -> Tensor:
        reset, update = self.ih(torch.cat([x, memory], 1)).chunk(2, 1)
        candidate = self.hh(torch.cat([x, reset * memory], 1))
        return torch.lerp(memory, candidate, update)


class _Output(nn.Module):
    """The features from which the foreground's residual and alpha are projected."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(*convolution(channels, out, 3), *convolution(out, out, 3))

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.conv(x))


def _joined(x: Tensor, *others: Tensor) -> Tensor:
    """Bring ``x`` to twice its size, cut it to that of ``others``, and join all channels."""
    h, w = others[0].shape[-2:]
    x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)[..., :h, :w]
    return torch.cat([x, *(other.to(x.dtype) for other in others)], 1)


def _halved(image: Tensor) -> Tensor:
    return F.avg_pool2d(image, 2, ceil_mode=True, count_include_pad=False)
