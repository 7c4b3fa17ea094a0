"""What networks from files have in common: frames are prepared for them, their output becomes alpha."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from vmatte_pl.errors import ConfigError
from vmatte_pl.models.base import MattingNetwork, State
from vmatte_pl.models.images import padded

Activation: TypeAlias = Literal["none", "sigmoid", "softmax", "minmax"]
Memory: TypeAlias = dict[str, Tensor]
"""What a recurrent network remembers, by the name of the input that takes it; empty at a video's start."""

_OVERSHOOT = 0.5
"""An alpha may leave [0, 1] by less than this and is clamped; logits leave it by more."""


class ForeignNetwork(MattingNetwork):
    """A network from a file: it sees a frame at a time and may remember something for the next.

    A frame is resized, padded and normalised for it, in this order; its output gets the activation, is
    cropped and resized back.

    Args:
        path: The file.
        size: What frames are resized to: [height, width], or how many pixels the shorter side gets.
        multiple: The last row and column are repeated until both sides are multiples of this.
        mean: What is subtracted from red, green and blue in [0, 1].
        std: What they are divided by then; three times 1/255 gives colours up to 255.
        activation: What makes an alpha of the output: a sigmoid, a softmax over channels, or "minmax", which
            stretches every frame to all of [0, 1].
        channel: Which channel of the output is alpha, where there are several.
        batch: How many frames it is given at once; above 1 only for files that were exported so.

    Shape:
        - frames: (B, T, 3, H, W) RGB in [0, 1].
        - alpha: (B, T, 1, H, W) in [0, 1].
        - state: what is remembered, for every ``batch`` videos; None where nothing is.

    Raises:
        ConfigError: If the file or a setting does not fit; the error names the setting to give.
    """

    recurrent: bool = False
    """Whether there is something to remember."""

    def __init__(
        self,
        path: str,
        size: int | list[int] | None = None,
        multiple: int = 1,
        mean: Sequence[float] = (0.0, 0.0, 0.0),
        std: Sequence[float] = (1.0, 1.0, 1.0),
        activation: Activation = "none",
        channel: int | None = None,
        batch: int = 1,
    ) -> None:
        super().__init__()
        if not Path(path).is_file():
            raise ConfigError(
                expected=f"a file for {type(self).__name__}",
                found="nothing",
                where=path,
                remedy="give the path of the network's file",
            )
        self.source = path
        self.size, self.multiple, self.mean, self.std = size, multiple, tuple(mean), tuple(std)
        self.activation, self.channel, self.batch = activation, channel, batch

    def forward(self, frames: Tensor, state: State = None) -> tuple[Tensor, State]:
        """Return the frames' alpha and what is remembered of every group of videos."""
        if not self.recurrent:
            groups = torch.split(frames.flatten(0, 1), self.batch)
            alpha = _joined([self._alpha(images, {})[0] for images in groups])
            return torch.unflatten(alpha, 0, frames.shape[:2]), None
        videos = torch.split(frames, self.batch)
        memories = state or [{} for _ in videos]
        followed = [self._follow(*group) for group in zip(videos, memories, strict=True)]
        return _joined([alpha for alpha, _ in followed]), [memory for _, memory in followed]

    def fingerprint(self) -> str:
        """Return the SHA-256 of the file."""
        with Path(self.source).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def run(self, image: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """Run the file's network as it is.

        Shape:
            - image: (N, 3, h, w), prepared.
            - output: (N, C, h', w'), before the activation.
        """
        raise NotImplementedError

    def _follow(self, videos: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        alphas = []
        for images in videos.unbind(1):
            alpha, memory = self._alpha(images, memory)
            alphas.append(alpha[:, None])
        return _joined(alphas, 1), memory

    def _alpha(self, images: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        resized = _resized(images, self._size_for(images))
        fed = padded(resized, self.multiple) if self.multiple > 1 else resized
        output, memory = self.run(self._normalised(fed), memory)
        alpha = _resized(self._activated(output), fed.shape[-2:])
        alpha = alpha[..., : resized.shape[-2], : resized.shape[-1]]
        return _resized(alpha, images.shape[-2:]), memory

    def _size_for(self, images: Tensor) -> Sequence[int]:
        h, w = images.shape[-2:]
        if self.size is None:
            return h, w
        if isinstance(self.size, int):
            scale = self.size / min(h, w)
            return round(h * scale), round(w * scale)
        return self.size

    def _normalised(self, images: Tensor) -> Tensor:
        if any(self.mean):
            images = images - images.new_tensor(self.mean).view(3, 1, 1)
        if any(std != 1 for std in self.std):
            images = images / images.new_tensor(self.std).view(3, 1, 1)
        return images

    def _activated(self, output: Tensor) -> Tensor:
        output = self._chosen(output.softmax(1) if self.activation == "softmax" else output)
        if self.activation == "sigmoid":
            return output.sigmoid()
        if self.activation == "minmax":
            low, high = (bound(output, dim=(1, 2, 3), keepdim=True) for bound in (torch.amin, torch.amax))
            return (output - low) / (high - low).clamp(min=1e-6)
        return self._in_range(output)

    def _in_range(self, output: Tensor) -> Tensor:
        # By NumPy where that is possible: after an operation of PyTorch its threads go on spinning for a while, beside
        # those of ONNX Runtime, and a frame takes a third longer.
        plain = output.device.type == "cpu" and output.dtype == torch.float32 and not output.requires_grad
        values = output.numpy() if plain else output
        least, most = float(values.min()), float(values.max())
        if not -_OVERSHOOT < least <= most < 1 + _OVERSHOOT:
            raise ConfigError(
                expected="an alpha in [0, 1]",
                found=f"values from {least:.3g} to {most:.3g}",
                where=f"the output of {self.source}",
                remedy="set activation, or name another output with alpha",
            )
        return torch.as_tensor(values.clip(0, 1))

    def _chosen(self, output: Tensor) -> Tensor:
        channels = output.shape[1]
        if channels > 1 and self.channel is None:
            raise ConfigError(
                expected="an alpha of one channel",
                found=f"{channels} channels",
                where=f"the output of {self.source}",
                remedy="set channel to the one that is alpha, or name another output with alpha",
            )
        return output if channels == 1 else output[:, [self.channel]]


def one_of(names: Sequence[str], what: str, path: str, setting: str) -> str:
    """Return the only name there is, or tell the user which setting chooses.

    Raises:
        ConfigError: If there is none, or more than one.
    """
    if len(names) == 1:
        return names[0]
    raise ConfigError(
        expected=f"one {what}",
        found=", ".join(names) or "none",
        where=path,
        remedy=f"set {setting} to its name",
    )


def _joined(alphas: list[Tensor], dim: int = 0) -> Tensor:
    return alphas[0] if len(alphas) == 1 else torch.cat(alphas, dim)  # no copy of a single one


def _resized(image: Tensor, size: Sequence[int]) -> Tensor:
    if tuple(image.shape[-2:]) == tuple(size):
        return image
    return F.interpolate(image, tuple(size), mode="bilinear", align_corners=False, antialias=True)
