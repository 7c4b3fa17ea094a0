"""Attention that looks at a few points of each level, wherever a query wants to look."""

import torch
import torch.nn.functional as F
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
        points = (references * sizes - 0.5)[:, None, :, None] + offsets
        # Under autocast the points stay exact, and so must what is sampled there.
        value, weights = value.to(points.dtype), weights.view(points.shape[:-1]).to(points.dtype)
        looked: Tensor = self.output_proj(sample(value, points, weights, pyramid).to(tokens.dtype))
        return looked


def sample(value: Tensor, points: Tensor, weights: Tensor, pyramid: Pyramid) -> Tensor:
    """Sum up weighted bilinear samples; what lies outside of a level is zero.

    Shape:
        - value: (N, S, C), the heads' channels one after another.
        - points: (N, Q, heads, L, P, 2), (x, y) in pixels of a level, whose first pixel's centre is 0.
        - weights: (N, Q, heads, L, P).
        - output: (N, Q, C).
    """
    fast = value.device.type == "cpu" and not torch.compiler.is_compiling()
    return (_sample_bags if fast else _sample_grids)(value, points, weights, pyramid)


def _sample_grids(value: Tensor, points: Tensor, weights: Tensor, pyramid: Pyramid) -> Tensor:
    """Sample by ``grid_sample``, which every device has and exporters know."""
    n, q = points.shape[:2]
    total = value.new_zeros(n * HEADS, value.shape[-1] // HEADS, q)
    for level, (image, (h, w)) in enumerate(zip(_images(value, pyramid), pyramid.sizes, strict=True)):
        grid = (2 * points[:, :, :, level] + 1) / points.new_tensor((w, h)) - 1
        share = weights[:, :, :, level].transpose(1, 2).flatten(0, 1)[:, None]
        heads = image.flatten(1, 2).mT.reshape(n * HEADS, -1, h, w)
        sampled = F.grid_sample(heads, grid.transpose(1, 2).flatten(0, 1), align_corners=False)
        total = total + (sampled * share).sum(-1)
    return total.view(n, -1, q).mT


def _sample_bags(value: Tensor, points: Tensor, weights: Tensor, pyramid: Pyramid) -> Tensor:
    """Sample by ``embedding_bag``: each head's output is a weighted sum of rows of a table of pixels.

    On a processor this is several times as fast as ``grid_sample``, for a head's channels lie together. A
    border of zeros around each level stands for all that is outside.
    """
    n, q = points.shape[:2]
    tables = [F.pad(image, (0, 0, 1, 2, 1, 2)).flatten(1, 2) for image in _images(value, pyramid)]
    table = torch.cat(tables, 1)

    # Every pixel has a row for each head. Counted in rows: a step down, and where pixel (0, 0) is.
    down = HEADS * torch.tensor([w + 3 for _, w in pyramid.sizes], dtype=torch.int32)
    start = HEADS * torch.tensor([0] + [t.shape[1] for t in tables[:-1]]).cumsum(0) + down + HEADS
    image = HEADS * table.shape[1] * torch.arange(n)
    first = (image[:, None, None] + torch.arange(HEADS)[:, None] + start).int()

    outside = points.new_tensor([(w, h) for h, w in pyramid.sizes])
    x, y = torch.minimum(points.clamp(min=-1), outside[:, None]).unbind(-1)
    left, top = x.floor(), y.floor()
    corner = top.int() * down[:, None] + left.int() * HEADS + first[:, None, ..., None]
    steps = torch.stack([0 * down, 0 * down + HEADS, down, down + HEADS], -1)
    rows = corner[..., None] + steps[:, None]

    below = weights * (y - top)
    above = weights - below
    above_right, below_right = above * (x - left), below * (x - left)
    shares = torch.stack([above - above_right, above_right, below - below_right, below_right], -1)
    bags = F.embedding_bag(
        rows.view(n * q * HEADS, -1),
        table.view(-1, value.shape[-1] // HEADS),
        per_sample_weights=shares.view(n * q * HEADS, -1),
        mode="sum",
    )
    return bags.view(n, q, -1)


def _images(value: Tensor, pyramid: Pyramid) -> list[Tensor]:
    levels = torch.split(value, [h * w for h, w in pyramid.sizes], 1)
    return [torch.unflatten(level, 1, size) for level, size in zip(levels, pyramid.sizes, strict=True)]
