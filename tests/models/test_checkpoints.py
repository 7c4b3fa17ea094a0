import argparse
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from vmatte_pl.errors import CheckpointError
from vmatte_pl.models.checkpoints import load_official, read_weights


def network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))


def prefixed(prefix: str) -> dict[str, Tensor]:
    return {prefix + key: value for key, value in network().state_dict().items()}


@pytest.mark.parametrize(
    "nest",
    [
        lambda weights: weights,
        lambda weights: {"state_dict": weights, "epoch": 3},
        lambda weights: {"model": weights, "args": argparse.Namespace(lr=1e-4), "optimizer": {}},
    ],
)
@pytest.mark.parametrize("prefix", ["", "module.", "model.", "module.model."])
def test_published_files_load_however_they_are_wrapped(tmp_path: Path, nest: Any, prefix: str) -> None:
    weights = prefixed(prefix)
    torch.save(nest(weights), tmp_path / "official.pth")
    ours = network()
    load_official(ours, read_weights(tmp_path / "official.pth"))
    assert all(torch.equal(value, weights[prefix + key]) for key, value in ours.state_dict().items())


def test_safetensors_load_too(tmp_path: Path) -> None:
    save_file(prefixed(""), tmp_path / "official.safetensors")
    assert read_weights(tmp_path / "official.safetensors").keys() == network().state_dict().keys()


def test_a_wrong_file_names_its_faults_and_changes_nothing() -> None:
    weights = prefixed("") | {"0.weight": torch.zeros(4, 9, 1, 1), "2.weight": torch.zeros(1)}
    del weights["1.bias"]
    ours = network()
    before = {key: value.clone() for key, value in ours.state_dict().items()}
    with pytest.raises(CheckpointError) as caught:
        load_official(ours, weights, "other.pth")
    assert caught.value.found == (
        "missing: 1.bias, unknown: 2.weight, misshapen: 0.weight (4, 9, 1, 1) for (4, 3, 1, 1)"
    )
    assert caught.value.where == "other.pth"
    assert all(torch.equal(value, before[key]) for key, value in ours.state_dict().items())


def test_long_lists_are_cut_short() -> None:
    with pytest.raises(CheckpointError, match=r"missing: 0\.weight, 0\.bias, 1\.weight and 4 more"):
        load_official(network(), {})


class Hostile:
    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("ran"),))


def test_code_in_a_file_is_refused_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": Hostile()}, "hostile.pth")
    with pytest.raises(CheckpointError, match="only tensors and plain values"):
        read_weights("hostile.pth")
    assert not Path("ran").exists()


@pytest.mark.parametrize("content", [{"epoch": 3}, [1, 2], {"state_dict": {}}])
def test_a_file_without_weights_says_what_it_holds(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "empty.pth")
    with pytest.raises(CheckpointError, match="tensors by name"):
        read_weights(tmp_path / "empty.pth")


@pytest.mark.parametrize("content", [b"", b"<html>too many downloads</html>"])
@pytest.mark.parametrize("name", ["page.pth", "page.safetensors"])
def test_a_failed_download_is_told_apart_from_weights(tmp_path: Path, content: bytes, name: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CheckpointError, match="download it again"):
        read_weights(tmp_path / name)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"nowhere\.pth"):
        read_weights(tmp_path / "nowhere.pth")
