"""Robust Video Matting: recurrent, and in need of neither a trimap nor a picture of the background."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self, TypeAlias, cast

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor, nn
from torchvision.models import mobilenet_v3_large

from vmatte_pl.errors import ConfigError
from vmatte_pl.models.base import MattingNetwork, State
from vmatte_pl.models.checkpoints import load_official, read_weights
from vmatte_pl.models.images import imagenet_normalised
from vmatte_pl.models.rvm_onnx import read_onnx_weights

Memory: TypeAlias = tuple[Tensor, Tensor, Tensor, Tensor]
"""Recurrent features at a half, a quarter, an eighth and a sixteenth: 16, 20, 40 and 64 channels."""


class RVM(MattingNetwork):
    """Robust Video Matting with its MobileNetV3 backbone and deep guided filter.

    It is made for autocast to 16 bits: what is sensitive to rounding (the shallow layers, on which hair
    depends, the last layer and the guided filter) keeps the frames' own precision.

    Args:
        weights: Path of the official ``rvm_mobilenetv3.pth``, or of the official float32 ONNX file, which
            holds the same weights. Both are licensed under the GPL-3.0.
        downsample_ratio: At which part of the frames' size the network looks at them; the guided filter then
            brings the alphas to full size. None: so that the longer side has at most 512 pixels.
        refine: Whether the guided filter is used. None, as in the official code: where the frames were
            downsampled. The official ONNX file always uses it.

    Shape:
        - frames: (B, T, 3, H, W) RGB in [0, 1].
        - alpha: (B, T, 1, H, W) in [0, 1].
        - state: what the network remembers after the last frame, see ``Memory``.

    Source: S. Lin et al., "Robust High-Resolution Video Matting with Temporal Guidance", WACV 2022.
    """

    def __init__(
        self, weights: str | None = None, downsample_ratio: float | None = None, refine: bool | None = None
    ) -> None:
        super().__init__()
        if downsample_ratio is not None and not 0 < downsample_ratio <= 1:
            raise ConfigError(
                expected="a downsample_ratio above 0 and up to 1, or null",
                found=str(downsample_ratio),
                where="RVM",
                remedy="0.25 suits Full HD and 0.125 4K; null chooses by the size of the frames",
            )
        self.source = weights or "RVM"
        self.downsample_ratio, self.refine = downsample_ratio, refine
        self.backbone = _Backbone()
        self.aspp = _Context(960, 128)
        self.decoder = _Decoder()
        self.project_mat = _Projection(16, 4)
        self.project_seg = _Projection(16, 1)  # its authors train it on segmentation; no alpha needs it
        self.refiner = _GuidedFilter(16)
        if weights is not None:
            onnx = Path(weights).suffix == ".onnx"
            load_official(self, read_onnx_weights(self, weights) if onnx else read_weights(weights), weights)

    @classmethod
    def from_official(
        cls,
        state_dict: Mapping[str, Tensor],
        downsample_ratio: float | None = None,
        refine: bool | None = None,
    ) -> Self:
        """Build the network with the tensors of the official file; ``CheckpointError`` if they do not fit."""
        network = cls(downsample_ratio=downsample_ratio, refine=refine)
        load_official(network, state_dict)
        return network

    def forward(self, frames: Tensor, state: State = None) -> tuple[Tensor, State]:
        """Return the frames' alpha and what the network remembers."""
        residual, state = self._residual(frames, state)
        return residual[:, :, 3:].clamp(0, 1), state

    def layers(self, frames: Tensor, state: Memory | None = None) -> tuple[Tensor, Tensor, Memory]:
        """Return alpha, the foreground's straight colour, and what the network remembers.

        Shape:
            - frames: (B, T, 3, H, W) RGB in [0, 1].
            - alpha, fgr: (B, T, 1 or 3, H, W) in [0, 1].
        """
        residual, state = self._residual(frames, state)
        return residual[:, :, 3:].clamp(0, 1), (frames + residual[:, :, :3]).clamp(0, 1), state

    def _residual(self, frames: Tensor, memory: Memory | None) -> tuple[Tensor, Memory]:
        """Return what the foreground adds to the frames and alpha, (B, T, 3 + 1, H, W), not yet clamped."""
        b, t = frames.shape[:2]
        # Time first, so that every time step is one piece of memory and keeps its layout.
        source = _laid_out(frames.transpose(0, 1).flatten(0, 1))
        ratio = self.downsample_ratio or min(512 / max(frames.shape[-2:]), 1)
        small = source
        if ratio != 1:
            small = F.interpolate(source, scale_factor=ratio, mode="bilinear", align_corners=False)

        *skips, deepest = self.backbone(small)
        hidden, memory = self.decoder(small, (*skips, self.aspp(deepest)), memory, t)
        with _full_precision(source):
            hidden = hidden.to(source.dtype)
            residual = self.project_mat(hidden)
            if self.refine or (self.refine is None and ratio != 1):
                residual = self.refiner(source, small, residual, hidden)
        return torch.unflatten(residual, 0, (t, b)).transpose(0, 1), memory


