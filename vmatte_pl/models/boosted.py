"""Boosting with adapters: a frozen matting network and the adapter that corrects it are a matting network again."""

import torch
from torch import Tensor

from vmatte_pl.models.adapter import Adapter
from vmatte_pl.models.base import Frozen, MattingNetwork, State


class Boosted(MattingNetwork):
    """A frozen network and an adapter on top of it: B → A. It nests: ``Boosted(Boosted(B, A1), A2)``.

    At a video's start the frames before it are taken to be like its first one.

    Args:
        base: The network to boost; it is frozen here.
        adapter: What corrects its alpha; the only part that trains.
    """

    def __init__(self, base: MattingNetwork, adapter: Adapter) -> None:
        super().__init__()
        self.base = base if isinstance(base, Frozen) else Frozen(base)
        self.adapter = adapter
        self.remembers = self.base.remembers or adapter.window > 0

    def forward(self, frames: Tensor, state: State = None) -> tuple[Tensor, State]:
        """Return the corrected alpha, and the base's state with the last l frames."""
        alphas, state = self.stages(frames, state)
        return alphas[-1], state

    def stages(self, frames: Tensor, state: State = None, known: Tensor | None = None) -> tuple[list[Tensor], State]:
        """Return the alphas of all of the base's stages and the corrected one."""
        base_state, past = (None, None) if state is None else state
        seen, past = with_past(frames, past, self.adapter.window)
        alphas, base_state = self.base.stages(frames, base_state, known)
        return [*alphas, self.adapter(seen, alphas[-1])], (base_state, past)


def with_past(frames: Tensor, past: Tensor | None, length: int) -> tuple[Tensor, Tensor]:
    """Put the ``length`` frames before them in front of ``frames``; return that, and the last ``length`` of it.

    Shape:
        - frames: (B, T, C, H, W).
        - past: (B, length, C, H, W), or None at a video's start: then all are like the first frame.
        - output: (B, length + T, C, H, W) and (B, length, C, H, W).
    """
    if past is None:
        past = frames[:, :1].expand(-1, length, -1, -1, -1)
    seen = torch.cat([past, frames], dim=1)
    return seen, seen[:, seen.shape[1] - length :]
