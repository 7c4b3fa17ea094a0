from typing import Any

import pytest
import torch

from vmatte_pl.errors import ConfigError
from vmatte_pl.models import Adapter
from vmatte_pl.models.adapter import edge_band, shift_logits
from vmatte_pl.models.fine import FineUnet


@pytest.mark.parametrize(
    ("architecture", "window", "size"),
    [
        ("FPN", 0, (64, 96)),
        ("Unet", 1, (50, 70)),
        ("Unet", 3, (1, 5)),
        ("DeepLabV3", 1, (17, 31)),
        ("PAN", 2, (33, 100)),
        ("PAN", 1, (130, 200)),
        ("MAnet", 3, (48, 33)),
        ("Linknet", 0, (50, 70)),
        ("UnetPlusPlus", 1, (33, 40)),
        ("DeepLabV3Plus", 1, (50, 70)),
        ("UPerNet", 0, (63, 65)),
    ],
)
def test_every_architecture_begins_as_the_identity_and_learns_at_any_size(
    architecture: str, window: int, size: tuple[int, int]
) -> None:
    adapter = Adapter(architecture, "resnet18", window=window)
    frames, alpha = torch.rand(1, window + 2, 3, *size), torch.rand(1, 2, 1, *size).round(decimals=1)
    corrected = adapter(frames, alpha)
    torch.testing.assert_close(corrected, alpha, atol=1e-5, rtol=0)
    corrected.sum().backward()
    last = [m for m in adapter.network.segmentation_head.modules() if isinstance(m, torch.nn.Conv2d)][-1]
    assert last.weight.grad is not None
    assert last.weight.grad.abs().sum() > 0


@pytest.mark.parametrize(("window", "size"), [(0, (64, 96)), (2, (51, 70)), (1, (1, 5))])
def test_the_fine_one_begins_as_the_identity_and_learns_at_any_size(window: int, size: tuple[int, int]) -> None:
    adapter = Adapter("FineUnet", None, window=window, band=6, options={"width": 8})
    frames, alpha = torch.rand(1, window + 2, 3, *size), torch.rand(1, 2, 1, *size).round(decimals=1)
    corrected = adapter(frames, alpha)
    torch.testing.assert_close(corrected, alpha, atol=1e-5, rtol=0)
    corrected.sum().backward()
    assert adapter.network.segmentation_head.weight.grad.abs().sum() > 0
    assert adapter.description == f"FineUnet, {window + 1} frame{'s' * (window > 0)}"


def test_a_logit_of_the_fine_one_depends_on_what_is_within_its_reach() -> None:
    network = FineUnet(1, width=4, negative_slope=1.0)  # linear, so that nothing on the way is cut off
    for parameter in network.parameters():
        torch.nn.init.uniform_(parameter, 0.5, 1)
    for place in (120, 121, 122, 123, 124, 125, 126, 127):
        x = torch.zeros(1, 1, 8, 256, requires_grad=True)
        network(x)[..., place].sum().backward()
        assert x.grad is not None
        seen = x.grad.abs().amax((0, 1, 2)).nonzero().flatten()
        assert int(seen.min()) >= place - network.reach
        assert int(seen.max()) <= place + network.reach


@pytest.mark.parametrize("size", [(300, 400), (203, 309), (64, 40)])
@pytest.mark.parametrize(
    "where", [(slice(130, 150), slice(200, 240)), (slice(0, 9), slice(20, 24)), (slice(0), slice(0))]
)
def test_the_fine_one_looks_no_further_than_it_must(size: tuple[int, int], where: tuple[slice, slice]) -> None:
    adapter = Adapter("FineUnet", None, window=0, band=4).eval()
    torch.nn.init.normal_(adapter.network.segmentation_head.weight)
    frames, alpha = torch.rand(1, 2, 3, *size), torch.zeros(1, 2, 1, *size)
    alpha[..., *where] = 1
    sizes: list[torch.Size] = []
    adapter.network.register_forward_hook(lambda _, args, __: sizes.append(args[0].shape[-2:]))
    with torch.no_grad():
        alone = adapter(frames, alpha)
        adapter.reach = None
        whole = adapter(frames, alpha)
    torch.testing.assert_close(alone, whole, atol=2e-5, rtol=0)
    assert sizes[0].numel() < sizes[1].numel() or min(size) == 40
    assert torch.equal(alone, alpha) == (alpha.amax() == 0)