class _Backbone(nn.Module):
    """MobileNetV3-Large, dilated, so that its last map stays at a sixteenth."""

    def __init__(self) -> None:
        super().__init__()
        self.features = mobilenet_v3_large(dilated=True).features

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return 16, 24, 40 and 960 channels at a half, a quarter, an eighth and a sixteenth."""
        with _full_precision(image):
            half = self.features[:2](imagenet_normalised(image))
            quarter = self.features[2:4](half)
            eighth = self.features[4:7](quarter)
        return half, quarter, eighth, self.features[7:](eighth)


class _Context(nn.Module):
    """Features, gated by what the whole image shows."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        gate = nn.Conv2d(channels, out, 1, bias=False)
        self.aspp1 = nn.Sequential(*_convolution(channels, out, 1))
        self.aspp2 = nn.Sequential(nn.AdaptiveAvgPool2d(1), gate, nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.aspp1(x) * self.aspp2(x))


class _Decoder(nn.Module):
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
        passing, changing = _halves(x)
        memories = []
        for step in changing.chunk(steps):
            memory = self.gru(step, torch.zeros_like(step) if memory is None else memory.to(step.dtype))
            memories.append(memory)
        return torch.cat([passing, torch.cat(memories)], 1), memories[-1]


class _Upsampling(_Remembering):
    """What is upsampled joins what encoder and image show there, and is remembered."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__(out)
        self.conv = nn.Sequential(*_convolution(channels, out, 3))

    def forward(self, x: Tensor, memory: Tensor | None, steps: int) -> tuple[Tensor, Tensor]:
        return super().forward(self.conv(x), memory, steps)


class _ConvGRU(nn.Module):
    """One step of a gated recurrent unit with convolutions."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.ih = nn.Sequential(nn.Conv2d(2 * channels, 2 * channels, 3, padding=1), nn.Sigmoid())
        self.hh = nn.Sequential(nn.Conv2d(2 * channels, channels, 3, padding=1), nn.Tanh())

    def forward(self, x: Tensor, memory: Tensor) -> Tensor:
        reset, update = _halves(self.ih(torch.cat([x, memory], 1)))
        candidate = self.hh(torch.cat([x, reset * memory], 1))
        return torch.lerp(memory, candidate, update)


class _Output(nn.Module):
    """The features from which the foreground's residual and alpha are projected."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(*_convolution(channels, out, 3), *_convolution(out, out, 3))

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.conv(x))


class _Projection(nn.Module):
    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, out, 1)

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.conv(x))


class _GuidedFilter(nn.Module):
    """A linear map from colour to residual at each pixel: found at the small size, applied at full size.

    Source: H. Wu et al., "Fast End-to-End Trainable Guided Filter", CVPR 2018.
    """

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.box_filter = nn.Conv2d(4, 4, 3, padding=1, groups=4, bias=False)
        self.conv = nn.Sequential(
            *_convolution(4 + 4 + hidden, 16, 1), *_convolution(16, 16, 1), nn.Conv2d(16, 4, 1)
        )

    def forward(self, source: Tensor, small: Tensor, residual: Tensor, hidden: Tensor) -> Tensor:
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


def _convolution(channels: int, out: int, size: int) -> tuple[nn.Module, ...]:
    convolution = nn.Conv2d(channels, out, size, padding=size // 2, bias=False)
    return convolution, nn.BatchNorm2d(out), nn.ReLU(inplace=True)


def _joined(x: Tensor, *others: Tensor) -> Tensor:
    """Bring ``x`` to twice its size, cut it to that of ``others``, and join all channels."""
    h, w = others[0].shape[-2:]
    x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)[..., :h, :w]
    return torch.cat([x, *(other.to(x.dtype) for other in others)], 1)


def _halved(image: Tensor) -> Tensor:
    return F.avg_pool2d(image, 2, ceil_mode=True, count_include_pad=False)


def _with_grey(image: Tensor) -> Tensor:
    return torch.cat([image, image.mean(1, keepdim=True)], 1)


def _full_precision(x: Tensor) -> torch.autocast:
    return torch.autocast(x.device.type, enabled=False)


def _laid_out(x: Tensor) -> Tensor:
    """Bring to channels-last, for which CPUs and CUDA have the faster convolutions; MPS has none for it."""
    x = x.contiguous()  # a permuted view may pass for channels-last with strides that later layers misread
    return x if x.device.type == "mps" else x.contiguous(memory_format=torch.channels_last)


def _halves(x: Tensor) -> tuple[Tensor, Tensor]:
    """Split the channels in two; as views, ``torch.cat`` would join them channels-first."""
    first, second = x.chunk(2, 1)
    return _laid_out(first), _laid_out(second)
