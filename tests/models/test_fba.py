from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.models.filled import filled, frames, probes
from tests.models.parity import Golden, furthest
from vmatte_pl.errors import CheckpointError, ConfigError
from vmatte_pl.models.base import Frozen
from vmatte_pl.models.fba import FBA, _convolved_pools, nearness
from vmatte_pl.models.standardised import Standardisation, StandardisedConv2d

TOLERANCE = 2e-5  # the parity kit's


def a_trimap(b: int, t: int, h: int, w: int) -> Tensor:
    trimap = torch.full((b, t, 1, h, w), 0.5)
    trimap[..., : h // 4, :] = 0
    trimap[..., h // 2 :, w // 4 : w // 2] = 1
    return trimap


@pytest.fixture(scope="module")
def network() -> FBA:
    return filled(FBA()).requires_grad_(False)


@pytest.fixture(scope="module")
def golden() -> Golden:
    return Golden("fba")


@pytest.fixture(scope="module")
def official(golden: Golden) -> FBA:
    """The network with the parity kit's weights; its formula is each test's to set."""
    return FBA.from_official(golden.weights()).eval().requires_grad_(False)


def with_formula(network: FBA, formula: Standardisation) -> FBA:
    for module in network.modules():
        if isinstance(module, StandardisedConv2d):
            module.formula, module._kept = formula, None
    return network


def known(trimap: Tensor) -> Tensor:
    return torch.cat([trimap[0] == 0, trimap[0] == 1], 1).float()


def test_its_keys_are_the_official_ones(golden: Golden, official: FBA) -> None:
    assert {key: tuple(value.shape) for key, value in official.state_dict().items()} == golden.manifest


def test_nearness_is_the_official_one(golden: Golden) -> None:
    ours = nearness(known(golden.trimap(64, 96)))[0]
    assert furthest(ours, golden.arrays("trimap_64x96")["transform"]) <= 1e-6


@pytest.mark.parametrize(("formula", "case"), [("2021", "model_64x96"), ("2020", "model_64x96_ws2020")])
def test_the_bare_network_is_the_official_one(
    golden: Golden, official: FBA, formula: Standardisation, case: str
) -> None:
    image, trimap = golden.frames(1, 64, 96)[0], golden.trimap(64, 96)
    ours = with_formula(official, formula).estimate(image, known(trimap))[0]
    assert furthest(ours, golden.arrays(case)["output"]) <= TOLERANCE


def test_the_layers_are_those_of_the_official_script(golden: Golden, official: FBA) -> None:
    with_formula(official, "2021").fit = "resize"
    alpha, fgr, bgr = official.layers(golden.frames(1, 61, 90), golden.trimap(61, 90))
    arrays = golden.arrays("pred_61x90")
    assert furthest(alpha[0, 0, 0], arrays["alpha"]) <= 1e-4
    assert furthest(fgr[0, 0].movedim(0, -1), arrays["fg"]) <= 1e-4
    assert furthest(bgr[0, 0].movedim(0, -1), arrays["bg"]) <= 1e-4


def test_its_outputs_stay_what_they_were_when_they_were_the_official_ones(network: FBA) -> None:
    estimate = network.estimate(frames(1, 1, 24, 32)[0], known(a_trimap(1, 1, 24, 32)))
    golden = [0.0, 0.0, 0.7798, 0.9152, 0.1659, 0.7726, 0.8783, 0.6035, 0.2937, 0.4141, 0.65, 0.2869]
    assert probes(estimate) == pytest.approx(golden, abs=1e-3)


def test_frames_do_not_depend_on_their_company(network: FBA) -> None:
    clip, trimap = frames(2, 3, 24, 32), a_trimap(2, 3, 24, 32)
    together, state = network(clip, trimap=trimap)
    alone, _ = network(clip[1:, 2:], trimap=trimap[1:, 2:])
    assert state is None
    assert together.shape == (2, 3, 1, 24, 32)
    torch.testing.assert_close(together[1:, 2:], alone, atol=1e-4, rtol=0)


@pytest.mark.parametrize("size", [(24, 32), (21, 30), (8, 8), (9, 7)])
@pytest.mark.parametrize("fit", ["pad", "resize"])
def test_frames_of_any_size_are_taken_apart(network: FBA, size: tuple[int, int], fit: str) -> None:
    clip, trimap = frames(1, 1, *size), a_trimap(1, 1, *size)
    network.fit = fit  # type: ignore[assignment] # parametrised
    alpha, fgr, bgr = network.layers(clip, trimap)
    for layer, channels in ((alpha, 1), (fgr, 3), (bgr, 3)):
        assert layer.shape == (1, 1, channels, *size)
        assert layer.min() >= 0
        assert layer.max() <= 1
    assert torch.equal(alpha[trimap != 0.5], trimap[trimap != 0.5])
    colours = (alpha == 1).expand_as(clip)
    assert torch.equal(fgr[colours], clip[colours])


def test_padding_is_a_repeated_border(network: FBA) -> None:
    network.fit = "pad"
    clip, trimap = frames(1, 1, 21, 30), a_trimap(1, 1, 21, 30)
    larger = [F.pad(x[0], (0, 2, 0, 3), mode="replicate")[None] for x in (clip, trimap)]
    whole, _ = network(larger[0], trimap=larger[1])
    # kernels of another shape round otherwise
    torch.testing.assert_close(network(clip, trimap=trimap)[0], whole[..., :21, :30], atol=1e-4, rtol=0)


def test_pools_are_convolved_as_if_resized_and_concatenated() -> None:
    pools = [torch.rand(2, 4, k, k) for k in (1, 2, 3, 6)]
    filters = torch.rand(5, 16, 3, 3) - 0.5
    resized = [F.interpolate(pool, (9, 13), mode="bilinear") for pool in pools]
    direct = F.conv2d(torch.cat(resized, 1), filters, padding=1)
    torch.testing.assert_close(_convolved_pools(pools, filters, (9, 13)), direct)


def test_half_precision_costs_alpha_little(network: FBA) -> None:
    clip, trimap = frames(1, 1, 24, 32), a_trimap(1, 1, 24, 32)
    with torch.autocast("cpu", torch.bfloat16):
        alpha, _ = network(clip, trimap=trimap)
    assert alpha.dtype == torch.float32
    assert (alpha - network(clip, trimap=trimap)[0]).abs().mean() < 0.02


def test_a_frozen_one_takes_its_trimap_too(network: FBA) -> None:
    clip, trimap = frames(1, 1, 16, 16), a_trimap(1, 1, 16, 16)
    alpha, _ = Frozen(network)(clip, trimap=trimap)
    assert torch.equal(alpha, network(clip, trimap=trimap)[0])


def test_without_a_trimap_it_says_what_to_do(network: FBA) -> None:
    with pytest.raises(ConfigError, match=r"a trimap for every frame.*WithTrimap"):
        network(frames(1, 1, 8, 8))


def test_a_file_of_weights_loads_as_users_have_it(network: FBA, tmp_path: Path) -> None:
    torch.save({f"module.{key}": value for key, value in network.state_dict().items()}, tmp_path / "FBA.pth")
    loaded = FBA(str(tmp_path / "FBA.pth"))
    assert all(torch.equal(value, loaded.state_dict()[key]) for key, value in network.state_dict().items())


def test_the_weights_of_another_network_are_refused() -> None:
    with pytest.raises(CheckpointError, match="the 197 tensors of FBA"):
        FBA.from_official({"encoder.conv1.weight": torch.zeros(64, 3, 7, 7)})
