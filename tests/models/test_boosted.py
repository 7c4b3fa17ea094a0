from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from vmatte_pl.errors import ConfigError
from vmatte_pl.models import Adapter, Backbone, Boosted, Ensemble, Head, MattingNetwork, Members, TinyMatte
from vmatte_pl.models.base import State


class RunningMean(MattingNetwork):
    """A recurrent network: its alpha is the mean brightness of all frames so far."""

    def forward(self, frames: Tensor, state: State = None) -> tuple[Tensor, State]:
        total, count = (0.0, 0) if state is None else state
        sums = frames.mean(2, keepdim=True).cumsum(1) + total
        counts = torch.arange(count + 1, count + 1 + frames.shape[1]).view(1, -1, 1, 1, 1)
        return sums / counts, (sums[:, -1:], count + frames.shape[1])


def trained_adapter(window: int, seed: int = 0) -> Adapter:
    """An adapter that does correct: its last layer is no longer zero."""
    torch.manual_seed(seed)
    adapter = Adapter("Unet", "tu-tf_mobilenetv3_small_minimal_100", window=window)
    last = [m for m in adapter.modules() if isinstance(m, nn.Conv2d)][-1]
    nn.init.normal_(last.weight, std=0.1)
    return adapter


def moving(by: float, **settings: Any) -> Adapter:
    """An adapter that moves every alpha by as much in logit space."""
    adapter = Adapter("FineUnet", None, window=0, **settings)
    nn.init.constant_(adapter.network.segmentation_head.bias, by)
    return adapter


@torch.no_grad()
def alphas_of(moves: Sequence[float], frames: Tensor, alpha: Tensor) -> Tensor:
    """What adapters that move by so much make of an alpha, side by side."""
    return torch.cat([moving(by).eval()(frames, alpha) for by in moves], 2)


def members() -> Members:
    """Three that see 2, 0 and 1 earlier frames, on a network with a memory."""
    return Members(RunningMean(), [trained_adapter(window, seed=window) for window in (2, 0, 1)])


def ensemble() -> Ensemble:
    """Members and a head that does correct."""
    torch.manual_seed(3)
    head = Head(3, window=2)
    nn.init.normal_(head.last.weight, std=0.5)
    return Ensemble(members(), head)


def in_chunks(network: MattingNetwork, frames: Tensor, lengths: list[int]) -> Tensor:
    state, alphas = None, []
    for chunk in frames.split(lengths, dim=1):
        alpha, state = network(chunk, state)
        alphas.append(alpha)
    return torch.cat(alphas, dim=1)


NETWORKS: dict[str, Callable[[], MattingNetwork]] = {
    "tiny": lambda: TinyMatte(pretrained=False),
    "recurrent": RunningMean,
    "boosted": lambda: Boosted(TinyMatte(pretrained=False), trained_adapter(2)),
    "boosted without a past": lambda: Boosted(RunningMean(), trained_adapter(0)),
    "members": lambda: members(),
    "ensemble": lambda: ensemble(),
    "boosted ensemble": lambda: Boosted(ensemble(), trained_adapter(1, seed=3)),
    "boosted twice": lambda: Boosted(Boosted(RunningMean(), trained_adapter(2)), trained_adapter(1, seed=1)),
}


@pytest.mark.parametrize("lengths", [[1] * 5, [2, 3], [4, 1]])
@pytest.mark.parametrize("name", NETWORKS)
@torch.no_grad()
def test_a_video_in_chunks_gives_the_alphas_of_the_whole(name: str, lengths: list[int]) -> None:
    torch.manual_seed(0)
    network, frames = NETWORKS[name]().eval(), torch.rand(2, 5, 3, 40, 56)
    whole, _ = network(frames)
    assert whole.shape == (2, 5, 1, 40, 56)
    torch.testing.assert_close(in_chunks(network, frames, lengths), whole, atol=1e-4, rtol=0)


@torch.no_grad()
def test_before_training_a_boosted_network_equals_its_base() -> None:
    base = TinyMatte(pretrained=False).eval()
    boosted, frames = Boosted(base, Adapter(window=2)).eval(), torch.rand(1, 3, 3, 48, 64)
    torch.testing.assert_close(boosted(frames)[0], base(frames)[0], atol=1e-4, rtol=0)


