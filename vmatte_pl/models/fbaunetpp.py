"""FBAUNet++: find the person, draw a trimap around them, and fill it in with FBA Matting."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Self

import segmentation_models_pytorch as smp
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vmatte_pl.errors import CheckpointError
from vmatte_pl.models.base import MattingNetwork, State
from vmatte_pl.models.checkpoints import load_official, read_weights, without_prefix
from vmatte_pl.models.fba import FBA
from vmatte_pl.models.images import groups, imagenet_normalised, padded
from vmatte_pl.models.standardised import Standardisation
from vmatte_pl.models.trimap import trimap_from_alpha, trimap_from_classes


class Stages(NamedTuple):
    """What the stages of FBAUNet++ make of N images: each (N, 1, H, W) in [0, 1]."""

    person: Tensor
    trimap: Tensor
    alpha: Tensor


class FBAUNetPP(MattingNetwork):
    """A UNet++ segments the person, a trimap branch marks what is unknown, FBA Matting fills it in.

    This is the backbone of the thesis "Meta-Learning Methods for Video Matting", as far as it can be known.
    Its UNet++ and its trimap branch were never published. **Unknown, and therefore ours,** are

    - the UNet++: its encoder (here a ResNet-34 unless the weights say otherwise), its classes (here one, with
      a sigmoid) and its training data: the part ``person``;
    - how a trimap was made of it. It was a second network, of unknown input and form; here a band is drawn
      around the outline of the person: the part ``trimap``;
    - the size at which all three ran; here at most ``max_size``, as in the script that the thesis's is
      named after.

    It works frame by frame, so its state is always None.

    Args:
        weights: Path of the official ``FBA.pth``.
        person: Maps images (N, 3, H, W) in [0, 1] to how surely each pixel is a person's, (N, 1, H, W) in
            [0, 1]; by default a ``PersonUNetPP`` without weights.
        trimap: Maps images and that map to trimaps (N, 1, H, W) of 0, 0.5 and 1; by default an
            ``OutlineTrimap``.
        standardisation: See ``FBA``; the thesis ran the code of 2021.
        max_size: Frames are resized to at most this many pixels a side and to multiples of 32.

    Shape:
        - frames: (B, T, 3, H, W) RGB in [0, 1].
        - alpha: (B, T, 1, H, W) in [0, 1].
    """

    remembers = False

    def __init__(
        self,
        weights: str | None = None,
        person: nn.Module | None = None,
        trimap: nn.Module | None = None,
        standardisation: Standardisation = "2020",
        max_size: int = 1600,
    ) -> None:
        super().__init__()
        self.person = PersonUNetPP() if person is None else person
        self.trimap = OutlineTrimap() if trimap is None else trimap
        self.fba = FBA(weights, standardisation)
        self.max_size = max_size

    @classmethod
    def from_official(cls, fba: Mapping[str, Tensor], person: Mapping[str, Tensor]) -> Self:
        """Build it with the tensors of FBA's official file and of a UNet++.

        Raises:
            CheckpointError: If either does not fit.
        """
        network = cls(person=PersonUNetPP.from_official(person))
        load_official(network.fba, fba)
        return network

    def forward(self, frames: Tensor, state: State = None) -> tuple[Tensor, State]:
        """Return the frames' alpha; the state stays None."""
        alphas = [self.pipeline(images).alpha for (images,) in groups(frames.flatten(0, 1))]
        return torch.unflatten(torch.cat(alphas), 0, frames.shape[:2]), None

    def pipeline(self, images: Tensor) -> Stages:
        """Return what each stage makes of (N, 3, H, W) images."""
        size = images.shape[-2:]
        fitted = _resized(images, tuple(_fitted(side, self.max_size) for side in size))
        person = self.person(fitted)
        trimap = self.trimap(fitted, person)
        alpha = self.fba(fitted[None], trimap=trimap[None])[0][0]
        if fitted.shape[-2:] != size:
            person, alpha = _resized(person, size), _resized(alpha, size)
            trimap = _requantised(_resized(trimap, size))
            alpha = torch.where(trimap == 0.5, alpha, trimap)
        return Stages(person, trimap, alpha)


