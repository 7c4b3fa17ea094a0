"""What every matting network obeys, and the one way to freeze it."""

import hashlib
from typing import Any, Self, TypeAlias

import torch
from torch import Tensor, nn

State: TypeAlias = Any
"""What the next chunk of the same video needs: tensors in tuples, lists or dicts; None at a video's start."""


class MattingNetwork(nn.Module):
    """Frames in, alpha out: the call that training, testing, streaming and export share.

    A backbone, a boosted network and an ensemble all are one, so each can take another's place. Feeding a
    video in chunks of any length and passing ``state`` along gives the same alphas as feeding it whole.

    Shape:
        - frames: (B, T, 3, H, W) float RGB in [0, 1], any H and W.
        - state: None at the start of a video, later what the call before returned.
        - alpha: (B, T, 1, H, W) float in [0, 1].
    """

    remembers: bool = True
    """Whether a frame's alpha may depend on the frames before it; if not, training spares it those."""

    def forward(self, frames: Tensor, state: State = None) -> tuple[Tensor, State]:
        """Return the frames' alpha and the state for the frames that follow."""
        raise NotImplementedError

    def __call__(self, frames: Tensor, state: State = None, **inputs: Tensor) -> tuple[Tensor, State]:
        """Call ``forward``; ``inputs`` are the further inputs that some networks take, such as a trimap."""
        result: tuple[Tensor, State] = super().__call__(frames, state, **inputs)
        return result

    def stages(self, frames: Tensor, state: State = None, known: Tensor | None = None) -> tuple[list[Tensor], State]:
        """Return the alpha of each stage, the backbone's first and the network's own last, and the state.

        A network that corrects another one overrides this; any other has the one stage.

        Args:
            frames: As in ``forward``.
            state: As in ``forward``.
            known: The alpha of these frames that a ``Backbone`` below would give, if it is known already.
        """
        alpha, state = self(frames, state)
        return [alpha], state

    def fingerprint(self) -> str:
        """Return what tells this network's weights from any others: the SHA-256 of its state dict."""
        digest = hashlib.sha256()
        for name, tensor in sorted(self.state_dict().items()):
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
            # as bytes, since numpy knows no bfloat16
            digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()


class Frozen(MattingNetwork):
    """A network that can no longer change: no gradients, no dropout, no drift of running statistics.

    ``train()`` leaves it in eval mode. Its outputs are made under ``no_grad``, not
    ``inference_mode``, so that a network trained on top may save them for its backward pass.

    Args:
        network: The network to freeze, in place.
    """

    def __init__(self, network: MattingNetwork) -> None:
        super().__init__()
        self.network = network.requires_grad_(False)
        self.remembers = network.remembers
        self.eval()

    def train(self, mode: bool = True) -> Self:
        """Stay in eval mode, whatever ``mode`` the network around it is set to."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, frames: Tensor, state: State = None, **inputs: Tensor) -> tuple[Tensor, State]:
        """Run the network without autograd."""
        return self.network(frames, state, **inputs)

    @torch.no_grad()
    def stages(self, frames: Tensor, state: State = None, known: Tensor | None = None) -> tuple[list[Tensor], State]:
        """Return the alphas of the network's own stages, made without autograd."""
        return self.network.stages(frames, state, known)

    def fingerprint(self) -> str:
        """Return the fingerprint of the network inside."""
        return self.network.fingerprint()


class Backbone(Frozen):
    """The network at the bottom of a boosted one, B, whatever it is made of: where its alpha is known, it is not run.

    Args:
        network: The network to freeze, in place.
    """

    def stages(self, frames: Tensor, state: State = None, known: Tensor | None = None) -> tuple[list[Tensor], State]:
        """Return the known alpha, or else the alphas of the network's own stages, made without autograd."""
        return super().stages(frames, state) if known is None else ([known], state)
