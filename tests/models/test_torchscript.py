import warnings
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from tests.models.filled import frames
from vmatte_pl.errors import ConfigError
from vmatte_pl.models.base import Frozen
from vmatte_pl.models.torchscript import TorchScriptNetwork


class Grey(nn.Module):
    def forward(self, image: Tensor) -> Tensor:
        return image.mean(1, keepdim=True)


class Fading(nn.Module):
    """With the signature of RVM's official file."""

    def forward(
        self, src: Tensor, r1: Tensor | None = None, downsample_ratio: float = 1.0, segment: bool = False
    ) -> list[Tensor]:
        now = src.mean(1, keepdim=True) / 2
        r1 = now if r1 is None else r1 / 2 + now
        return [src, r1 * downsample_ratio, r1]


class Needing(nn.Module):
    """What it remembers must be a tensor, as after tracing."""

    def forward(self, src: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        h = h / 2 + src.mean(1, keepdim=True) / 2
        return h, h


class Many(nn.Module):
    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return image, image.mean(1, keepdim=True), image.amax(1, keepdim=True)


def saved(network: nn.Module, folder: Path) -> str:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"`torch\.jit\.\w+` is deprecated")  # its files live on
        torch.jit.save(torch.jit.script(network), folder / "network.pt")
    return str(folder / "network.pt")


def test_every_frame_gets_the_alpha_that_the_module_returns(tmp_path: Path) -> None:
    video = frames(2, 3, 12, 17)
    alpha, state = Frozen(TorchScriptNetwork(saved(Grey(), tmp_path)))(video)
    assert state is None
    torch.testing.assert_close(alpha, video.mean(2, keepdim=True))


def test_frames_are_prepared_as_for_any_file(tmp_path: Path) -> None:
    network = TorchScriptNetwork(saved(Grey(), tmp_path), size=[8, 8], mean=[0.5] * 3, activation="sigmoid")
    alpha, _ = network(torch.full((1, 1, 3, 12, 20), 0.75))
    torch.testing.assert_close(alpha, torch.full((1, 1, 1, 12, 20), 0.25).sigmoid())


@pytest.mark.parametrize("network", [Fading(), Needing()])
@pytest.mark.parametrize("batch", [1, 4])
def test_chunks_give_the_alphas_of_the_whole(network: nn.Module, batch: int, tmp_path: Path) -> None:
    ours = TorchScriptNetwork(saved(network, tmp_path), batch=batch)
    videos = frames(2, 4, 8, 8)
    whole, _ = ours(videos)
    first, state = ours(videos[:, :1])
    rest, _ = ours(videos[:, 1:], state)
    torch.testing.assert_close(torch.cat([first, rest], 1), whole)
    grey = videos.mean(2, keepdim=True)
    torch.testing.assert_close(whole[:, 1], grey[:, 0] / 4 + grey[:, 1] / 2)


def test_constants_replace_the_defaults_of_the_module(tmp_path: Path) -> None:
    path = saved(Fading(), tmp_path)
    video = frames(1, 2, 8, 8)
    half, _ = TorchScriptNetwork(path, constants={"downsample_ratio": 0.5})(video)
    torch.testing.assert_close(half, TorchScriptNetwork(path)(video)[0] / 2)


def test_of_several_alphas_the_only_one_with_a_channel_or_the_counted(tmp_path: Path) -> None:
    video = frames(1, 1, 8, 8)
    path = saved(Many(), tmp_path)
    with pytest.raises(ConfigError, match=r"found 1, 2 in .*; set alpha"):
        TorchScriptNetwork(path)(video)
    torch.testing.assert_close(TorchScriptNetwork(path, alpha=2)(video)[0], video.amax(2, keepdim=True))
    with pytest.raises(ConfigError, match=r"output 3 of .*; set alpha and states"):
        TorchScriptNetwork(path, alpha=3)(video)


def test_its_weights_move_with_it_but_do_not_train(tmp_path: Path) -> None:
    network = Frozen(TorchScriptNetwork(saved(nn.Conv2d(3, 1, 1), tmp_path), activation="sigmoid"))
    assert [p.requires_grad for p in network.parameters()] == [False, False]
    assert network.double()(frames(1, 1, 4, 4).double())[0].dtype == torch.float64


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "page.pt").write_bytes(b"<html>")
    with pytest.raises(ConfigError, match="expected a TorchScript file"):
        TorchScriptNetwork(str(tmp_path / "page.pt"))
