"""Boosting using an ensemble: adapters side by side on a frozen network, and a head that joins their alphas."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from vmatte_pl.errors import ConfigError
from vmatte_pl.models.adapter import Adapter, shift_logits
from vmatte_pl.models.base import Frozen, MattingNetwork, State
from vmatte_pl.models.boosted import with_past


class Head(nn.Module):
    """The Conv3D head h: it joins the members' alphas by what they, the base and a window of frames show.

    For every pixel it gives each member a weight, and corrects their weighted mean in logit space. Its last layer
    starts at zero: all weights are equal then and nothing is corrected, so that it begins as the members' mean. It
    looks back in time, never ahead.

    Args:
        members: n, how many alphas it joins.
        window: l, how many earlier frames it sees beside the current one.
        width: Channels of its hidden layers.

    Shape:
        - clues: (B, l + T, 2n + 4, H, W), see ``clues_of``: of T frames and the l before them.
        - alphas: (B, T, n, H, W) in [0, 1], the members'.
        - output: (B, T, 1, H, W) in [0, 1].

    Raises:
        ConfigError: The window or the width makes no sense.
    """

    def __init__(self, members: int, window: int = 2, width: int = 16) -> None:
        super().__init__()
        if window < 0 or width < 1:
            raise ConfigError(
                expected="a head of 0 or more earlier frames and 1 or more channels",
                found=f"window {window}, width {width}",
                where="model.head_window, model.head_width",
                remedy="leave them out for 2 and 16",
            )
        self.window = window
        self.hidden = nn.Sequential(
            nn.Conv3d(2 * members + 4, width, (window + 1, 3, 3), padding=(0, 1, 1)),
            nn.ReLU(inplace=True),
            nn.Conv3d(width, width, (1, 3, 3), padding=(0, 2, 2), dilation=(1, 2, 2)),
            nn.ReLU(inplace=True),
            nn.Conv3d(width, width, (1, 3, 3), padding=(0, 4, 4), dilation=(1, 4, 4)),
            nn.ReLU(inplace=True),
        )
        self.last = nn.Conv3d(width, members + 1, 1)
        for parameter in self.last.parameters():
            nn.init.zeros_(parameter)
        self.to(memory_format=torch.channels_last_3d)  # half the time on a CPU

    def forward(self, clues: Tensor, alphas: Tensor) -> Tensor:
        """Return the joint alpha."""
        x = clues.transpose(1, 2).contiguous(memory_format=torch.channels_last_3d)
        # With AMX, torch 2.14's gradient of a Conv3D's weights in bfloat16 writes beyond its memory: the process dies.
        low = torch.is_autocast_enabled("cpu") and not torch.is_grad_enabled()
        with torch.autocast("cpu", enabled=low):
            logits = self.last(self.hidden(x)).transpose(1, 2).float()
        weights = logits[:, :, :-1].softmax(2)
        return shift_logits((weights * alphas).sum(2, keepdim=True), logits[:, :, -1:])


class Members(MattingNetwork):
    """Adapters side by side on one pass of a frozen network: B → A1 … An. Its alpha is their mean.

    Args:
        base: The network to boost; it is frozen here.
        adapters: The members; they are all that trains, each by itself.
    """

    def __init__(self, base: MattingNetwork, adapters: Sequence[Adapter]) -> None:
        super().__init__()
        self.base = base if isinstance(base, Frozen) else Frozen(base)
        self.adapters = nn.ModuleList(adapters)
        self.window = max(adapter.window for adapter in adapters)
        self.remembers = self.base.remembers or self.window > 0

    def forward(self, frames: Tensor, state: State = None) -> tuple[Tensor, State]:
        """Return the members' mean, and the base's state with the last frames."""
        alphas, state = self.stages(frames, state)
        return alphas[-1], state

    def stages(self, frames: Tensor, state: State = None, known: Tensor | None = None) -> tuple[list[Tensor], State]:
        """Return the alphas of all of the base's stages and the members' mean."""
        alphas, opinions, _, state = self.consult(frames, state, known)
        return [*alphas, opinions.mean(2, keepdim=True)], state

    def consult(
        self, frames: Tensor, state: State = None, known: Tensor | None = None
    ) -> tuple[list[Tensor], Tensor, Tensor, State]:
        """Return the alphas of all of the base's stages, what ``opinions`` returns, and the state."""
        base_state, past = (None, None) if state is None else state
        seen, past = with_past(frames, past, self.window)
        alphas, base_state = self.base.stages(frames, base_state, known)
        return alphas, *self.opinions(seen, alphas[-1]), (base_state, past)

    def opinions(self, seen: Tensor, alpha: Tensor) -> tuple[Tensor, Tensor]:
        """Return every member's alpha and logits.

        What one of several careful members finds is there more often than not, and what all would lower is too high
        more often than what one would. So those that may only raise go half-way to the highest of all alphas.

        Shape:
            - seen: (B, l + T, 3, H, W), l the longest of the members' windows.
            - alpha: (B, T, 1, H, W), the base's of the last T frames.
            - output: (B, T, n, H, W) in [0, 1], and (B, T, n, H, W).
        """
        said = [member.correct(seen[:, self.window - member.window :], alpha) for member in self.members]
        corrected, logits = zip(*said, strict=True)
        highest = torch.cat(corrected, 2).amax(2, keepdim=True)
        alphas = [
            (torch.maximum(its, alpha) + highest) / 2 if member.careful else its
            for member, its in zip(self.members, corrected, strict=True)
        ]
        return torch.cat(alphas, 2), torch.cat(logits, 2)

    @property
    def members(self) -> list[Adapter]:
        """The adapters."""
        return list(self.adapters)  # type: ignore[arg-type]  # a ModuleList forgets what it holds


class Ensemble(MattingNetwork):
    """Members, frozen, and the head that joins their alphas: B → A*1 … A*n → h.

    Args:
        members: The adapters on their base; they are frozen here.
        head: What joins their alphas; the only part that trains.
    """

    def __init__(self, members: Members, head: Head) -> None:
        super().__init__()
        self.members = Frozen(members)
        self.head = head
        self.remembers = members.remembers or head.window > 0

    def forward(self, frames: Tensor, state: State = None) -> tuple[Tensor, State]:
        """Return the joint alpha, and the members' state with the last clues."""
        alphas, state = self.stages(frames, state)
        return alphas[-1], state

    def stages(self, frames: Tensor, state: State = None, known: Tensor | None = None) -> tuple[list[Tensor], State]:
        """Return the alphas of all of the base's stages, the members' mean and the joint one."""
        members_state, past = (None, None) if state is None else state
        members: Members = self.members.network  # type: ignore[assignment]  # what was frozen
        with torch.no_grad():
            alphas, opinions, logits, members_state = members.consult(frames, members_state, known)
        clues, past = with_past(clues_of(frames, alphas[-1], opinions, logits), past, self.head.window)
        joint = self.head(clues, opinions)
        return [*alphas, opinions.mean(2, keepdim=True), joint], (members_state, past)


def clues_of(frames: Tensor, base: Tensor, alphas: Tensor, logits: Tensor) -> Tensor:
    """Put all that the head sees of each frame together, scaled to [-1, 1].

    Shape:
        - frames: (B, T, 3, H, W) in [0, 1].
        - base: (B, T, 1, H, W) in [0, 1].
        - alphas, logits: (B, T, n, H, W), the members'.
        - output: (B, T, 2n + 4, H, W).
    """
    return torch.cat([2 * alphas - 1, (logits / 4).tanh(), 2 * base - 1, 2 * frames - 1], dim=2)
