"""Pieces of training windows: the base sees whole frames, what trains sees a piece of each."""

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor

from vmatte_pl.data.views import Size
from vmatte_pl.types import ClipBatch

_GRID = 8  # pixels: how finely edges are looked for
_NOISE = 0.05  # what compressed mattes are unsure of all over


def crop_to_edges(
    frames: Tensor, alpha: Tensor, batch: ClipBatch, size: Size, pieces: int = 1
) -> tuple[Tensor, Tensor, ClipBatch]:
    """Cut the same pieces from all pictures of each window, at random, but where alphas are soft or differ.

    Most of a frame is certain, and says nothing to what corrects an alpha; wide hair says more than a sharp shoulder.
    A window that is flat all over is cut anywhere; frames that are smaller than a piece keep their size. Half of the
    pieces stand on their heads, and half of those that are square lie on their side: an edge may run any way.

    Args:
        frames: The windows, with the frames before them that are only looked at.
        alpha: The base's alpha.
        batch: The windows' layers; all of them are cut.
        size: Height and width of the pieces, h and w.
        pieces: n, how many are cut of each window; they follow one another.

    Shape:
        - frames: (B, l + T, 3, H, W) in [0, 1].
        - alpha: (B, T, 1, H, W) in [0, 1].
        - output: as they came, with h and w for H and W, and n·B for B.
    """
    H, W = alpha.shape[-2:]
    h, w = min(size[0], H), min(size[1], W)
    seen = _edge_pixels(alpha[:, -1], batch["pha"][:, -1], pieces)
    room = (torch.tensor([h, w]) - _GRID).clamp(min=0)  # what is seen lies anywhere in the piece
    corners = (seen - torch.rand(seen.shape) * room).clamp(min=0).long()
    corners = corners.minimum(torch.tensor([H - h, W - w]))
    turns = (torch.rand(len(corners), 2) < 0.5).tolist()

    def cut(pictures: Tensor) -> Tensor:
        cuts = [pictures[i // pieces, ..., y : y + h, x : x + w] for i, (y, x) in enumerate(corners.tolist())]
        return torch.stack([_turn(piece, *turn) for piece, turn in zip(cuts, turns, strict=True)])

    layers = {key: cut(value) for key, value in batch.items() if isinstance(value, Tensor) and value.ndim == 5}
    clips = [clip for clip in batch["clip"] for _ in range(pieces)]
    of_each = {"clip": clips, "start": batch["start"].repeat_interleave(pieces)}
    return cut(frames), cut(alpha), cast(ClipBatch, {**batch, **layers, **of_each})


def _turn(piece: Tensor, upside_down: bool, aside: bool) -> Tensor:
    piece = piece.flip(-2) if upside_down else piece
    return piece.mT if aside and piece.shape[-2] == piece.shape[-1] else piece


def _edge_pixels(alpha: Tensor, true: Tensor, count: int) -> Tensor:
    """Draw cells of each window, their first pixels as (n·B, 2): those more often whose alphas are soft or differ."""
    unsure = alpha * (1 - alpha) + true * (1 - true) + (alpha - true).abs()
    unsure = (unsure - _NOISE).clamp(min=0)
    share = F.avg_pool2d(unsure, _GRID, ceil_mode=True).flatten(1).float().cpu()
    share += 1e-6  # lets windows be drawn from that are flat all over
    drawn = torch.multinomial(share, count, replacement=True).view(-1, 1)
    columns = -(-alpha.shape[-1] // _GRID)
    return torch.cat([drawn // columns, drawn % columns], dim=1) * _GRID
