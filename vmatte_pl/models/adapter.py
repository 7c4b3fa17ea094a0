"""The adapter A: a small segmentation network that looks at a window of frames and corrects an alpha."""

from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vmatte_pl.errors import ConfigError
from vmatte_pl.models.encoders import normalisation, segmentation_network

MARGIN = 0.05
"""How far from 0 and 1 an alpha is moved before its logit is taken; see ``shift_logits``."""

STRIDE = 32
"""Every smp architecture takes sizes that are multiples of this."""

CHANGE = 0.1
"""A usual change of a colour within a window, which the network sees as 1."""

LEAST_CHANGE = 0.05
"""Where an alpha changes by more than this from a pixel to the next, it has an edge."""

LEAST = {"pan": 128}
"""The least height and width of the architectures that pool down to nothing below it."""


class Adapter(nn.Module):
    """A segmentation network on I(t), I(t-1), …, I(t-l) and alpha(t), 3(l+1)+1 channels, that corrects the alpha.

    The earlier frames enter as their difference to I(t): what moves stands out, what stands still is 0. That is the
    same input, but one from which training learns motion sooner.

    A residual adapter starts as the identity, since its last layer starts at zero: before its first training
    step it returns the alpha that it was given.

    Args:
        architecture: A network of segmentation_models_pytorch by name: FPN, Unet, DeepLabV3, PAN, MAnet, Linknet, …;
            or ``FineUnet``, small and at full size, for hair and rims.
        encoder: An encoder of smp or, with the prefix ``tu-``, of timm; None for FineUnet, which has its own.
        encoder_weights: What the encoder starts from: a name of pre-trained weights such as ``imagenet``, which are
            downloaded, a published weight file (.safetensors, .pth) of that encoder, or None. Pre-trained filters see
            I(t) alone at first; those of the other channels start at zero.
        window: l, how many earlier frames it sees beside the current one.
        scale: At which share of the frames' size it works; its logits are scaled up. A half takes a quarter of
            the time, and what the given alpha knows of the edges stays.
        residual: Correct the given alpha in logit space, or else predict a new one directly.
        band: How many pixels around the given alpha's edges it may correct; what lies further off stays as it is. For
            a base that finds whom it should, and misses hair and rims; None corrects everywhere. Residual only.
        raise_only: Let no alpha come out lower than it went in. For a base that misses, as hair, more than it adds: on
            footage of another kind than that of training, lowering did its alphas most harm. Not for one that takes
            places for people. In training it lowers, too: no gradient would come from where it is held. As one of an
            ensemble's members it goes half-way to the highest alpha, and below the given one where all lower.
        frozen_norm: Keep the statistics of the encoder's batch normalisation as they came with ``encoder_weights``:
            small batches of one kind of footage would bend them. On the embedded backbone it cost a sixth of
            the gain and more (benchmarks/tried.md).
        options: Further settings of the architecture by name, such as ``decoder_channels`` of a Unet.

    Shape:
        - frames: (B, l + T, 3, H, W) RGB in [0, 1]: T frames and the l before them.
        - alpha: (B, T, 1, H, W) in [0, 1], of the last T frames.
        - output: (B, T, 1, H, W) in [0, 1].

    Raises:
        ConfigError: The architecture or the encoder is not known to smp, or the window or the scale makes no sense.
    """

    def __init__(
        self,
        architecture: str = "Unet",
        encoder: str | None = "tu-tf_mobilenetv3_small_minimal_100",
        encoder_weights: str | None = None,
        window: int = 2,
        scale: float = 1.0,
        residual: bool = True,
        band: int | None = None,
        raise_only: bool = False,
        frozen_norm: bool = False,
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
        if not 0 < scale <= 1:
            raise ConfigError(
                expected="a scale above 0, and 1 at most",
                found=str(scale),
                where="adapter.scale",
                remedy="set it to 1 for the frames' own size, to 0.5 for half of it",
            )
        if band is not None and (band < 0 or not residual):
            raise ConfigError(
                expected="a band of 0 or more pixels, of a residual adapter",
                found=f"{band}, residual {residual}",
                where="adapter.band",
                remedy="set it to null, or residual to true",
            )
        self.window, self.scale, self.residual = window, scale, residual
        self.band, self.raise_only, self.frozen_norm = band, raise_only, frozen_norm
        self.options = dict(options or {})
        frames = f"{window + 1} frame{'s' * (window > 0)}"
        self.description = ", ".join(filter(None, [architecture, encoder, frames]))
        self.least = LEAST.get(architecture.lower(), STRIDE)
        channels = 3 * (window + 1) + 1
        self.network = segmentation_network(architecture, encoder, encoder_weights, channels, self.options)
        self.reach: int | None = getattr(self.network, "reach", None)
        mean, std = normalisation(encoder, encoder_weights)
        # An alpha of 0 or 1 becomes -1 or 1, about the range of a normalised colour. Both belong to the weights: they
        # are what these were trained with, wherever they came from.
        self.register_buffer("mean", _channels([*mean, *[0.0] * (3 * window), 0.5]))
        self.register_buffer("std", _channels([*std, *[CHANGE] * (3 * window), 0.5]))
        if residual:
            last = [m for m in self.network.segmentation_head.modules() if isinstance(m, nn.Conv2d)][-1]
            for parameter in last.parameters():
                nn.init.zeros_(parameter)
        self.train()  # which Lightning does not ask for: it trains modules in the mode that they come in

    mean: Tensor
    std: Tensor

    @property
    def settings(self) -> dict[str, Any]:
        """What its weights were trained with and do not show."""
        return {name: getattr(self, name) for name in ("scale", "residual", "band", "raise_only", "options")}

    def train(self, mode: bool = True) -> Self:
        """Train, but for the normalisation that is frozen."""
        super().train(mode)
        if self.frozen_norm:
            for module in self.network.encoder.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
        return self

    def forward(self, frames: Tensor, alpha: Tensor) -> Tensor:
        """Return the corrected alpha."""
        corrected, _ = self.correct(frames, alpha)
        return torch.maximum(corrected, alpha) if self.careful else corrected

    @property
    def careful(self) -> bool:
        """Whether it may only raise now: not in training."""
        return self.raise_only and not self.training

    def correct(self, frames: Tensor, alpha: Tensor) -> tuple[Tensor, Tensor]:
        """Return the corrected alpha, raised or lowered, and the network's own logits, which say how sure it is."""
        T = alpha.shape[1]
        now, *before = (frames[:, self.window - k : self.window - k + T] for k in range(self.window + 1))
        x = torch.cat([now, *(past - now for past in before), alpha], dim=2).flatten(0, 1)
        x = (x - self.mean) / self.std
        if self.band is None:
            logits = self._segment(x).unflatten(0, alpha.shape[:2])
        else:
            near = edge_band(alpha, self.band)
            logits = near * self._segment_where(near.flatten(0, 1), x).unflatten(0, alpha.shape[:2])
        return shift_logits(alpha, logits) if self.residual else logits.sigmoid(), logits

    def _segment_where(self, near: Tensor, x: Tensor) -> Tensor:
        """Give the logits where ``near`` is above 0; what these do not depend on is left out, if that is known.

        Shape:
            - near: (N, 1, H, W); x: (N, C, H, W).
            - output: (N, 1, H, W).
        """
        if self.reach is None or self.scale < 1:
            return self._segment(x)
        rows, columns = (_span(near.amax(dim), self.reach) for dim in ((0, 1, 3), (0, 1, 2)))
        logits = self._segment(x[..., rows, columns])
        H, W = x.shape[-2:]
        return F.pad(logits, (columns.start, W - columns.stop, rows.start, H - rows.stop))

    def _segment(self, x: Tensor) -> Tensor:
        """Run the network at any size: (N, C, H, W) -> float32 logits (N, 1, H, W)."""
        size = x.shape[-2:]
        if self.scale < 1:
            x = F.interpolate(x, scale_factor=self.scale, mode="bilinear", antialias=True)
        H, W = x.shape[-2:]
        right, below = (max(self.least - side, -side % STRIDE) for side in (W, H))
        x = F.pad(x, (0, right, 0, below), mode="replicate")
        logits = self._run(x.contiguous(memory_format=torch.channels_last))[..., :H, :W].float()
        return logits if logits.shape[-2:] == size else F.interpolate(logits, size, mode="bilinear")

    def _run(self, x: Tensor) -> Tensor:
        try:
            logits: Tensor = self.network(x)
        except ValueError as error:
            if len(x) > 1 or "more than 1 value per channel" not in str(error):
                raise
            raise ConfigError(  # DeepLabV3 and PAN normalise what each picture is on average
                expected=f"training batches of two pictures or more for {self.description.partition(',')[0]}",
                found="one",
                where="data.batch_size",
                remedy="set --data.batch_size 2, and --data.samples_per_epoch to a multiple of it",
            ) from error
        return logits


def _span(near: Tensor, reach: int) -> slice:
    """Return the places within ``reach`` of those above 0, from a multiple of the stride on; a few at least."""
    places, side = near.nonzero().flatten(), len(near)
    if not len(places):
        return slice(0, min(STRIDE, side))
    first, last = int(places[0]), int(places[-1])
    return slice(max(first - reach, 0) // STRIDE * STRIDE, min(last + 1 + reach, side))


def edge_band(alpha: Tensor, radius: int, soft: int = 4) -> Tensor:
    """Mark what is near an alpha's edges: 1 within ``radius`` pixels, falling to 0 over about ``soft`` more.

    Shape:
        - alpha, output: (B, T, 1, H, W) in [0, 1].
    """
    x = alpha.flatten(0, 1)
    change = F.max_pool2d(x, 3, 1, 1) + F.max_pool2d(-x, 3, 1, 1)
    near = (change > LEAST_CHANGE).to(x.dtype)
    reach = radius + soft // 2
    for side in ((2 * reach + 1, 1), (1, 2 * reach + 1)):  # one after the other, as a square is their product
        near = F.max_pool2d(near, side, 1, (side[0] // 2, side[1] // 2))
    near = F.avg_pool2d(F.pad(near, (soft // 2,) * 4, mode="replicate"), soft + 1, 1)
    return near.view_as(alpha)


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


def _channels(values: list[float]) -> Tensor:
    return torch.tensor(values).view(1, -1, 1, 1)
