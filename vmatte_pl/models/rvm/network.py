"""Robust Video Matting as a matting network."""

from collections.abc import Mapping
from pathlib import Path
from typing import Self, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vmatte_pl.errors import ConfigError
from vmatte_pl.models.base import MattingNetwork, State
from vmatte_pl.models.checkpoints import load_official, read_weights
from vmatte_pl.models.rvm.decoder import Decoder, Memory
from vmatte_pl.models.rvm.encoder import Backbone, Context
from vmatte_pl.models.rvm.layers import full_precision, laid_out
from vmatte_pl.models.rvm.onnx_weights import read_onnx_weights
from vmatte_pl.models.rvm.refiner import GuidedFilter


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
        self.backbone = Backbone()
        self.aspp = Context(960, 128)
        self.decoder = Decoder()
        self.project_mat = _Projection(16, 4)
        self.project_seg = _Projection(16, 1)  # its authors train it on segmentation; no alpha needs it
        self.refiner = GuidedFilter(16)
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
        # Time first, so that every time step is one piece of memory and keeps its layout. In two copies, because
        # a permuted view may pass for channels-last with strides that later layers misread.
        source = laid_out(frames.transpose(0, 1).flatten(0, 1).contiguous())
        ratio = self.downsample_ratio or min(512 / max(frames.shape[-2:]), 1)
        small = source
        if ratio != 1:
            small = F.interpolate(source, scale_factor=ratio, mode="bilinear", align_corners=False)

        *skips, deepest = self.backbone(small)
        hidden, memory = self.decoder(small, (*skips, self.aspp(deepest)), memory, t)
        with full_precision(source):
            hidden = hidden.to(source.dtype)
            residual = self.project_mat(hidden)
            if self.refine or (self.refine is None and ratio != 1):
                residual = self.refiner(source, small, residual, hidden)
        return torch.unflatten(residual, 0, (t, b)).transpose(0, 1), memory


class _Projection(nn.Module):
    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, out, 1)

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.conv(x))
