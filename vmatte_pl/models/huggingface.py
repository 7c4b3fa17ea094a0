"""Matting networks of Hugging Face transformers, such as ViTMatte: an image and its trimap to alpha."""

import torch
from torch import Tensor

from vmatte_pl.errors import ConfigError
from vmatte_pl.models.base import MattingNetwork, State
from vmatte_pl.models.extras import extra
from vmatte_pl.models.images import groups, padded


class TransformersNetwork(MattingNetwork):
    """A matting network of transformers, which needs a trimap: ``network(frames, trimap=trimap)``.

    It works frame by frame, so its state is always None. Where the trimap is known, alpha is the trimap's.

    Args:
        name: A model on the Hugging Face hub, such as ``hustvl/vitmatte-small-composition-1k``, or a folder
            that ``save_pretrained`` wrote.
        multiple: The last row and column are repeated until both sides are multiples of this.

    Shape:
        - frames: (B, T, 3, H, W) RGB in [0, 1].
        - trimap: (B, T, 1, H, W): 0 is background, 1 is foreground, anything else is unknown.
        - alpha: (B, T, 1, H, W) in [0, 1].

    Source: J. Yao et al., "ViTMatte: Boosting Image Matting with Pretrained Plain Vision Transformers", 2023.
    """

    remembers = False

    def __init__(self, name: str, multiple: int = 32) -> None:
        super().__init__()
        self.source, self.multiple = name, multiple
        transformers = extra("transformers", "transformers")
        (architecture,) = transformers.AutoConfig.from_pretrained(name).architectures or [""]
        if not architecture.endswith("ForImageMatting"):
            raise ConfigError(
                expected="a network for image matting",
                found=architecture or "one without a name",
                where=name,
                remedy="give a model such as hustvl/vitmatte-small-composition-1k",
            )
        self.network = getattr(transformers, architecture).from_pretrained(name)

    def forward(self, frames: Tensor, state: State = None, trimap: Tensor | None = None) -> tuple[Tensor, State]:
        """Return the frames' alpha; the state stays None."""
        if trimap is None:
            raise ConfigError(
                expected="a trimap for every frame",
                found="none",
                where=self.source,
                remedy="pass trimap=..., or have WithTrimap draw it around what another network finds",
            )
        h, w = frames.shape[-2:]
        alphas = []
        for image, known in groups(frames.flatten(0, 1), trimap.flatten(0, 1).to(frames.dtype)):
            pixels = padded(torch.cat([2 * image - 1, known], 1), self.multiple)
            alpha = self.network(pixel_values=pixels).alphas[..., :h, :w]
            alphas.append(torch.where((known == 0) | (known == 1), known, alpha))
        return torch.unflatten(torch.cat(alphas), 0, frames.shape[:2]), None
