"""The transformer: an encoder for each frame, and a decoder whose queries see all frames of a clip."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vmatte_pl.models.vmformer.attention import HEADS, LEVELS, DeformableAttention
from vmatte_pl.models.vmformer.pyramid import Pyramid


class Transformer(nn.Module):
    """One encoder and one decoder layer, as published; without the dropout of their training."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.level_embed = nn.Parameter(torch.randn(LEVELS, width))
        self.encoder = _Stack(_EncoderLayer(width))
        self.decoder = _Stack(_DecoderLayer(width))
        self.reference_points = nn.Linear(width, 2)

    def encode(self, tokens: Tensor, pyramid: Pyramid) -> Tensor:
        """Let the tokens of each frame see each other.

        Shape:
            - tokens, output: (N, S, C), laid out as ``pyramid`` says.
        """
        levels = [
            embedding.expand(h * w, -1) for embedding, (h, w) in zip(self.level_embed, pyramid.sizes, strict=True)
        ]
        position = pyramid.position + torch.cat(levels)
        for layer in self.encoder.layers:
            tokens = layer(tokens, position, pyramid)
        return tokens

    def decode(self, tokens: Tensor, queries: Tensor, pyramid: Pyramid) -> Tensor:
        """Let the queries look at the tokens of each frame, and of all frames through a weighted sum.

        Shape:
            - tokens: (B, T, S, C), encoded.
            - queries: (Q, 2 * C), each query's position and its first value.
            - output: (B, T, Q, C).
        """
        b, t = tokens.shape[:2]
        position, target = queries.chunk(2, 1)
        references = self.reference_points(position).sigmoid()[:, None] * pyramid.shares
        target = target.expand(b * t, -1, -1)
        for layer in self.decoder.layers:
            target = layer(target, position, references, tokens, pyramid)
        return torch.unflatten(target, 0, (b, t))


class _Stack(nn.Module):
    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layers = nn.ModuleList([layer])


class _EncoderLayer(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.self_attn = DeformableAttention(width)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.linear1, self.linear2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, tokens: Tensor, position: Tensor, pyramid: Pyramid) -> Tensor:
        looked = self.self_attn(tokens + position, pyramid.references, tokens, pyramid)
        tokens = self.norm1(tokens + looked)
        encoded: Tensor = self.norm2(tokens + self.linear2(F.relu(self.linear1(tokens), inplace=True)))
        return encoded


class _DecoderLayer(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.self_attn = nn.MultiheadAttention(width, HEADS, batch_first=True)
        self.cross_attn = DeformableAttention(width)
        self.time_attention_weights = nn.Linear(width, 1)
        self.norm1, self.norm2, self.norm3 = nn.LayerNorm(width), nn.LayerNorm(width), nn.LayerNorm(width)
        self.linear1, self.linear2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, target: Tensor, position: Tensor, references: Tensor, tokens: Tensor, pyramid: Pyramid) -> Tensor:
        placed = target + position
        talked, _ = self.self_attn(placed, placed, target, need_weights=False)
        target = self.norm2(target + talked)
        looked = self.cross_attn(target + position, references, tokens.flatten(0, 1), pyramid)
        clips = torch.unflatten(looked, 0, tokens.shape[:2])
        over_time = (self.time_attention_weights(clips).softmax(1) * clips).sum(1, keepdim=True)
        target = self.norm1(target + (clips + over_time).flatten(0, 1))
        decoded: Tensor = self.norm3(target + self.linear2(F.relu(self.linear1(target), inplace=True)))
        return decoded
