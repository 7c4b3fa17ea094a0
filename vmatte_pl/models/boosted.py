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

    def forward(self, frames: Tensor, state: State = None) -> tuple[Tensor, State]:
        """Return the corrected alpha, and the base's state with the last l frames."""
        alphas, state = self.stages(frames, state)
        return alphas[-1], state

    def stages(self, frames: Tensor, state: State = None, base: Tensor | None = None) -> tuple[list[Tensor], State]:
        """Return the alphas of all of the base's stages and the corrected one.

        Args:
            frames: The frames.
            state: What the call before returned.
            base: The base's alpha of them, where it is known: the base then does not run, and is one stage.
        """
        before = self.adapter.window
        base_state, past = (None, frames[:, :1].expand(-1, before, -1, -1, -1)) if state is None else state
        alphas, base_state = self.base.stages(frames, base_state) if base is None else ([base], None)
        seen = torch.cat([past, frames], dim=1)
        return [*alphas, self.adapter(seen, alphas[-1])], (base_state, seen[:, seen.shape[1] - before :])
