"""VMFormer as a matting network: clips of frames in, alpha out."""

from collections.abc import Mapping
from typing import Literal, Self, TypeAlias, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models import mobilenet_v3_large

from vmatte_pl.models.base import MattingNetwork, State
from vmatte_pl.models.checkpoints import load_official, read_weights
from vmatte_pl.models.images import groups, imagenet_normalised
from vmatte_pl.models.vmformer.mask_head import EarlyMaskHead, MaskHead
from vmatte_pl.models.vmformer.pyramid import Pyramid, pyramid
from vmatte_pl.models.vmformer.transformer import Transformer

Generation: TypeAlias = Literal["2022-08", "2022-11"]

_WIDTH = 256


class VMFormer(MattingNetwork):
    """VMFormer with its MobileNetV3 backbone.

    Its queries see a whole clip before its first alpha exists. So a video is cut into clips of
    ``clip_length`` frames, the last one as short as it comes, and nothing passes from clip to clip: the
    state is always None. Chunks of whole clips give the same alphas as the whole video; other chunks cut it
    elsewhere and give slightly different ones.

    Args:
        weights: Path of an official file, of August or November 2022.
        clip_length: Frames in a clip. The authors evaluate 512x288 with 20 and 1920x1080 with 5.
        pad_to: Pad frames to multiples of this, to the right and at the bottom: 32 is what the authors train
            with, 1 (no padding) what they evaluate with.
        generation: Which of the two published architectures to build without ``weights``, whose keys tell it.
        queries: How many queries there are without ``weights``; the first one's alpha counts.

    Shape:
        - frames: (B, T, 3, H, W) RGB in [0, 1].
        - alpha: (B, T, 1, H, W) in [0, 1].

    Source: J. Li et al., "VMFormer: End-to-End Video Matting with Transformer", 2022.
    """

    def __init__(
        self,
        weights: str | None = None,
        clip_length: int = 20,
        pad_to: int = 1,
        generation: Generation = "2022-11",
        queries: int = 1,
    ) -> None:
        super().__init__()
        self.clip_length, self.pad_to = clip_length, pad_to
        official = {} if weights is None else read_weights(weights)
        if official:
            generation, queries = _told_by(official)
        # Nested as the official keys are; dilated, so that the last map stays at a sixteenth.
        features = mobilenet_v3_large(dilated=True).features
        self.backbone = nn.Sequential(nn.ModuleDict({"body": nn.ModuleDict({"features": features})}))
        self.input_proj = nn.ModuleList(
            nn.Sequential(nn.Conv2d(channels, _WIDTH, 1), nn.GroupNorm(32, _WIDTH)) for channels in (24, 40, 960)
        )
        self.query_embed = nn.Embedding(queries, 2 * _WIDTH)
        self.transformer = Transformer(_WIDTH)
        self.mask_head = MaskHead(_WIDTH) if generation == "2022-11" else EarlyMaskHead(_WIDTH)
        if official:
            load_official(self, official, str(weights))

    @classmethod
    def from_official(cls, state_dict: Mapping[str, Tensor], clip_length: int = 20, pad_to: int = 1) -> Self:
        """Build the network with the tensors of an official file; ``CheckpointError`` if they do not fit."""
        generation, queries = _told_by(state_dict)
        network = cls(clip_length=clip_length, pad_to=pad_to, generation=generation, queries=queries)
        load_official(network, state_dict)
        return network

    def forward(self, frames: Tensor, state: State = None) -> tuple[Tensor, State]:
        """Return the frames' alpha, clip by clip; the state stays None."""
        clips = torch.split(frames, self.clip_length, 1)
        return torch.cat([self._alpha(clip) for clip in clips], 1), None

    def _alpha(self, clip: Tensor) -> Tensor:
        h, w = clip.shape[-2:]
        logits = self.logits(clip)
        size = (h + -h % self.pad_to, w + -w % self.pad_to)
        # in full precision, so that autocast costs alpha none of its levels
        larger = F.interpolate(logits.flatten(0, 1).to(clip.dtype), size, mode="bilinear", align_corners=False)
        alpha = larger.sigmoid()
        return torch.unflatten(alpha[..., :h, :w], 0, logits.shape[:2])

    def logits(self, clip: Tensor) -> Tensor:
        """Run the bare network on one clip.

        Shape:
            - clip: (B, T, 3, H, W) RGB in [0, 1].
            - output: (B, T, 1, H' / 2, W' / 2) logits, where H' and W' are H and W with padding.
        """
        h, w = clip.shape[-2:]
        bottom, right = -h % self.pad_to, -w % self.pad_to
        images = F.pad(imagenet_normalised(clip.flatten(0, 1)), (0, right, 0, bottom))
        padded = F.pad(torch.zeros(h, w, device=clip.device), (0, right, 0, bottom), value=1).bool()
        levels = pyramid(padded, [(-(-(h + bottom) // s), -(-(w + right) // s)) for s in (4, 8, 16)])

        encoded = [self._encoded(group, levels) for (group,) in groups(images)]
        half, tokens = (torch.unflatten(torch.cat(x), 0, clip.shape[:2]) for x in zip(*encoded, strict=True))
        queries = self.transformer.decode(tokens, self.query_embed.weight, levels)
        logits: Tensor = self.mask_head(_as_maps(tokens, levels), half, queries[:, :, 0])
        return logits

    def _encoded(self, images: Tensor, levels: Pyramid) -> tuple[Tensor, Tensor]:
        """Return features at half the size, and the encoded tokens of all levels."""
        half, *maps = self._features(images)
        tokens = torch.cat([m.flatten(2).mT for m in maps], 1)
        return half, self.transformer.encode(tokens, levels)

    def _features(self, images: Tensor) -> list[Tensor]:
        """Return 16 channels at half the size, then the transformer's levels at a quarter to a sixteenth."""
        backbone = cast(nn.ModuleDict, self.backbone[0])
        features = []
        for index, layer in enumerate(backbone.get_submodule("body.features").children()):
            images = layer(images)
            if index in (1, 3, 6, 16):
                features.append(images)
        half, *levels = features
        return [half, *(project(level) for project, level in zip(self.input_proj, levels, strict=True))]


def _as_maps(tokens: Tensor, levels: Pyramid) -> tuple[Tensor, Tensor, Tensor]:
    split = torch.split(tokens.mT, [h * w for h, w in levels.sizes], -1)
    fine, middle, coarse = (torch.unflatten(x, -1, size) for x, size in zip(split, levels.sizes, strict=True))
    return fine, middle, coarse


def _told_by(official: Mapping[str, Tensor]) -> tuple[Generation, int]:
    """The generation and the number of queries of an official file."""
    late = any("temporal4.tmp_conv" in key for key in official)
    queries = [value.shape[0] for key, value in official.items() if key.endswith("query_embed.weight")]
    return "2022-11" if late else "2022-08", queries[0] if queries else 1
