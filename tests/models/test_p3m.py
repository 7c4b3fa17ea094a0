from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from tests.models.filled import filled, frames
from tests.models.parity import Golden, furthest
from vmatte_pl.errors import CheckpointError
from vmatte_pl.models.p3m import P3M, fused


@pytest.fixture(scope="module")
def network() -> P3M:
    return filled(P3M()).requires_grad_(False)


@torch.no_grad()
def test_it_computes_what_the_official_code_does() -> None:
    golden = Golden("p3m")
    official = P3M.from_official(golden.weights()).eval()
    assert {key: tuple(value.shape) for key, value in official.state_dict().items()} == golden.manifest
    deep = (official.dbfi_0, official.dbfi_1, official.dbfi_2)
    fusions: dict[int, torch.Tensor] = {}
    for depth, layer in enumerate(deep):
        layer.register_forward_hook(lambda _, __, output, depth=depth: fusions.update({depth: output}))
    video, arrays = golden.frames(1, 64, 96), golden.arrays("model_64x96")
    logits, local = official.branches(video[0])

    assert furthest(logits[0], arrays["global_logits"]) <= 5e-5
    assert furthest(local[0], arrays["local_alpha"]) <= 1e-5
    assert furthest(official(video)[0][0, 0], arrays["fusion"]) <= 1e-5
    assert furthest(logits[0].argmax(0).float(), arrays["trimap"].astype("float32") // 127) == 0
    sides = [layer.side(fusions[depth], 2 << depth)[0] for depth, layer in enumerate(deep)]
    assert furthest(sides[0], arrays["side0"]) <= 5e-5
    assert furthest(sides[1][:, ::2, ::2], arrays["side1_s2"]) <= 5e-5
    assert furthest(sides[2][:, ::2, ::2], arrays["side2_s2"]) <= 5e-5


def test_alpha_is_the_local_one_only_where_unknown() -> None:
    logits = torch.eye(3).view(1, 3, 1, 3)  # background, unknown, foreground
    assert fused(logits, torch.full((1, 1, 1, 3), 0.3)).flatten().tolist() == pytest.approx([0, 0.3, 1])


def test_its_outputs_have_not_moved(network: P3M) -> None:
    logits, local = network.branches(frames(1, 1, 64, 96)[0])
    probes = torch.stack([x.flatten()[:: x.numel() // 8] for x in (logits / 1000, local)])
    expected = torch.tensor(  # of this network, when it computed what the official code does
        [
            [-0.4261, -3.3991, -3.4210, -2.6783, -3.0869, -3.1035, 0.8819, 1.4032],
            [1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0],
        ]
    )
    torch.testing.assert_close(probes, expected, atol=1e-3, rtol=0)


def test_frames_do_not_depend_on_their_company(network: P3M) -> None:
    video = frames(2, 2, 32, 64)
    together, state = network(video)
    assert state is None
    assert together.shape == (2, 2, 1, 32, 64)
    alone, _ = network(video[1:, 1:])
    torch.testing.assert_close(together[1:, 1:], alone, atol=5e-3, rtol=0)  # logits go to 7000


@pytest.mark.parametrize("size", [(20, 30), (33, 64), (1, 1)])
def test_frames_of_any_size_are_padded_with_their_border(network: P3M, size: tuple[int, int]) -> None:
    video = frames(1, 1, *size)
    right, bottom = -size[1] % 32, -size[0] % 32
    larger = F.pad(video[0], (0, right, 0, bottom), mode="replicate")[None]
    alpha, _ = network(video)
    torch.testing.assert_close(alpha, network(larger)[0][..., : size[0], : size[1]])


def test_the_weights_of_another_network_are_refused() -> None:
    with pytest.raises(CheckpointError, match="tensors of P3M"):
        P3M.from_official({"encoder.conv1.weight": torch.zeros(64, 3, 7, 7)})


def test_weights_come_from_the_official_file(network: P3M, tmp_path: Path) -> None:
    torch.save({"state_dict": network.state_dict(), "epoch": 150}, tmp_path / "p3m.pth")
    loaded = P3M(str(tmp_path / "p3m.pth"))
    assert loaded.source.endswith("p3m.pth")
    assert all(torch.equal(value, loaded.state_dict()[key]) for key, value in network.state_dict().items())
