"""P3M-Net: alpha from a single image, without a trimap, by a branch for what and a branch for where."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models import resnet34

from vmatte_pl.models.base import MattingNetwork, State
from vmatte_pl.models.checkpoints import load_official, read_weights
from vmatte_pl.models.images import groups, imagenet_normalised, padded

_BACKGROUND, _UNKNOWN, _FOREGROUND = range(3)


class P3M(MattingNetwork):
    """P3M-Net with its ResNet-34 encoder.

    One decoder tells background, foreground and what lies between, the other finds alpha in between. It works
    frame by frame, so its state is always None.

    Args:
        weights: Path of the official ``p3mnet_pretrained_on_p3m10k.pth``.

    Shape:
        - frames: (B, T, 3, H, W) RGB in [0, 1].
        - alpha: (B, T, 1, H, W) in [0, 1].

    Source: J. Li et al., "Privacy-Preserving Portrait Matting", ACM Multimedia 2021.
    """

    remembers = False

    def __init__(self, weights: str | None = None) -> None:
        super().__init__()
        self.source = weights or "P3M"
        # The official file names every tensor of the encoder twice, and has a classifier that is never used.
        self.resnet = resnet34()
        for module in self.resnet.modules():
            if isinstance(module, nn.Conv2d):
                module.stride = (1, 1)  # pooling alone makes it smaller, and its indices find the way back
        self.encoder0 = nn.Sequential(self.resnet.conv1, self.resnet.bn1, self.resnet.relu)
        self.encoder1 = nn.Sequential(self.resnet.layer1)
        self.encoder2, self.encoder3 = self.resnet.layer2, self.resnet.layer3
        self.encoder4 = self.resnet.layer4

        # Of the whole and, with _l, of the details.
        self.decoder4_g, self.decoder4_l = (_convolutions(512, 512, 512, 256) for _ in range(2))
        self.decoder3_g, self.decoder3_l = (_convolutions(256, 256, 256, 128) for _ in range(2))
        self.decoder2_g, self.decoder2_l = (_convolutions(128, 128, 128, 64) for _ in range(2))
        self.decoder1_g, self.decoder1_l = (_convolutions(64, 64, 64, 64) for _ in range(2))
        self.decoder0_g, self.decoder0_l = (_convolutions(64, 64, 64) for _ in range(2))
        self.decoder0_g.append(nn.Conv2d(64, 3, 3, padding=1))
        self.decoder_final_l = nn.Conv2d(64, 1, 3, padding=1)

        self.dbfi_2, self.dbfi_1, self.dbfi_0 = (_DeepFeatures(c) for c in (128, 64, 64))
        self.sbfi_2, self.sbfi_1, self.sbfi_0 = (_ShallowFeatures(c) for c in (128, 64, 64))
        self.tfi_3, self.tfi_2, self.tfi_1, self.tfi_0 = (_ThreeFeatures(c) for c in (256, 128, 64, 64))
        if weights is not None:
            load_official(self, read_weights(weights), weights)

    @classmethod
    def from_official(cls, state_dict: Mapping[str, Tensor]) -> Self:
        """Build the network with the tensors of the official file; ``CheckpointError`` if they do not fit."""
        network = cls()
        load_official(network, state_dict)
        return network

    def forward(self, frames: Tensor, state: State = None) -> tuple[Tensor, State]:
        """Return the frames' alpha; the state stays None."""
        h, w = frames.shape[-2:]
        alphas = []
        for (images,) in groups(frames.flatten(0, 1)):
            logits, local = self.branches(padded(images, 32))
            alphas.append(fused(logits, local)[..., :h, :w])
        return torch.unflatten(torch.cat(alphas).float(), 0, frames.shape[:2]), None

    def branches(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Run the bare network.

        Shape:
            - image: (N, 3, H, W) RGB in [0, 1]; H and W are multiples of 32.
            - logits: (N, 3, H, W) of background, unknown and foreground.
            - local: (N, 1, H, W), alpha in [0, 1], meaningful where it is unknown.
        """
        e0 = self.encoder0(imagenet_normalised(image))
        half, indices0 = _pooled(e0)
        x, indices1 = _pooled(half)
        e1 = self.encoder1(x)
        x, indices2 = _pooled(e1)
        e2 = self.encoder2(x)
        x, indices3 = _pooled(e2)
        e3 = self.encoder3(x)
        x, indices4 = _pooled(e3)
        e4 = self.encoder4(x)

        g4 = _doubled(self.decoder4_g(e4))
        g3 = _doubled(self.decoder3_g(g4))
        g2 = _doubled(self.decoder2_g(self.dbfi_2(g3, e4)))
        g1 = _doubled(self.decoder1_g(self.dbfi_1(g2, e4)))
        logits = _doubled(self.decoder0_g(self.dbfi_0(g1, e4)))

        x = _unpooled(self.decoder4_l(e4), indices4)
        x = _unpooled(self.decoder3_l(self.tfi_3(g4, x, e3)), indices3)
        x = _unpooled(self.decoder2_l(self.sbfi_2(self.tfi_2(g3, x, e2), e0)), indices2)
        x = _unpooled(self.decoder1_l(self.sbfi_1(self.tfi_1(g2, x, e1), e0)), indices1)
        x = _unpooled(self.decoder0_l(self.sbfi_0(self.tfi_0(g1, x, half), e0)), indices0)
        return logits, self.decoder_final_l(x).sigmoid()


def fused(logits: Tensor, local: Tensor) -> Tensor:
    """Take alpha from ``local`` where unknown is the likeliest class, and 0 or 1 elsewhere.

    Shape:
        - logits: (N, 3, H, W) of background, unknown and foreground.
        - local: (N, 1, H, W) in [0, 1].
        - output: (N, 1, H, W) in [0, 1].
    """
    likeliest = logits.argmax(1, keepdim=True)
    return torch.where(likeliest == _UNKNOWN, local, (likeliest == _FOREGROUND).to(local.dtype))


class _Fusion(nn.Module):
    """Joins features from elsewhere to those of a decoder."""

    def __init__(self, joined: int, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(joined, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)

    def fuse(self, *features: Tensor) -> Tensor:
        return F.relu(self.bn1(self.conv1(torch.cat(features, 1))))


class _ThreeFeatures(_Fusion):
    """The same channels of both decoders and the encoder."""

    def __init__(self, channels: int) -> None:
        super().__init__(3 * channels // 2, channels)
        self.transform = nn.Conv2d(channels, channels // 2, 1, bias=False)

    def forward(self, semantic: Tensor, detail: Tensor, encoded: Tensor) -> Tensor:
        return self.fuse(*(self.transform(x) for x in (semantic, detail, encoded)))


class _ShallowFeatures(_Fusion):
    """The encoder's first map, for the decoder of details."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, channels)
        self.transform1 = nn.Conv2d(channels, channels // 2, 1, bias=False)
        self.transform2 = nn.Conv2d(64, channels // 2, 1, bias=False)

    def forward(self, x: Tensor, shallow: Tensor) -> Tensor:
        step = shallow.shape[-1] // x.shape[-1]
        shallow = self.transform2(F.max_pool2d(shallow, 2, stride=step))
        return x + self.fuse(self.transform1(x), shallow)


class _DeepFeatures(_Fusion):
    """The encoder's last map, for the decoder of semantics."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, channels)
        self.transform1 = nn.Conv2d(channels, channels // 2, 1, bias=False)
        self.transform2 = nn.Conv2d(512, channels // 2, 1, bias=False)
        self.conv2 = nn.Conv2d(channels, 3, 3, padding=1, bias=False)

    def forward(self, x: Tensor, deep: Tensor) -> Tensor:
        deep = F.interpolate(self.transform2(deep), x.shape[-2:], mode="bilinear", align_corners=False)
        return x + self.fuse(self.transform1(x), deep)

    def side(self, fused: Tensor, times: int) -> Tensor:
        """Return the logits that its authors supervise here, ``times`` as large; no alpha needs them."""
        logits = self.conv2(fused)
        return F.interpolate(logits, scale_factor=times, mode="bilinear", align_corners=False)


def _convolutions(*channels: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in pairwise(channels):
        layers += [nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def _pooled(x: Tensor) -> tuple[Tensor, Tensor]:
    return F.max_pool2d_with_indices(x, (3, 3), stride=(2, 2), padding=(1, 1))


def _unpooled(x: Tensor, indices: Tensor) -> Tensor:
    # Windows of 3 overlap, so two values can go to one place: on CUDA, which one stays is not determined.
    return F.max_unpool2d(x, indices, (2, 2), stride=(2, 2))
