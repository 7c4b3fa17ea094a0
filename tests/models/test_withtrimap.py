import torch
from torch import Tensor

from tests.models.filled import frames
from vmatte_pl.models import MattingNetwork, WithTrimap
from vmatte_pl.models.base import State
from vmatte_pl.models.trimap import trimap_from_alpha


class Halves(MattingNetwork):
    """Finds somebody in the right half, and counts its calls."""

    def __init__(self, bias: float = 0.0) -> None:
        super().__init__()
        self.bias = torch.nn.Parameter(torch.tensor(bias))

    def forward(self, frames: Tensor, state: State = None) -> tuple[Tensor, State]:
        right = torch.arange(frames.shape[-1]) >= frames.shape[-1] // 2
        return right.expand_as(frames[:, :, :1]).float(), (state or 0) + 1


class Shows(MattingNetwork):
    """Returns the trimap as its alpha."""

    def forward(self, frames: Tensor, state: State = None, trimap: Tensor | None = None) -> tuple[Tensor, State]:
        assert trimap is not None
        return trimap, None


def test_the_trimap_is_a_band_around_what_the_coarse_network_finds() -> None:
    video = frames(2, 3, 40, 60)
    alpha, _ = WithTrimap(Shows(), Halves(), width=0.1)(video)
    assert torch.equal(alpha, trimap_from_alpha(Halves()(video)[0], 0.1))
    assert alpha.unique().tolist() == [0, 0.5, 1]


def test_the_state_is_the_coarse_networks() -> None:
    network, video = WithTrimap(Shows(), Halves()), frames(1, 1, 8, 8)
    _, state = network(video)
    assert network(video, state)[1] == 2


def test_either_network_changes_the_fingerprint() -> None:
    first = WithTrimap(Shows(), Halves()).fingerprint()
    assert first == WithTrimap(Shows(), Halves()).fingerprint()
    assert first != WithTrimap(Shows(), Halves(bias=1.0)).fingerprint()
    assert first != WithTrimap(Halves(), Shows()).fingerprint()
