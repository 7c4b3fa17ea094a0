"""A network that needs a trimap, with one that is drawn around what another network finds."""

import hashlib

from torch import Tensor

from vmatte_pl.models.base import MattingNetwork, State
from vmatte_pl.models.trimap import trimap_from_alpha


class WithTrimap(MattingNetwork):
    """Find the person with one network, draw a trimap around them, fill it in with another one.

    So FBA or ViTMatte take video without anyone drawing trimaps. The state is that of the network that finds.

    Args:
        network: The network that needs a trimap, such as ``FBA``.
        coarse: The network that needs none, such as ``RVM``.
        width: How far the unknown band reaches to either side, as a fraction of the frame's shorter side.
        low: Up to this coarse alpha a pixel is surely background.
        high: From this one on it surely is foreground.

    Shape:
        - frames: (B, T, 3, H, W) RGB in [0, 1].
        - alpha: (B, T, 1, H, W) in [0, 1].
    """

    def __init__(
        self,
        network: MattingNetwork,
        coarse: MattingNetwork,
        width: float = 0.02,
        low: float = 0.05,
        high: float = 0.95,
    ) -> None:
        super().__init__()
        self.network, self.coarse = network, coarse
        self.width, self.low, self.high = width, low, high

    def forward(self, frames: Tensor, state: State = None) -> tuple[Tensor, State]:
        """Return the frames' alpha and the state of the coarse network."""
        coarse, state = self.coarse(frames, state)
        trimap = trimap_from_alpha(coarse, self.width, low=self.low, high=self.high)
        alpha, _ = self.network(frames, trimap=trimap)
        return alpha, state

    def fingerprint(self) -> str:
        """Return what tells both networks' weights from any others; either may be a file."""
        return hashlib.sha256((self.network.fingerprint() + self.coarse.fingerprint()).encode()).hexdigest()
