from pathlib import Path

import pytest
import torch
import wandb
import yaml
from pytorch_lightning.cli import LightningCLI

from tests.callbacks.toys import Toy
from vmatte_pl.callbacks.config import SaveConfig, read_config


def command(subcommand: str, *arguments: str) -> LightningCLI:
    return LightningCLI(
        Toy,
        save_config_callback=SaveConfig,
        save_config_kwargs={"save_to_log_dir": False},
        args=[
            subcommand,
            "--trainer.accelerator=cpu",
            "--trainer.enable_progress_bar=false",
            "--trainer.enable_model_summary=false",
            "--trainer.logger=[{class_path: CSVLogger, init_args: {save_dir: runs, name: toy}},"
            " {class_path: WandbLogger, init_args: {save_dir: runs, offline: true}}]",
            *arguments,
        ],
    )


def fit(*arguments: str) -> Path:
    cli = command("fit", "--trainer.max_steps=1", "--trainer.log_every_n_steps=1", "--seed_everything=3", *arguments)
    return Path(str(cli.trainer.log_dir))


def test_the_configuration_lies_in_the_runs_folder_and_in_its_loggers() -> None:
    folder = fit("--model.alone=true")
    config = yaml.safe_load((folder / "config.yaml").read_text())
    assert folder == Path("runs/toy/version_0")
    assert config["model"] == {"alone": True}
    assert config["seed_everything"] == 3
    assert yaml.safe_load((folder / "hparams.yaml").read_text())["model"] == {"alone": True}
    assert wandb.run is not None
    assert wandb.run.config["model"] == {"alone": True}


def test_a_second_run_in_the_same_place_saves_its_own() -> None:
    first = fit("--model.alone=true")
    wandb.finish()
    second = fit("--model.alone=false")
    assert [read_config(folder)["model"]["alone"] for folder in (first, second)] == [True, False]


def test_a_run_without_a_logger_may_be_repeated() -> None:
    for alone in ("true", "false"):
        fit("--trainer.logger=false", "--trainer.enable_checkpointing=false", f"--model.alone={alone}")
    assert yaml.safe_load(Path("config.yaml").read_text())["model"]["alone"] is False


def test_a_checkpoint_carries_its_configuration() -> None:
    folder = fit("--model.alone=true")
    (path,) = folder.glob("checkpoints/*.ckpt")
    carried = yaml.safe_load(torch.load(path, weights_only=True)["config"])
    assert carried == yaml.safe_load((folder / "config.yaml").read_text())
    assert read_config(Path("elsewhere"), path) == carried


@pytest.mark.filterwarnings("ignore:The dirpath has changed")  # the test has a logger, and so a folder, of its own
def test_testing_a_checkpoint_writes_no_configuration(tmp_path: Path) -> None:
    (path,) = fit("--model.alone=true").glob("checkpoints/*.ckpt")
    wandb.finish()
    before = {config: config.read_text() for config in tmp_path.rglob("config.yaml")}
    command("test", f"--ckpt_path={path}")
    assert {config: config.read_text() for config in tmp_path.rglob("config.yaml")} == before


def test_testing_without_a_checkpoint_is_a_run_of_its_own() -> None:
    command("test", "--model.alone=true")
    assert read_config(Path("runs/toy/version_0"))["model"] == {"alone": True}


@pytest.mark.parametrize("checkpoint", [None, Path("missing.ckpt")])
def test_nothing_known_is_an_empty_configuration(tmp_path: Path, checkpoint: Path | None) -> None:
    assert read_config(tmp_path, checkpoint) == {}