@pytest.mark.parametrize(
    "wrong", [{"encoder": "resnet18"}, {"encoder_weights": "imagenet"}, {"options": {"decoder_channels": [1]}}]
)
def test_the_fine_one_takes_no_encoder(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="set encoder and encoder_weights to null"):
        Adapter("FineUnet", **{"encoder": None, **wrong})


@pytest.mark.parametrize("architecture", ["DeepLabV3", "PAN"])
def test_a_training_batch_of_one_picture_is_refused_where_it_cannot_be_normalised(architecture: str) -> None:
    adapter = Adapter(architecture, "resnet18", window=0).train()
    frames, alpha = torch.rand(2, 1, 3, 32, 32), torch.rand(2, 1, 1, 32, 32)
    adapter(frames, alpha)
    with pytest.raises(ConfigError, match=f"expected training batches of two pictures or more for {architecture}"):
        adapter(frames[:1], alpha[:1])


def test_rectifiers_that_leak_let_something_through_where_plain_ones_die() -> None:
    def seen(**options: float) -> torch.Tensor:
        network = Adapter("FineUnet", None, window=0, options=options).network
        with torch.no_grad():
            network.decoder[-1][0].bias.fill_(-1e6)  # no channel of the last level is ever above 0
        features: torch.Tensor = network.decoder[-1](torch.rand(1, 48, 8, 8))
        return features

    assert seen().count_nonzero() == 0
    assert seen(negative_slope=0.1).std() > 0


def test_an_architecture_of_smp_needs_an_encoder() -> None:
    with pytest.raises(ConfigError, match="found Unet, None"):
        Adapter("Unet", None)


def test_a_direct_adapter_predicts_an_alpha_of_its_own() -> None:
    adapter = Adapter(window=0, residual=False).eval()
    frames = torch.rand(1, 1, 3, 32, 32)
    with torch.no_grad():
        output = adapter(frames, torch.ones(1, 1, 1, 32, 32))
    assert output.min() > 0
    assert output.max() < 1


@pytest.mark.parametrize("size", [(64, 96), (50, 70), (17, 31)])
def test_any_size_goes(size: tuple[int, int]) -> None:
    adapter = Adapter(window=2).eval()
    with torch.no_grad():
        assert adapter(torch.rand(1, 4, 3, *size), torch.rand(1, 2, 1, *size)).shape == (1, 2, 1, *size)


def test_a_frame_sees_itself_and_its_window_and_nothing_else() -> None:
    torch.manual_seed(0)
    adapter = Adapter(window=1, residual=False)
    frames, alpha = torch.rand(1, 4, 3, 32, 32, requires_grad=True), torch.rand(1, 3, 1, 32, 32)
    adapter.eval()(frames, alpha)[:, 1].sum().backward()
    assert frames.grad is not None
    reached = frames.grad.abs().sum(dim=(0, 2, 3, 4)) > 0
    assert reached.tolist() == [False, True, True, False]


def test_zero_logits_move_nothing_and_large_ones_reach_both_ends() -> None:
    alpha = torch.linspace(0, 1, 11)
    torch.testing.assert_close(shift_logits(alpha, torch.zeros(11)), alpha, atol=1e-6, rtol=0)
    assert shift_logits(alpha, torch.full((11,), 20.0)).eq(1).all()
    assert shift_logits(alpha, torch.full((11,), -20.0)).eq(0).all()


def test_an_alpha_that_stands_wrongly_at_an_end_can_be_learnt_away() -> None:
    alpha, logits = torch.tensor([0.0, 1.0]), torch.tensor([-1.0, 1.0], requires_grad=True)
    (shift_logits(alpha, logits) - torch.tensor([1.0, 0.0])).abs().sum().backward()
    assert logits.grad is not None
    assert logits.grad[0] < -0.01
    assert logits.grad[1] > 0.01


@pytest.mark.parametrize(
    ("architecture", "encoder"), [("Vnet", "resnet18"), ("Unet", "resnet19"), ("Unet", "tu-nothing")]
)
def test_unknown_networks_are_named(architecture: str, encoder: str) -> None:
    with pytest.raises(ConfigError, match=f"found {architecture}, {encoder}, .* in adapter; see smp"):
        Adapter(architecture, encoder)


