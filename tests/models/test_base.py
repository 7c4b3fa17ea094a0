import torch
from torch import Tensor, nn

from vmatte_pl.models import Frozen, MattingNetwork
from vmatte_pl.models.base import State


class Drifting(MattingNetwork):
    """A network with a running statistic and dropout: what freezing must stop."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(3)
        self.dropout = nn.Dropout(0.5)

    def forward(self, frames: Tensor, state: State = None) -> tuple[Tensor, State]:
        x = self.dropout(self.norm(frames.flatten(0, 1))).mean(1, keepdim=True)
        return x.sigmoid().unflatten(0, frames.shape[:2]), state


def test_a_frozen_network_stays_as_it_is_in_train_mode() -> None:
    frozen, frames = Frozen(Drifting()).train(), torch.rand(2, 3, 3, 8, 8)
    before = {k: v.clone() for k, v in frozen.state_dict().items()}
    first, _ = frozen(frames)
    second, _ = frozen(frames)
    assert torch.equal(first, second)  # no dropout
    assert all(torch.equal(before[k], v) for k, v in frozen.state_dict().items())  # no drift
    assert not any(module.training for module in frozen.modules())


def test_a_frozen_network_needs_no_gradients_but_can_be_trained_upon() -> None:
    frozen = Frozen(Drifting())
    alpha, _ = frozen(torch.rand(1, 1, 3, 8, 8))
    assert not any(p.requires_grad for p in frozen.parameters())
    weight = torch.ones((), requires_grad=True)
    (alpha * weight).sum().backward()
    assert weight.grad is not None
    assert weight.grad.item() == alpha.sum().item()


def test_a_fingerprint_tells_weights_apart_and_survives_freezing() -> None:
    torch.manual_seed(0)
    network = Drifting()
    before = network.fingerprint()
    assert before == Drifting().fingerprint()
    assert Frozen(network).fingerprint() == before
    network.state_dict()["norm.running_mean"] += 1e-6
    assert network.fingerprint() != before


def test_a_network_without_parts_has_one_stage() -> None:
    network, frames = Drifting().eval(), torch.rand(1, 2, 3, 8, 8)
    alphas, state = network.stages(frames)
    assert len(alphas) == 1
    assert torch.equal(alphas[0], network(frames)[0])
    assert state is None
