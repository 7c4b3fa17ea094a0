"""From the encoder's maps, coarse to fine, to a logit for each pixel at half the frame's size."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class MaskHead(nn.Module):
    """The mask head of November 2022: on every level, half of the channels remember the frames before."""

    def __init__(self, width: int) -> None:
        super().__init__()
        for level in (4, 3, 2):
            setattr(self, f"lay{level}", _conv3x3(width))
            setattr(self, f"temporal{level}", self._memory(width // 2))
        self.proj = nn.Sequential(nn.Conv2d(16, width, 1), nn.GroupNorm(32, width))
        self.lay_up = _conv3x3(width)

    def forward(self, maps: tuple[Tensor, Tensor, Tensor], half: Tensor, query: Tensor) -> Tensor:
        """Return the logits of a clip's frames.

        Shape:
            - maps: (B, T, C, H / 4, W / 4) and so on to a sixteenth.
            - half: (B, T, 16, H / 2, W / 2).
            - query: (B, T, C).
            - output: (B, T, 1, H / 2, W / 2).
        """
        x = self._level(4, maps[2])
        x = self._level(3, maps[1] + _enlarged(x, maps[1]))
        x = self._level(2, maps[0] + _enlarged(x, maps[0]))
        # Frame by frame: at this size, the features of a whole clip would take most of the memory.
        frames = zip(x.unbind(1), half.unbind(1), query.unbind(1), strict=True)
        return torch.stack([self._logits(*frame) for frame in frames], 1)

    def _logits(self, x: Tensor, half: Tensor, query: Tensor) -> Tensor:
        x = F.interpolate(x, half.shape[-2:], mode="bilinear", align_corners=False)
        x = F.relu(self.lay_up(x.add_(self.proj(half))), inplace=True)
        return torch.einsum("bchw,bc->bhw", x, query)[:, None]

    def _level(self, level: int, x: Tensor) -> Tensor:
        """Mix the memory into the second half of the channels, then convolve."""
        convolve, memory = self.get_submodule(f"lay{level}"), self.get_submodule(f"temporal{level}")
        still, moving = x.chunk(2, 2)
        state, *later = moving.unbind(1)
        states = [state]
        for frame in later:
            state = memory(state, frame)
            states.append(state)
        x = torch.cat([still, torch.stack(states, 1)], 2)
        return torch.unflatten(F.relu(convolve(x.flatten(0, 1)), inplace=True), 0, x.shape[:2])

    def _memory(self, width: int) -> nn.Module:
        return _Memory(width)


class EarlyMaskHead(MaskHead):
    """The mask head of August 2022: what is remembered is what came out of the level's convolution."""

    def _level(self, level: int, x: Tensor) -> Tensor:
        convolve, memory = self.get_submodule(f"lay{level}"), self.get_submodule(f"temporal{level}")
        frames: list[Tensor] = []
        for frame in x.unbind(1):
            if frames:
                still, moving = frame.chunk(2, 1)
                frame = torch.cat([still, memory(moving + frames[-1].chunk(2, 1)[1])], 1)
            frames.append(F.relu(convolve(frame), inplace=True))
        return torch.stack(frames, 1)

    def _memory(self, width: int) -> nn.Module:
        return nn.Conv2d(width, width, 1)


class _Memory(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.tmp_conv, self.cur_conv = nn.Conv2d(width, width, 1), nn.Conv2d(width, width, 1)

    def forward(self, state: Tensor, frame: Tensor) -> Tensor:
        return torch.tanh(self.tmp_conv(state) + self.cur_conv(frame))


def _conv3x3(width: int) -> nn.Module:
    return nn.Conv2d(width, width, 3, padding=1)


def _enlarged(x: Tensor, like: Tensor) -> Tensor:
    larger = F.interpolate(x.flatten(0, 1), like.shape[-2:], mode="bilinear", align_corners=False)
    return torch.unflatten(larger, 0, like.shape[:2])
