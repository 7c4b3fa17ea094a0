from pathlib import Path

import pytest

from vmatte_pl.cli import main
from vmatte_pl.commands.backbones import BACKBONES, listing, measured
from vmatte_pl.models import FBA, P3M, RVM, FBAUNetPP, TinyMatte, VMFormer
from vmatte_pl.models.base import MattingNetwork
from vmatte_pl.runs import find_config

CONFIGS = Path(__file__).parents[2] / "configs" / "backbones"


def test_every_config_of_a_backbone_is_listed_once() -> None:
    assert sorted(backbone.config for backbone in BACKBONES) == sorted(path.name for path in CONFIGS.iterdir())


def test_the_list_tells_licences_weights_and_costs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backbones"]) == 0
    said = capsys.readouterr().out
    for backbone in BACKBONES:
        assert f"{backbone.name}: backbones/{backbone.config}" in said
        assert backbone.weights in said
        assert find_config(f"backbones/{backbone.config}").is_file()
    assert measured()["machine"] in said


@pytest.mark.parametrize(
    ("name", "network"),
    [
        ("TinyMatte", TinyMatte),
        ("RVM", RVM),
        ("VMFormer", VMFormer),
        ("P3M-Net", P3M),
        ("FBA", FBA),
        ("FBAUNet++", FBAUNetPP),
    ],
)
def test_what_was_measured_is_the_network_of_today(name: str, network: type[MattingNetwork]) -> None:
    found = measured()["backbones"][name]
    assert found["parameters"] == sum(parameter.numel() for parameter in network().parameters())
    assert found["ms"]["eager"] > 0


def test_bfloat16_is_told_of_where_it_is_faster() -> None:
    facts = {"size": [288, 512], "threads": 1, "machine": "a machine", "torch": "2", "date": "today"}
    cost = {"parameters": 3_700_000, "ms": {"eager": 20.0, "channels-last": 18.2, "bf16": 9.6}}
    said = listing({**facts, "backbones": {"RVM": cost}})
    assert "3.7 M parameters; 18 ms a frame, 10 ms in bfloat16" in said
    assert "bfloat16" not in listing({**facts, "backbones": {"RVM": {**cost, "ms": {"eager": 9.0, "bf16": 9.6}}}})
    assert "not measured" in said


def test_a_word_too_many_is_refused() -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["backbones", "all"])