@torch.no_grad()
def test_the_stages_are_those_of_the_networks_inside() -> None:
    one = Boosted(RunningMean(), trained_adapter(1))
    two, frames = Boosted(one, trained_adapter(2, seed=1)).eval(), torch.rand(1, 3, 3, 32, 32)
    alphas, _ = two.stages(frames)
    assert len(alphas) == 3
    torch.testing.assert_close(alphas[0], RunningMean()(frames)[0])
    torch.testing.assert_close(alphas[1], one(frames)[0])
    torch.testing.assert_close(alphas[2], two(frames)[0])


def test_only_the_newest_adapter_trains() -> None:
    two = Boosted(Boosted(TinyMatte(pretrained=False), trained_adapter(1)), trained_adapter(1, seed=1)).train()
    assert {n.split(".")[0] for n, p in two.named_parameters() if p.requires_grad} == {"adapter"}
    assert not any(module.training for module in two.base.modules())
    assert two.adapter.training


@torch.no_grad()
def test_the_members_mean_is_that_of_the_networks_boosted_one_by_one() -> None:
    frames = torch.rand(1, 4, 3, 32, 32)
    alphas, _ = members().eval().stages(frames)
    alone = [Boosted(RunningMean(), trained_adapter(w, seed=w)).eval()(frames)[0] for w in (2, 0, 1)]
    assert len(alphas) == 2
    torch.testing.assert_close(alphas[1], torch.stack(alone).mean(0))


@pytest.mark.parametrize(
    ("moves", "held"),
    [
        ((1.0, 2.0), (1.0, 2.0)),  # what raises is not held
        ((-1.0, 2.0), (0.0, 2.0)),  # one does not lower where the other raises
        ((-1.0, -2.0), (0.0, 0.0)),  # neither lowers by itself
    ],
)
@torch.no_grad()
def test_members_that_may_only_raise_go_half_way_to_the_highest(moves: Sequence[float], held: Sequence[float]) -> None:
    frames, alpha = torch.rand(1, 2, 3, 32, 32), torch.rand(1, 2, 1, 32, 32)
    network = Members(RunningMean(), [moving(by, raise_only=True) for by in moves]).eval()
    alphas, logits = network.opinions(frames, alpha)
    learnt, _ = network.train().opinions(frames, alpha)
    by_themselves, highest = alphas_of(held, frames, alpha), alphas_of([max(moves)], frames, alpha)
    torch.testing.assert_close(alphas, (by_themselves + highest) / 2)
    torch.testing.assert_close(learnt, alphas_of(moves, frames, alpha))  # where they are held, no gradient would come
    assert [logit.mean().item() for logit in logits.unbind(2)] == pytest.approx(list(moves))
    assert ((alphas < alpha).any() == all(by < 0 for by in moves)).item()


@torch.no_grad()
def test_a_member_that_may_lower_is_not_held() -> None:
    frames, alpha = torch.rand(1, 2, 3, 32, 32), torch.rand(1, 2, 1, 32, 32)
    adapters = [moving(-1.0), moving(-2.0, raise_only=True), moving(2.0)]
    alphas, _ = Members(RunningMean(), adapters).eval().opinions(frames, alpha)
    expected = alphas_of([-1.0, 0.0, 2.0], frames, alpha)
    expected[:, :, 1] = expected[:, :, 1:].mean(2)
    torch.testing.assert_close(alphas, expected)


@torch.no_grad()
def test_a_new_head_returns_the_members_mean() -> None:
    frames = torch.rand(1, 3, 3, 33, 50)
    base, mean, joint = Ensemble(members(), Head(3)).eval().stages(frames)[0]
    torch.testing.assert_close(joint, mean, atol=1e-6, rtol=0)
    assert (base - mean).abs().max() > 0.01


@pytest.mark.parametrize(("window", "width"), [(-1, 16), (2, 0)])
def test_a_head_that_sees_nothing_is_refused(window: int, width: int) -> None:
    with pytest.raises(ConfigError, match=f"found window {window}, width {width}"):
        Head(2, window, width)


