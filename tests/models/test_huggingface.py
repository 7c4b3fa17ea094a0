from pathlib import Path

import pytest
import torch

from tests.models.filled import frames
from tests.models.vitmatte import tiny_vitmatte
from vmatte_pl.errors import ConfigError
from vmatte_pl.models.base import Frozen
from vmatte_pl.models.huggingface import TransformersNetwork


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny ViTMatte, saved as users find it."""
    return tiny_vitmatte(tmp_path_factory.mktemp("vitmatte"))


@torch.no_grad()
def test_it_gives_what_transformers_gives_where_the_trimap_is_unknown(folder: Path) -> None:
    network = TransformersNetwork(str(folder)).eval()
    video = frames(1, 2, 64, 64)
    trimap = torch.full((1, 2, 1, 64, 64), 0.5)
    trimap[..., :16, :], trimap[..., 48:, :] = 0, 1
    alpha, state = Frozen(network)(video, trimap=trimap)
    assert state is None
    theirs = network.network(pixel_values=torch.cat([(video[0] - 0.5) / 0.5, trimap[0]], 1)).alphas
    torch.testing.assert_close(alpha[0, :, :, 16:48], theirs[:, :, 16:48])
    assert torch.equal(alpha[trimap != 0.5], trimap[trimap != 0.5])


@torch.no_grad()
@pytest.mark.parametrize("size", [(33, 50), (8, 8)])
def test_frames_of_any_size_keep_it(folder: Path, size: tuple[int, int]) -> None:
    network = TransformersNetwork(str(folder)).eval()
    alpha, _ = network(frames(1, 1, *size), trimap=torch.full((1, 1, 1, *size), 0.5))
    assert alpha.shape == (1, 1, 1, *size)


def test_without_a_trimap_it_says_what_to_do(folder: Path) -> None:
    with pytest.raises(ConfigError, match="a trimap for every frame"):
        TransformersNetwork(str(folder))(frames(1, 1, 32, 32))


def test_a_network_for_something_else_is_refused(folder: Path, tmp_path: Path) -> None:
    config = (folder / "config.json").read_text()
    (tmp_path / "config.json").write_text(config.replace("VitMatteForImageMatting", "ViTForImageClassification"))
    with pytest.raises(ConfigError, match="expected a network for image matting, found ViTForImageClassification"):
        TransformersNetwork(str(tmp_path))