def test_options_reach_the_architecture_and_unknown_ones_are_named() -> None:
    slim = Adapter(options={"decoder_channels": [64, 32, 16, 8, 8]})
    assert sum(p.numel() for p in slim.parameters()) < sum(p.numel() for p in Adapter().parameters())
    with pytest.raises(ConfigError, match="decoder_widths"):
        Adapter("Unet", options={"decoder_widths": [1]})


def test_a_negative_window_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"found -1 in adapter\.window"):
        Adapter(window=-1)


def test_at_half_the_size_it_gives_an_alpha_of_the_frames_size() -> None:
    adapter = Adapter(window=1, scale=0.5, residual=False).eval()
    frames, alpha = torch.rand(1, 3, 3, 51, 70), torch.rand(1, 2, 1, 51, 70)
    with torch.no_grad():
        smooth = adapter(frames, alpha)
    assert smooth.shape == alpha.shape
    assert smooth.diff(dim=-1).abs().max() < Adapter(window=1, residual=False).eval()(frames, alpha).diff().abs().max()


@pytest.mark.parametrize("scale", [0.0, 2.0])
def test_an_impossible_scale_is_named(scale: float) -> None:
    with pytest.raises(ConfigError, match=f"found {scale} in adapter.scale"):
        Adapter(scale=scale)


def test_of_frames_that_stand_still_only_the_current_one_is_seen() -> None:
    adapter = Adapter(window=2)
    seen: list[torch.Tensor] = []
    adapter.network.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    adapter.eval()(torch.rand(1, 1, 3, 32, 32).expand(-1, 3, -1, -1, -1), torch.rand(1, 1, 1, 32, 32))
    assert seen[0][:, :3].abs().min() > 0
    assert seen[0][:, 3:9].eq(0).all()


def test_outside_its_band_an_adapter_leaves_alpha_as_it_is() -> None:
    adapter = Adapter(window=0, band=6).eval()
    torch.nn.init.constant_(adapter.network.segmentation_head[0].bias, 1.0)
    alpha = torch.full((1, 1, 1, 96, 96), 0.25)
    alpha[..., 32:, :] = 0.75
    with torch.no_grad():
        moved = ((adapter(torch.rand(1, 1, 3, 96, 96), alpha) - alpha).abs() > 1e-4)[0, 0, 0].any(1).nonzero()
    assert moved.min() in range(31 - 6 - 5, 31 - 6 + 1)  # the band, and the pixels over which it fades
    assert moved.max() in range(32 + 6, 32 + 6 + 5)


def test_a_band_tells_edges_from_soft_but_even_alphas() -> None:
    alpha = torch.full((1, 1, 1, 64, 64), 0.5)
    assert not edge_band(alpha, 3).any()
    alpha[..., 32, 32] = 0.4
    band = edge_band(alpha, 3)[0, 0, 0]
    assert (band[28:37, 28:37] == 1).all()
    assert not band[:, :23].any()


@pytest.mark.parametrize(("logit", "moves"), [(1.0, True), (-1.0, False)])
def test_an_adapter_that_may_only_raise_lowers_nothing_but_in_training(logit: float, moves: bool) -> None:
    adapter = Adapter("FineUnet", None, window=0, raise_only=True)
    torch.nn.init.constant_(adapter.network.segmentation_head.bias, logit)
    frames, alpha = torch.rand(2, 1, 3, 32, 32), torch.rand(2, 1, 1, 32, 32)
    with torch.no_grad():
        applied, learnt = adapter.eval()(frames, alpha), adapter.train()(frames, alpha)
    assert (applied > alpha).any() == moves
    assert (applied >= alpha).all()
    assert (learnt < alpha).any() != moves


def test_a_band_needs_a_residual_adapter() -> None:
    with pytest.raises(ConfigError, match="residual to true"):
        Adapter(residual=False, band=3)


def test_frozen_normalisation_keeps_its_statistics() -> None:
    adapter = Adapter(window=0, frozen_norm=True).train()
    before = {k: v.clone() for k, v in adapter.network.state_dict().items() if "running" in k}
    adapter(torch.rand(2, 1, 3, 64, 64), torch.rand(2, 1, 1, 64, 64))
    after = adapter.network.state_dict()
    assert all(torch.equal(v, after[k]) for k, v in before.items() if k.startswith("encoder"))
    assert not all(torch.equal(v, after[k]) for k, v in before.items() if k.startswith("decoder"))
