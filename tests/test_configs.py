"""Every shipped config is one that the command line takes, as it stands."""

from pathlib import Path

import pytest
import yaml

from vmatte_pl.cli import main
from vmatte_pl.losses import MattingLoss

CONFIGS = sorted((Path(__file__).parents[1] / "configs").glob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda p: p.name)
def test_a_shipped_config_is_parsed(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["fit", "--config", str(path), "--print_config"])
    printed, written = yaml.safe_load(capsys.readouterr().out), yaml.safe_load(path.read_text())
    assert printed["model"]["class_path"] == written["model"]["class_path"]
    assert printed["data"]["init_args"]["batch_size"] == written["data"]["init_args"]["batch_size"]
    assert not printed["trainer"]["use_distributed_sampler"]


def test_wandb_is_offline_unless_asked_otherwise() -> None:
    for path in CONFIGS:
        loggers = yaml.safe_load(path.read_text())["trainer"]["logger"]
        wandb = [x["init_args"] for x in loggers if x["class_path"].endswith("WandbLogger")]
        assert [x["offline"] for x in wandb] == [True]


@pytest.mark.parametrize("name", ["thesis_bwa.yaml", "thesis_bue.yaml"])
def test_the_thesis_trains_with_the_dice_loss_alone(name: str) -> None:
    content = yaml.safe_load(next(path for path in CONFIGS if path.name == name).read_text())
    loss = content["model"]["init_args"]["loss"]
    weights = MattingLoss(**(loss[0] if isinstance(loss, list) else loss)["init_args"]).weights
    assert {term for term, weight in weights.items() if weight} == {"dice"}
