"""The adapter A: a small segmentation network that looks at a window of frames and corrects an alpha."""

from typing import Any

import segmentation_models_pytorch as smp
import torch
import torch.nn.functional as F
from segmentation_models_pytorch.encoders import get_preprocessing_params
from torch import Tensor, nn

from vmatte_pl.errors import ConfigError

MARGIN = 0.05
"""How far from 0 and 1 an alpha is moved before its logit is taken; see ``shift_logits``."""

STRIDE = 32
"""Every smp architecture takes sizes that are multiples of this."""


class Adapter(nn.Module):
    """A segmentation network on I(t), I(t-1), …, I(t-l) and alpha(t), 3(l+1)+1 channels, that corrects the alpha.

    A residual adapter starts as the identity, since its last layer starts at zero: before its first training
    step it returns the alpha that it was given.

    Args:
        architecture: A network of segmentation_models_pytorch by name: FPN, Unet, DeepLabV3, PAN, MAnet, Linknet, …
        encoder: An encoder of smp or, with the prefix ``tu-``, of timm.
        encoder_weights: A name of pre-trained weights such as ``imagenet``, which are downloaded, or None.
        window: l, how many earlier frames it sees beside the current one.
        residual: Correct the given alpha in logit space, or else predict a new one directly.
        options: Further settings of the architecture by name, such as ``decoder_channels`` of a Unet.

    Shape:
        - frames: (B, l + T, 3, H, W) RGB in [0, 1]: T frames and the l before them.
        - alpha: (B, T, 1, H, W) in [0, 1], of the last T frames.
        - output: (B, T, 1, H, W) in [0, 1].

    Raises:
        ConfigError: The architecture or the encoder is not known to smp, or the window is negative.
    """

    def __init__(
        self,
        architecture: str = "Unet",
        encoder: str = "tu-tf_mobilenetv3_small_minimal_100",
        encoder_weights: str | None = None,
        window: int = 2,
        residual: bool = True,
        options: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        if window < 0:
            raise ConfigError(
                expected="a window of 0 or more earlier frames",
                found=str(window),
                where="adapter.window",
                remedy="set it to 2 for the two frames before the current one",
            )
        self.window, self.residual = window, residual
        self.network = _segmentation_network(
            architecture, encoder, encoder_weights, 3 * (window + 1) + 1, options or {}
        )
        mean, std = _normalisation(encoder, encoder_weights)
        # an alpha of 0 or 1 becomes -1 or 1, about the range of a normalised colour
        self.register_buffer("mean", _channels([*mean * (window + 1), 0.5]), persistent=False)
        self.register_buffer("std", _channels([*std * (window + 1), 0.5]), persistent=False)
        if residual:
            last = [m for m in self.network.modules() if isinstance(m, nn.Conv2d)][-1]
            for parameter in last.parameters():
                nn.init.zeros_(parameter)

    mean: Tensor
    std: Tensor

    def forward(self, frames: Tensor, alpha: Tensor) -> Tensor:
        """Return the corrected alpha."""
        T = alpha.shape[1]
        newest_first = [frames[:, self.window - k : self.window - k + T] for k in range(self.window + 1)]
        x = torch.cat([*newest_first, alpha], dim=2).flatten(0, 1)
        logits = self._segment((x - self.mean) / self.std).unflatten(0, alpha.shape[:2])
        return shift_logits(alpha, logits) if self.residual else logits.sigmoid()

    def _segment(self, x: Tensor) -> Tensor:
        """Run the network at any size: (N, C, H, W) -> float32 logits (N, 1, H, W)."""
        H, W = x.shape[-2:]
        x = F.pad(x, (0, -W % STRIDE, 0, -H % STRIDE), mode="replicate")
        logits: Tensor = self.network(x.contiguous(memory_format=torch.channels_last))
        return logits[..., :H, :W].float()


def shift_logits(alpha: Tensor, logits: Tensor) -> Tensor:
    """Move ``alpha`` by ``logits`` in logit space; zero logits leave it as it is, exactly at 0 and 1 too.

    Alphas of 0 and 1 have infinite logits, which nothing could move and through which no gradient flows. So [0, 1]
    is mapped to [m, 1 - m] first and back afterwards. What then lies outside [0, 1] is clamped, with the gradient
    passed straight through: an alpha that stands wrongly at 0 or 1 can still be learnt away from there.

    Shape:
        - alpha, logits, output: equal shapes; alpha and output in [0, 1].
    """
    inner = torch.lerp(torch.full_like(alpha, MARGIN), torch.full_like(alpha, 1 - MARGIN), alpha)
    moved = (torch.sigmoid(torch.logit(inner) + logits) - MARGIN) / (1 - 2 * MARGIN)
    return moved + (moved.clamp(0, 1) - moved).detach()


def _segmentation_network(
    architecture: str, encoder: str, weights: str | None, channels: int, options: dict[str, Any]
) -> nn.Module:
    try:
        network: nn.Module = smp.create_model(
            architecture, encoder_name=encoder, encoder_weights=weights, in_channels=channels, classes=1, **options
        )
    except (KeyError, RuntimeError, TypeError, ValueError) as error:
        raise ConfigError(
            expected="an architecture, encoder and weights that segmentation_models_pytorch knows",
            found=f"{architecture}, {encoder}, {weights}, {options} ({str(error).splitlines()[0][:150]})",
            where="adapter",
            remedy="see smp.encoders.get_encoder_names() and timm.list_models()",
        ) from error
    if weights is not None:
        _start_from_the_current_frame(network, channels)
    return network.to(memory_format=torch.channels_last)


def _start_from_the_current_frame(network: nn.Module, channels: int) -> None:
    """Give the pre-trained filters to I(t) alone; the earlier frames and the alpha start at zero.

    smp and timm repeat the RGB filters over all channels, scaled down by 3 / channels, so that a pre-trained encoder
    would see the mean of all frames and take the alpha for a red picture.
    """
    first = next(m for m in network.modules() if isinstance(m, nn.Conv2d) and m.in_channels == channels)
    with torch.no_grad():
        first.weight[:, :3] *= channels / 3
        first.weight[:, 3:] = 0


def _normalisation(encoder: str, weights: str | None) -> tuple[list[float], list[float]]:
    """Return the mean and standard deviation of RGB in [0, 1] that the encoder expects: ImageNet's, if untrained."""
    if weights is None:  # smp would ask a hub
        return [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    params = get_preprocessing_params(encoder, weights)
    scale = max(params["input_range"])  # a few encoders count colours up to 255
    return [m / scale for m in params["mean"]], [s / scale for s in params["std"]]


def _channels(values: list[float]) -> Tensor:
    return torch.tensor(values).view(1, -1, 1, 1)
