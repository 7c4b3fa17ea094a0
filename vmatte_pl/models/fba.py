"""FBA Matting: an image and its trimap to alpha, foreground and background."""

from collections.abc import Sequence
from functools import partial
from typing import Literal, Self, cast

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models import resnet50

from vmatte_pl.errors import ConfigError
from vmatte_pl.models.base import MattingNetwork, State
from vmatte_pl.models.checkpoints import load_official, read_weights
from vmatte_pl.models.images import groups, imagenet_normalised, padded
from vmatte_pl.models.standardised import Standardisation, StandardisedConv2d, standardise
from vmatte_pl.models.trimap import distance_to


class FBA(MattingNetwork):
    """FBA Matting, which needs a trimap: ``alpha, state = network(frames, trimap=trimap)``.

    It works frame by frame, so its state is always None. Where the trimap is known, alpha is the trimap's.

    Args:
        weights: Path of the official ``FBA.pth``; its licence is non-commercial.
        standardisation: How the convolutions' weights are standardised. The published weights were trained
            with the formula of the 2020 release; the authors' code of 2021, which the thesis used, has
            another, which gives slightly different alphas.
        fit: How frames whose sides are no multiples of 8 are made to fit: "pad" repeats their last pixels and
            keeps the scale, "resize" is what the official script does.

    Shape:
        - frames: (B, T, 3, H, W) RGB in [0, 1].
        - trimap: (B, T, 1, H, W): 0 is background, 1 is foreground, anything else is unknown.
        - alpha: (B, T, 1, H, W) in [0, 1].

    Source: M. Forte and F. Pitié, "F, B, Alpha Matting", 2020.
    """

    remembers = False

    def __init__(
        self,
        weights: str | None = None,
        standardisation: Standardisation = "2020",
        fit: Literal["pad", "resize"] = "pad",
    ) -> None:
        super().__init__()
        self.fit = fit
        self.encoder = _Encoder(standardisation)
        self.decoder = _Decoder(standardisation)
        if weights is not None:
            load_official(self, read_weights(weights), weights)

    @classmethod
    def from_official(cls, state_dict: dict[str, Tensor], standardisation: Standardisation = "2020") -> Self:
        """Build the network with the tensors of the official file; ``CheckpointError`` if they do not fit."""
        network = cls(standardisation=standardisation)
        load_official(network, state_dict)
        return network

    def forward(self, frames: Tensor, state: State = None, trimap: Tensor | None = None) -> tuple[Tensor, State]:
        """Return the frames' alpha; the state stays None."""
        if trimap is None:
            raise ConfigError(
                expected="a trimap for every frame",
                found="none",
                where="FBA",
                remedy="pass trimap=..., or have WithTrimap draw it around what another network finds",
            )
        alpha, _, _ = self.layers(frames, trimap)
        return alpha, None

    def layers(self, frames: Tensor, trimap: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Take the frames apart: ``frames = alpha * fgr + (1 - alpha) * bgr``.

        Shape:
            - frames: (B, T, 3, H, W) RGB in [0, 1].
            - trimap: (B, T, 1, H, W).
            - alpha, fgr, bgr: (B, T, 1 or 3, H, W) in [0, 1].
        """
        image, trimap = frames.flatten(0, 1), trimap.flatten(0, 1)
        known = torch.cat([trimap == 0, trimap == 1], 1).to(image.dtype)
        estimate = torch.cat([self._fitted(*group) for group in groups(image, known)])
        alpha, fgr, bgr = torch.split(estimate, [1, 3, 3], 1)
        alpha = torch.where((trimap == 0) | (trimap == 1), trimap.to(alpha.dtype), alpha)
        fgr = torch.where(alpha == 1, image, fgr)
        bgr = torch.where(alpha == 0, image, bgr)
        alpha, fgr, bgr = (torch.unflatten(x, 0, frames.shape[:2]) for x in (alpha, fgr, bgr))
        return alpha, fgr, bgr

    def _fitted(self, image: Tensor, known: Tensor) -> Tensor:
        size = image.shape[-2:]
        if not any(side % 8 for side in size):
            return self.estimate(image, known)
        if self.fit == "pad":
            return self.estimate(padded(image, 8), padded(known, 8))[..., : size[0], : size[1]]
        larger = [side + -side % 8 for side in size]
        estimate = self.estimate(_lanczos(image, larger), _lanczos(known, larger))
        return F.interpolate(estimate, size, mode="bilinear", align_corners=False)

    def estimate(self, image: Tensor, known: Tensor) -> Tensor:
        """Run the bare network.

        Shape:
            - image: (N, 3, H, W) RGB in [0, 1]; H and W are multiples of 8.
            - known: (N, 2, H, W): 1 in known background, 1 in known foreground.
            - output: (N, 7, H, W) in [0, 1]: alpha, foreground RGB, background RGB.
        """
        normalised = imagenet_normalised(image)
        features = self.encoder(torch.cat([normalised, nearness(known), known], 1))
        raw = self.decoder(features, torch.cat([normalised, image, known], 1)).to(image.dtype)
        alpha = raw[:, :1].clamp(0, 1)
        fgr, bgr = raw[:, 1:].sigmoid().chunk(2, 1)
        return _fused(image, alpha, fgr, bgr)


def nearness(known: Tensor) -> Tensor:
    """How near each pixel is to the known background and foreground: three Gaussians of its distance, each.

    The Gaussians are 6.4, 25.6 and 51.2 pixels wide whatever the size of the image. A class without a pixel
    is near to none.

    Shape:
        - known: (N, 2, H, W): 1 in known background, 1 in known foreground.
        - output: (N, 6, H, W) in [0, 1].
    """
    # After a Lanczos resize ``known`` over- and undershoots: then the official cast to 8 bits wraps around.
    distance = distance_to(((1 - known) * 255).trunc() % 256 == 0)
    widths = distance.new_tensor((6.4, 25.6, 51.2)).view(3, 1, 1)
    exponents = distance.square()[:, :, None] * (-0.5 / widths.square())
    return exponents.exp_().flatten(1, 2).to(known.dtype)


class _Encoder(nn.Module):
    """ResNet-50 at stride 8 with group norm, for the image and what is known of it."""

    def __init__(self, formula: Standardisation) -> None:
        super().__init__()
        resnet = resnet50(replace_stride_with_dilation=[False, True, True], norm_layer=partial(nn.GroupNorm, 32))
        self.conv1 = nn.Conv2d(11, 64, 7, stride=2, padding=3, bias=False)
        self.bn1, self.maxpool = resnet.bn1, resnet.maxpool
        self.layer1, self.layer2 = resnet.layer1, resnet.layer2
        self.layer3, self.layer4 = resnet.layer3, resnet.layer4
        standardise(self, formula)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the features at strides 2, 4 and 8."""
        half = F.relu(self.bn1(self.conv1(x)))
        quarter = self.layer1(self.maxpool(half))
        return half, quarter, self.layer4(self.layer3(self.layer2(quarter)))


class _Decoder(nn.Module):
    def __init__(self, formula: Standardisation) -> None:
        super().__init__()
        self.ppm = nn.ModuleList(
            nn.Sequential(nn.AdaptiveAvgPool2d(cells), nn.Conv2d(2048, 256, 1), nn.GroupNorm(32, 256), _leaky())
            for cells in (1, 2, 3, 6)
        )
        self.conv_up1 = nn.Sequential(*_block(3072, 256), *_block(256, 256))
        self.conv_up2 = nn.Sequential(*_block(512, 256))
        self.conv_up3 = nn.Sequential(*_block(320, 64))
        standardise(self, formula)
        self.conv_up4 = nn.Sequential(
            nn.Conv2d(72, 32, 3, padding=1),
            _leaky(),
            nn.Conv2d(32, 16, 3, padding=1),
            _leaky(),
            nn.Conv2d(16, 7, 1),
        )

    def forward(self, features: tuple[Tensor, Tensor, Tensor], image: Tensor) -> Tensor:
        half, quarter, eighth = features
        x = self.conv_up1[1:](self._first_convolution(eighth))
        x = self.conv_up2(torch.cat([_resized(x, quarter.shape[-2:]), quarter], 1))
        x = self.conv_up3(torch.cat([_resized(x, half.shape[-2:]), half], 1))
        raw: Tensor = self.conv_up4(torch.cat([_resized(x, image.shape[-2:]), image], 1))
        return raw

    def _first_convolution(self, eighth: Tensor) -> Tensor:
        """Convolve the features together with their pyramid of pools."""
        conv = cast(StandardisedConv2d, self.conv_up1[0])
        features, pools = torch.split(conv.filters(), [2048, 1024], 1)
        convolved = _convolved_pools([branch(eighth) for branch in self.ppm], pools, eighth.shape[-2:])
        return convolved + F.conv2d(eighth, features, conv.bias, padding=1)


def _convolved_pools(pools: Sequence[Tensor], filters: Tensor, size: Sequence[int]) -> Tensor:
    """Resize each pool to ``size``, concatenate them and convolve 3x3, in an order that costs far less.

    All of it is linear and a pool has few cells. So each of the filters' taps meets each cell once, and a
    matrix tells how much of the cell the tap sees at every pixel.

    Shape:
        - pools: each (N, C, k, k), with its own k.
        - filters: (C', C * len(pools), 3, 3).
        - output: (N, C', H, W).
    """
    spreads, taps = [], []
    for pool, kernel in zip(pools, filters.chunk(len(pools), 1), strict=True):
        k = pool.shape[-1]
        one_cell = torch.eye(k * k, dtype=pool.dtype, device=pool.device).view(1, k * k, k, k)
        spreads.append(F.unfold(_resized(one_cell, size), 3, padding=1))
        taps.append(torch.einsum("oct,nci->noit", kernel.flatten(2), pool.flatten(2)).flatten(2))
    return torch.unflatten(torch.cat(taps, 2) @ torch.cat(spreads, 1), 2, tuple(size))


def _block(inputs: int, outputs: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(inputs, outputs, 3, padding=1), nn.GroupNorm(32, outputs), _leaky()


def _leaky() -> nn.Module:
    return nn.LeakyReLU(0.01, inplace=True)


def _resized(x: Tensor, size: Sequence[int]) -> Tensor:
    return F.interpolate(x, tuple(size), mode="bilinear", align_corners=False)


def _fused(image: Tensor, alpha: Tensor, fgr: Tensor, bgr: Tensor) -> Tensor:
    """Make the colours agree with the image, then alpha with the colours."""
    both = alpha * (1 - alpha)
    fgr = alpha * image + (1 - alpha.square()) * fgr - both * bgr
    bgr = (1 - alpha) * image + (2 * alpha - alpha.square()) * bgr - both * fgr
    fgr, bgr = fgr.clamp(0, 1), bgr.clamp(0, 1)
    contrast = fgr - bgr
    explained = ((image - bgr) * contrast).sum(1, keepdim=True)
    alpha = (0.1 * alpha + explained) / (contrast.square().sum(1, keepdim=True) + 0.1)
    return torch.cat([alpha.clamp(0, 1), fgr, bgr], 1)


def _lanczos(x: Tensor, size: Sequence[int]) -> Tensor:
    images = x.detach().to("cpu", torch.float32).movedim(1, -1).contiguous().numpy()
    larger = [cv2.resize(image, tuple(size)[::-1], interpolation=cv2.INTER_LANCZOS4) for image in images]
    return torch.from_numpy(np.stack(larger)).movedim(-1, 1).to(x)