class PersonUNetPP(nn.Module):
    """How surely each pixel is a person's, by the UNet++ of segmentation_models_pytorch with one class.

    Args:
        weights: Path of its weights, or of a Lightning checkpoint that has them; their keys tell the encoder.
        encoder: The encoder without weights.

    Shape:
        - images: (N, 3, H, W) RGB in [0, 1].
        - output: (N, 1, H, W) in [0, 1].

    Source: Z. Zhou et al., "UNet++: A Nested U-Net Architecture for Medical Image Segmentation", 2018.
    """

    def __init__(self, weights: str | None = None, encoder: str = "resnet34") -> None:
        super().__init__()
        if weights is None:
            self.network = smp.UnetPlusPlus(encoder, encoder_weights=None, classes=1)
        else:
            self.network = unetpp_from_official(read_weights(weights), 3, 1, weights)

    @classmethod
    def from_official(cls, state_dict: Mapping[str, Tensor]) -> Self:
        """Build it with the tensors of a UNet++; ``CheckpointError`` if they do not fit."""
        segmentation = cls()
        segmentation.network = unetpp_from_official(state_dict, 3, 1)
        return segmentation

    def forward(self, images: Tensor) -> Tensor:
        """Return the probability of a person."""
        return self.logits(images).sigmoid()

    def logits(self, images: Tensor) -> Tensor:
        """Return what the network itself returns, shaped as its probability."""
        h, w = images.shape[-2:]
        logits: Tensor = self.network(padded(imagenet_normalised(images), 32))
        return logits[..., :h, :w]


class OutlineTrimap(nn.Module):
    """A trimap that is unknown in a band around the person's outline.

    Args:
        width: How far the band reaches to either side, as a fraction of the frame's shorter side.
        low: Up to here a pixel is surely no person's.
        high: From here on it surely is.
    """

    def __init__(self, width: float = 0.02, low: float = 0.05, high: float = 0.95) -> None:
        super().__init__()
        self.width, self.low, self.high = width, low, high

    def forward(self, images: Tensor, person: Tensor) -> Tensor:
        """Return trimaps shaped as ``person``."""
        return trimap_from_alpha(person, self.width, low=self.low, high=self.high)


class TrimapUNetPP(nn.Module):
    """A trimap by a UNet++ with three classes: background, unknown, foreground, as P3M-Net has them.

    Args:
        weights: Path of its weights. If their first layer takes four channels, the fourth is the person.
    """

    def __init__(self, weights: str) -> None:
        super().__init__()
        official = read_weights(weights)
        first = [value.shape[1] for key, value in official.items() if key.endswith("encoder.conv1.weight")]
        self.sees_person = first == [4]
        self.network = unetpp_from_official(official, 4 if self.sees_person else 3, 3, weights)

    def forward(self, images: Tensor, person: Tensor) -> Tensor:
        """Return trimaps shaped as ``person``."""
        h, w = images.shape[-2:]
        seen = imagenet_normalised(images)
        seen = torch.cat([seen, person], 1) if self.sees_person else seen
        return trimap_from_classes(self.network(padded(seen, 32))[..., :h, :w])


def unetpp_from_official(
    state_dict: Mapping[str, Tensor], channels: int, classes: int, where: Path | str = "the weights"
) -> nn.Module:
    """Build the UNet++ of segmentation_models_pytorch whose ResNet encoder fits the weights' keys.

    Raises:
        CheckpointError: If the keys are not such a network's, or a tensor is missing, unknown or misshapen.
    """
    weights = without_prefix(state_dict, {"encoder", "decoder", "segmentation_head"})
    blocks = {match[1] for key in weights if (match := re.match(r"encoder\.layer3\.(\d+)\.", key))}
    bottlenecks = "encoder.layer1.0.conv3.weight" in weights
    encoder = _ENCODERS.get((len(blocks), bottlenecks))
    if encoder is None:
        raise CheckpointError(
            expected="a UNet++ of segmentation_models_pytorch with a ResNet encoder",
            found=f"{len(weights)} tensors such as {next(iter(weights), None)}",
            where=where,
            remedy="give such a file, or a module of your own for this part",
        )
    network: nn.Module = smp.UnetPlusPlus(encoder, encoder_weights=None, in_channels=channels, classes=classes)
    load_official(network, weights, where)
    return network


_ENCODERS = {
    (2, False): "resnet18",
    (6, False): "resnet34",
    (6, True): "resnet50",
    (23, True): "resnet101",
    (36, True): "resnet152",
}
"""By the number of blocks in the third layer, and whether they are bottlenecks."""


def _fitted(side: int, most: int) -> int:
    return max(32, min(side, most) // 32 * 32)


def _resized(images: Tensor, size: tuple[int, ...]) -> Tensor:
    return F.interpolate(images, size, mode="bilinear", align_corners=False)


def _requantised(trimap: Tensor) -> Tensor:
    """Call unknown what a resize has mixed."""
    known = (trimap < 1 / 255) | (trimap > 254 / 255)
    return torch.where(known, trimap.round(), 0.5)
