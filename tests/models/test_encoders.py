from copy import deepcopy
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor

from vmatte_pl.errors import CheckpointError, ConfigError
from vmatte_pl.models import Adapter
from vmatte_pl.models.encoders import IMAGENET, normalisation, start_from_the_current_frame

MOBILE = "tf_mobilenetv3_small_minimal_100"


def published(path: Path, name: str = MOBILE) -> dict[str, Tensor]:
    """Write a weight file as timm publishes them, classifier included; return its tensors."""
    torch.manual_seed(1)
    weights = {k: v.contiguous() for k, v in timm.create_model(name, pretrained=False).state_dict().items()}
    if path.suffix == ".safetensors":
        save_file(weights, path)
    else:
        torch.save({"state_dict": weights}, path)
    return weights


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_a_published_file_fills_the_encoder_and_the_new_channels_start_at_zero(tmp_path: Path, suffix: str) -> None:
    weights = published(tmp_path / f"imagenet{suffix}")
    adapter = Adapter("Unet", f"tu-{MOBILE}", str(tmp_path / f"imagenet{suffix}"), window=1)
    encoder = adapter.network.encoder.model.state_dict()
    assert torch.equal(encoder["conv_stem.weight"][:, :3], weights["conv_stem.weight"])
    assert encoder["conv_stem.weight"][:, 3:].count_nonzero() == 0
    assert encoder.keys() < weights.keys()
    assert all(torch.equal(v, weights[k]) for k, v in encoder.items() if k != "conv_stem.weight")


def test_smps_own_encoders_take_a_file_of_torchvision(tmp_path: Path) -> None:
    weights = published(tmp_path / "resnet18.pth", "resnet18")  # timm's names are torchvision's here
    adapter = Adapter("FPN", "resnet18", str(tmp_path / "resnet18.pth"), window=0)
    assert torch.equal(adapter.network.encoder.state_dict()["layer4.1.conv2.weight"], weights["layer4.1.conv2.weight"])


def test_an_encoder_whose_parts_timm_renames_takes_the_file_too(tmp_path: Path) -> None:
    weights = published(tmp_path / "convnext.safetensors", "convnext_atto")
    adapter = Adapter("FPN", "tu-convnext_atto", str(tmp_path / "convnext.safetensors"), window=0)
    own = adapter.network.encoder.model.state_dict()
    assert torch.equal(own["stages_1.blocks.0.mlp.fc1.weight"], weights["stages.1.blocks.0.mlp.fc1.weight"])


def test_a_file_of_another_encoder_is_refused(tmp_path: Path) -> None:
    published(tmp_path / "resnet18.pth", "resnet18")
    with pytest.raises(CheckpointError, match=r"missing or of another shape, such as .* in .*resnet18\.pth; give"):
        Adapter("Unet", f"tu-{MOBILE}", str(tmp_path / "resnet18.pth"))
    with pytest.raises(CheckpointError, match="expected a weight file, found nothing"):
        Adapter("Unet", f"tu-{MOBILE}", str(tmp_path / "absent.safetensors"))


def test_a_name_of_weights_that_do_not_exist_is_refused() -> None:
    with pytest.raises(ConfigError, match="found Unet, resnet18, imagenot"):
        Adapter("Unet", "resnet18", "imagenot")


def test_pretrained_filters_see_the_current_frame_only() -> None:
    first = torch.nn.Conv2d(7, 2, 3)
    rgb = torch.rand(2, 3, 3, 3)
    with torch.no_grad():  # what smp makes of RGB filters for 7 channels
        first.weight.copy_(torch.cat([rgb, rgb, rgb[:, :1]], dim=1) * 3 / 7)
    beside, later = deepcopy(first), torch.nn.Conv2d(7, 2, 3)
    network = torch.nn.Sequential(first, beside, later)
    kept = later.weight.detach().clone()
    start_from_the_current_frame(network, 7)
    for stem in (first, beside):
        torch.testing.assert_close(stem.weight[:, :3], rgb)
        assert stem.weight[:, 3:].count_nonzero() == 0
    assert torch.equal(later.weight, kept)


def test_colours_are_normalised_as_the_weights_expect() -> None:
    assert normalisation("tu-tf_efficientnet_lite0", "imagenet") == ([0.5] * 3, [0.5] * 3)
    assert normalisation("tu-resnet18", "imagenet") == IMAGENET
    assert normalisation("resnet18", "resnet18.pth") == IMAGENET
    adapter = Adapter("Unet", f"tu-{MOBILE}", window=1)
    torch.testing.assert_close(adapter.mean.flatten(), torch.tensor([*IMAGENET[0], 0, 0, 0, 0.5]))


def test_the_normalisation_is_kept_with_the_weights() -> None:
    adapter, other = Adapter(), Adapter()
    adapter.mean.fill_(0.25)
    other.load_state_dict(adapter.state_dict())
    assert other.mean.eq(0.25).all()
