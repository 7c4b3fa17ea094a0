"""Where the tokens of a feature pyramid lie in the image."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Pyramid:
    """The S tokens of all L levels, row by row, from the finest level to the coarsest.

    Shape:
        - sizes: L pairs of height and width, with S the sum of their products.
        - padded: (S,) bool, True where the image was padded.
        - shares: (L, 2), how much of each level's width and height is not padding.
        - references: (S, L, 2), each token's centre as (x, y) in [0, 1] of each level.
        - position: (S, 256), its sine embedding.
    """

    sizes: tuple[tuple[int, int], ...]
    padded: Tensor
    shares: Tensor
    references: Tensor
    position: Tensor


def pyramid(padded: Tensor, sizes: Sequence[tuple[int, int]]) -> Pyramid:
    """Lay out levels of ``sizes`` over an image.

    Shape:
        - padded: (H, W) bool, True where the image was padded, to the right and at the bottom.
    """
    masks = [F.interpolate(padded[None, None].float(), size)[0, 0].bool() for size in sizes]
    shares = torch.stack([torch.stack([_share(mask[0]), _share(mask[:, 0])]) for mask in masks])
    centres = torch.cat([_centres(mask) / share for mask, share in zip(masks, shares, strict=True)])
    return Pyramid(
        sizes=tuple(sizes),
        padded=torch.cat([mask.flatten() for mask in masks]),
        shares=shares,
        references=centres[:, None] * shares,
        position=torch.cat([_sine(mask) for mask in masks]),
    )


def _share(padded: Tensor) -> Tensor:
    return (~padded).float().mean()


def _centres(mask: Tensor) -> Tensor:
    h, w = mask.shape
    y = (torch.arange(h, device=mask.device) + 0.5) / h
    x = (torch.arange(w, device=mask.device) + 0.5) / w
    return torch.stack([x.expand(h, w), y[:, None].expand(h, w)], -1).flatten(0, 1)


def _sine(padded: Tensor, features: int = 128) -> Tensor:
    """Sines and cosines, in turns, of the row and then the column, each counted without padding."""
    inside = (~padded).float()
    y, x = inside.cumsum(0), inside.cumsum(1)
    y = (y - 0.5) / (y[-1:] + 1e-6) * (2 * math.pi)
    x = (x - 0.5) / (x[:, -1:] + 1e-6) * (2 * math.pi)
    period = 10000 ** (2 * (torch.arange(features, device=padded.device) // 2) / features)
    angles = torch.cat([y[..., None] / period, x[..., None] / period], -1)
    return torch.stack([angles[..., 0::2].sin(), angles[..., 1::2].cos()], -1).flatten(2).flatten(0, 1)
