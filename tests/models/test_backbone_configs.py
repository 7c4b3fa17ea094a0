"""The examples of ``configs/backbones``: each parses, and suits graphs like those of its family."""

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import Tensor

from tests.models.filled import frames
from tests.models.graphs import MASK, NCHW, Shape, constant, graph, node, recurrent
from vmatte_pl.cli import main
from vmatte_pl.models import OnnxNetwork

CONFIGS = sorted((Path(__file__).parents[2] / "configs" / "backbones").glob("*.yaml"))


def settings(name: str) -> dict[str, Any]:
    """The settings of an ONNX example, without its path."""
    config = yaml.safe_load(next(path for path in CONFIGS if path.stem == name).read_text())
    arguments = config["init_args"]
    assert isinstance(arguments, dict)
    return {key: value for key, value in arguments.items() if key != "path"}


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.stem)
def test_it_is_taken_as_the_base_of_a_model(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["fit", "--config", "bwa.yaml", "--model.base", str(config), "--print_config"])
    base = yaml.safe_load(capsys.readouterr().out)["model"]["init_args"]["base"]
    written = yaml.safe_load(config.read_text())
    assert holds(base, written)


def holds(parsed: Any, written: Any) -> bool:
    """Whether all that was written is in what was parsed, which has the defaults too."""
    if isinstance(written, dict):
        return isinstance(parsed, dict) and all(holds(parsed[key], value) for key, value in written.items())
    return bool(parsed == written)


def test_rvm_fits(tmp_path: Path) -> None:
    network = OnnxNetwork(recurrent(tmp_path / "rvm.onnx"), **settings("rvm-onnx"))
    assert network.recurrent
    assert network(frames(1, 2, 18, 32))[0].shape == (1, 2, 1, 18, 32)


def unnormalised(images: str, mean: list[float], std: list[float]) -> list[Any]:
    """Nodes that find the mean colour again: an alpha that we know."""
    axes = {"axes": [1], "keepdims": 1}
    return [
        constant("std", std),
        constant("mean", mean),
        constant("places", [0, 2, 3], dtype=7),
        node("Unsqueeze", "std places", "std4"),
        node("Unsqueeze", "mean places", "mean4"),
        node("Mul", f"{images} std4", "scaled"),
        node("Add", "scaled mean4", "colours"),
        node("ReduceMean", "colours", "grey", **axes),
    ]


def shown(network: OnnxNetwork) -> tuple[Tensor, Tensor]:
    """A smooth clip's mean colour and alpha."""
    ramp = torch.linspace(0.1, 0.9, 60).expand(1, 2, 3, 40, 60)
    return ramp.mean(2, keepdim=True), network(ramp)[0]


def test_modnet_fits(tmp_path: Path) -> None:
    example = settings("modnet")
    nodes = [
        node("SpaceToDepth", "input", "blocks", blocksize=32),  # refuses sides that are no multiples of 32
        node("DepthToSpace", "blocks", "same", blocksize=32),
        *unnormalised("same", example["mean"], example["std"]),
        node("Identity", "grey", "output"),
    ]
    graph(tmp_path / "modnet.onnx", nodes, {"input": NCHW}, {"output": MASK})
    grey, alpha = shown(OnnxNetwork(str(tmp_path / "modnet.onnx"), **example))
    torch.testing.assert_close(alpha, grey, atol=0.02, rtol=0)


def test_isnet_fits(tmp_path: Path) -> None:
    example = settings("isnet")
    fixed: Shape = (1, 1, 1024, 1024)
    nodes = unnormalised("input", example["mean"], example["std"])
    nodes += [node("Identity", "grey", f"{number}") for number in range(1959, 1965)]
    outputs = dict.fromkeys(map(str, range(1959, 1965)), fixed)
    graph(tmp_path / "isnet.onnx", nodes, {"input": (1, 3, 1024, 1024)}, outputs)
    grey, alpha = shown(OnnxNetwork(str(tmp_path / "isnet.onnx"), **example))
    torch.testing.assert_close(alpha, (grey - 0.1) / 0.8, atol=0.02, rtol=0)


def test_birefnet_fits(tmp_path: Path) -> None:
    example = settings("birefnet")
    nodes = [
        *unnormalised("input_image", example["mean"], example["std"]),
        constant("one", 1.0),
        node("Sub", "one grey", "rest"),
        node("Div", "grey rest", "odds"),
        node("Log", "odds", "output_image"),  # the logit
    ]
    inputs, outputs = {"input_image": (1, 3, 1024, 1024)}, {"output_image": (1, 1, 1024, 1024)}
    graph(tmp_path / "birefnet.onnx", nodes, inputs, outputs)
    grey, alpha = shown(OnnxNetwork(str(tmp_path / "birefnet.onnx"), **example))
    torch.testing.assert_close(alpha, grey, atol=0.02, rtol=0)
