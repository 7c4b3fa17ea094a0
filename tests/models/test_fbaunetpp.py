from pathlib import Path

import pytest
import segmentation_models_pytorch as smp
import torch
from torch import Tensor, nn

from tests.models.filled import filled, frames
from tests.models.parity import Golden, furthest
from vmatte_pl.errors import CheckpointError
from vmatte_pl.models.fbaunetpp import (
    FBAUNetPP,
    OutlineTrimap,
    PersonUNetPP,
    TrimapUNetPP,
    unetpp_from_official,
)


class LeftHalf(nn.Module):
    """A person who fills the left half, softly."""

    def forward(self, images: Tensor) -> Tensor:
        ramp = torch.linspace(1.5, -0.5, images.shape[-1]).clamp(0, 1)
        return ramp.expand(len(images), 1, *images.shape[-2:])


@pytest.fixture(scope="module")
def network() -> FBAUNetPP:
    return filled(FBAUNetPP(person=LeftHalf())).requires_grad_(False)


@torch.no_grad()
def test_its_segmentation_is_the_library_s_unetpp() -> None:
    golden = Golden("p3m_unetpp")
    person = PersonUNetPP.from_official(golden.weights()).eval()
    keys = {key: tuple(value.shape) for key, value in person.network.state_dict().items()}
    assert keys == golden.manifest
    logits = person.logits(golden.frames(1, 64, 96)[0])[0, 0]
    assert furthest(logits, golden.arrays("model_64x96")["logits"]) <= 2e-5


def test_known_pixels_are_the_trimap_s_and_the_others_are_matted(network: FBAUNetPP) -> None:
    images = frames(1, 2, 64, 96)[0]
    person, trimap, alpha = network.steps(images)
    assert (trimap == 0.5).flatten(1).any(1).all()
    assert torch.equal(alpha[trimap != 0.5], trimap[trimap != 0.5])
    matted, _ = network.fba(images[None], trimap=trimap[None])
    assert torch.equal(alpha, matted[0])
    assert not torch.equal(alpha, person)


@pytest.mark.parametrize("size", [(40, 50), (70, 64), (20, 33)])
def test_frames_of_any_size_keep_it(network: FBAUNetPP, size: tuple[int, int]) -> None:
    alpha, state = network(frames(2, 2, *size))
    person, trimap, _ = network.steps(frames(2, 2, *size)[0])
    assert state is None
    assert alpha.shape == (2, 2, 1, *size)
    assert trimap.shape == person.shape == (2, 1, *size)
    assert set(trimap.flatten().tolist()) == {0.0, 0.5, 1.0}
    assert torch.equal(alpha[0][trimap != 0.5], trimap[trimap != 0.5])


def test_no_side_is_larger_than_asked_for(network: FBAUNetPP) -> None:
    seen = []
    handle = network.person.register_forward_hook(lambda *hook: seen.append(hook[1][0].shape[-2:]))
    network.max_size = 64
    network(frames(1, 1, 70, 200))
    network.max_size = 1600
    network(frames(1, 1, 70, 96))
    handle.remove()
    assert seen == [(64, 64), (64, 96)]


def test_the_outline_is_all_that_is_unknown() -> None:
    person = LeftHalf()(torch.zeros(1, 3, 64, 64))
    trimap = OutlineTrimap(width=0.05)(torch.zeros(1, 3, 64, 64), person)
    columns = trimap[0, 0, 0]
    assert columns.tolist() == sorted(columns.tolist(), reverse=True)
    soft = ((person > 0.05) & (person < 0.95))[0, 0, 0]
    assert (columns[soft] == 0.5).all()
    assert 4 <= (columns == 0.5).sum() - soft.sum() <= 6  # 3.2 pixels to either side


@pytest.mark.parametrize("encoder", ["resnet18", "resnet34", "resnet50"])
def test_the_keys_tell_the_encoder(encoder: str) -> None:
    published = smp.UnetPlusPlus(encoder, encoder_weights=None, classes=1).state_dict()
    loaded = PersonUNetPP.from_official(published).network.state_dict()
    assert all(torch.equal(loaded[key], value) for key, value in published.items())


def test_a_lightning_checkpoint_loads_under_any_name(tmp_path: Path) -> None:
    published = smp.UnetPlusPlus("resnet18", encoder_weights=None, classes=1).state_dict()
    checkpoint = {"state_dict": {f"net.model.{key}": value for key, value in published.items()}, "epoch": 4}
    torch.save(checkpoint, tmp_path / "person.ckpt")
    loaded = PersonUNetPP(str(tmp_path / "person.ckpt")).network.state_dict()
    assert all(torch.equal(loaded[key], value) for key, value in published.items())


def test_what_is_no_unetpp_is_refused() -> None:
    with pytest.raises(CheckpointError, match="ResNet encoder"):
        unetpp_from_official({"encoder0.0.weight": torch.zeros(1), "b.c": torch.zeros(1)}, 3, 1)
    three_classes = smp.UnetPlusPlus("resnet18", encoder_weights=None, classes=3).state_dict()
    with pytest.raises(CheckpointError, match=r"misshapen: segmentation_head\.0\.weight"):
        PersonUNetPP.from_official(three_classes)


@pytest.mark.parametrize("channels", [3, 4])
def test_a_second_network_can_make_the_trimap(channels: int, tmp_path: Path) -> None:
    published = smp.UnetPlusPlus("resnet18", encoder_weights=None, in_channels=channels, classes=3)
    torch.save({"state_dict": filled(published).state_dict()}, tmp_path / "trimap.ckpt")
    branch = TrimapUNetPP(str(tmp_path / "trimap.ckpt")).eval()
    images, person = frames(1, 2, 33, 40)[0], LeftHalf()(torch.zeros(2, 3, 33, 40))
    trimap = branch(images, person)
    assert trimap.shape == person.shape
    assert set(trimap.flatten().tolist()) <= {0.0, 0.5, 1.0}
    assert torch.equal(trimap, branch(images, 1 - person)) == (channels == 3)


def test_it_is_built_of_two_official_files(network: FBAUNetPP) -> None:
    unetpp = smp.UnetPlusPlus("resnet18", encoder_weights=None, classes=1)
    built = FBAUNetPP.from_official(network.fba.state_dict(), unetpp.state_dict())
    for ours, theirs in ((built.fba, network.fba), (built.get_submodule("person.network"), unetpp)):
        assert all(torch.equal(value, ours.state_dict()[key]) for key, value in theirs.state_dict().items())