def test_the_head_looks_back_as_far_as_its_window_and_never_ahead() -> None:
    head = Head(2, window=1)
    nn.init.normal_(head.last.weight)
    clues, alphas = torch.rand(1, 5, 8, 12, 12, requires_grad=True), torch.rand(1, 4, 2, 12, 12)
    head(clues, alphas)[:, 1].sum().backward()  # frame 1 stands at clue 2, behind the one before the first
    assert clues.grad is not None
    assert (clues.grad.abs().sum(dim=(0, 2, 3, 4)) > 0).tolist() == [False, True, True, False, False]


def test_on_a_processor_the_head_learns_in_full_precision_and_works_in_bfloat16() -> None:
    torch.manual_seed(0)
    head = Head(2)
    nn.init.normal_(head.last.weight)
    clues, alphas = torch.rand(1, 5, 8, 64, 64), torch.rand(1, 3, 2, 64, 64)

    def gradients(low: bool) -> tuple[Tensor, ...]:
        with torch.autocast("cpu", torch.bfloat16, enabled=low):
            loss = head(clues, alphas).square().mean()
        return torch.autograd.grad(loss, list(head.parameters()))

    torch.testing.assert_close(gradients(low=True), gradients(low=False), rtol=0, atol=0)
    seen = []
    head.hidden[0].register_forward_hook(lambda *call: seen.append(call[-1].dtype))
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        head(clues, alphas)
    assert seen == [torch.bfloat16]


def test_only_the_head_trains_and_its_members_stay_as_they_are() -> None:
    network = ensemble().train()
    assert {n.split(".")[0] for n, p in network.named_parameters() if p.requires_grad} == {"head"}
    assert not any(module.training for module in network.members.modules())
    before = {k: v.clone() for k, v in network.members.state_dict().items()}
    network(torch.rand(1, 2, 3, 32, 32))[0].sum().backward()
    assert all(torch.equal(before[k], v) for k, v in network.members.state_dict().items())
    assert all(p.grad is not None for p in network.head.parameters())


@torch.no_grad()
@pytest.mark.parametrize("name", ["boosted", "ensemble"])
def test_a_backbone_whose_alpha_is_known_is_not_run(name: str) -> None:
    inner = Boosted(RunningMean(), trained_adapter(1))
    backbone, frames = Backbone(inner), torch.rand(1, 3, 3, 32, 32)
    adapters = [trained_adapter(window, seed=1 + window) for window in (0, 2)]
    network: MattingNetwork = Boosted(Boosted(backbone, adapters[0]), adapters[1])
    if name == "ensemble":
        network = Ensemble(Members(backbone, adapters), Head(2))
    known, _ = inner.eval()(frames)
    expected, _ = network.eval().stages(frames)
    inner.stages = None  # type: ignore[assignment,method-assign]  # fails if it is called
    found, _ = network.stages(frames, known=known)
    torch.testing.assert_close(found, expected[1:])  # of the backbone's own stages only the last is known


@pytest.mark.parametrize(
    ("network", "remembers"),
    [
        (lambda: Boosted(TinyMatte(), trained_adapter(0)), False),
        (lambda: Boosted(TinyMatte(), trained_adapter(1)), True),
        (lambda: Boosted(RunningMean(), trained_adapter(0)), True),
        (lambda: Boosted(Boosted(TinyMatte(), trained_adapter(1)), trained_adapter(0)), True),
        (lambda: Members(TinyMatte(), [trained_adapter(0), trained_adapter(0, seed=1)]), False),
        (lambda: Members(TinyMatte(), [trained_adapter(0), trained_adapter(2)]), True),
        (lambda: Ensemble(Members(TinyMatte(), [trained_adapter(0), trained_adapter(0)]), Head(2, window=0)), False),
        (lambda: Ensemble(Members(TinyMatte(), [trained_adapter(0), trained_adapter(0)]), Head(2, window=1)), True),
    ],
)
def test_it_remembers_if_any_of_its_parts_does(network: Callable[[], MattingNetwork], remembers: bool) -> None:
    boosted = network().eval()
    assert boosted.remembers == remembers
    if not remembers:
        video = torch.rand(1, 3, 3, 32, 32)
        whole, last = boosted(video)[0], boosted(video[:, 2:])[0]
        torch.testing.assert_close(whole[:, 2:], last)
