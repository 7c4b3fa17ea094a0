"""Attention that looks at a few points of each level, wherever a query wants to look."""

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor, nn

from vmatte_pl.models.vmformer.pyramid import Pyramid

HEADS, LEVELS, POINTS = 8, 3, 4


class DeformableAttention(nn.Module):
    """Multi-scale deformable attention: each head weighs up four bilinear samples of every level.

    Source: X. Zhu et al., "Deformable DETR", 2021, in plain PyTorch.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.sampling_offsets = nn.Linear(width, HEADS * LEVELS * POINTS * 2)
        self.attention_weights = nn.Linear(width, HEADS * LEVELS * POINTS)
        self.value_proj = nn.Linear(width, width)
        self.output_proj = nn.Linear(width, width)
        self.output_proj_box = nn.Linear(width, width)  # unused; the official files have it

    def forward(self, query: Tensor, references: Tensor, tokens: Tensor, pyramid: Pyramid) -> Tensor:
        """Let Q queries look around their references.

        Shape:
            - query: (N, Q, C).
            - references: (Q, L, 2), (x, y) in [0, 1] of each level.
            - tokens: (N, S, C), laid out as ``pyramid`` says.
            - output: (N, Q, C).
        """
        n, q, _ = query.shape
        value = self.value_proj(tokens).masked_fill(pyramid.padded[:, None], 0)
        offsets = self.sampling_offsets(query).view(n, q, HEADS, LEVELS, POINTS, 2)
        weights = self.attention_weights(query).view(n, q, HEADS, LEVELS * POINTS).softmax(-1)
        sizes = offsets.new_tensor([(w, h) for h, w in pyramid.sizes])
        points = references[:, None, :, None] + offsets / sizes[:, None]
        looked: Tensor = self.output_proj(sample(value, points, weights.view(points.shape[:-1]), pyramid))
        return looked


def sample(value: Tensor, points: Tensor, weights: Tensor, pyramid: Pyramid) -> Tensor:
    """Sum up weighted bilinear samples; what lies outside of a level is zero.

    Shape:
        - value: (N, S, C), the heads' channels one after another.
        - points: (N, Q, heads, L, P, 2), (x, y) in [0, 1] of a level.
        - weights: (N, Q, heads, L, P).
        - output: (N, Q, C).
    """
    n, q = points.shape[:2]
    levels = torch.split(value, [h * w for h, w in pyramid.sizes], 1)
    total = value.new_zeros(n * HEADS, value.shape[-1] // HEADS, q)
    for level, (size, tokens) in enumerate(zip(pyramid.sizes, levels, strict=True)):
        image = tokens.mT.reshape(n * HEADS, -1, *size)
        grid = (2 * points[:, :, :, level] - 1).transpose(1, 2).flatten(0, 1)
        share = weights[:, :, :, level].transpose(1, 2).flatten(0, 1)[:, None]
        total = total + (F.grid_sample(image, grid, align_corners=False) * share).sum(-1)
    return total.view(n, -1, q).mT
