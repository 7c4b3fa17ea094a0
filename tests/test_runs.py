import os
from pathlib import Path

import pytest
import torch
import yaml

from vmatte_pl.errors import CheckpointError, ConfigError
from vmatte_pl.runs import config_text, find_config, newest_checkpoint, read_checkpoint


def test_a_path_is_itself(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").touch()
    assert find_config(str(tmp_path / "mine.yaml")) == tmp_path / "mine.yaml"


def test_a_name_is_looked_up_here_and_then_among_the_shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_config("bwa.yaml").read_text().startswith("# Boosting with Adapters")
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs/bwa.yaml").touch()
    assert find_config("bwa.yaml") == Path("configs/bwa.yaml")


def test_an_unknown_config_names_those_there_are() -> None:
    with pytest.raises(
        ConfigError, match=r"found none in bwaa\.yaml; choose one of base\.yaml, bue\.yaml, bwa\.yaml, "
    ):
        find_config("bwaa.yaml")


def test_the_newest_run_is_the_one_that_wrote_last(tmp_path: Path) -> None:
    for age, run in enumerate(("bwa/version_10", "bwa/version_9", "other/version_0")):
        path = tmp_path / run / "checkpoints/best.ckpt"
        path.parent.mkdir(parents=True)
        path.touch()
        os.utime(path, (1e9 - age, 1e9 - age))
    assert newest_checkpoint(tmp_path) == tmp_path / "bwa/version_10/checkpoints/best.ckpt"


def test_a_run_that_ended_before_it_was_validated_has_its_last_checkpoint_alone(tmp_path: Path) -> None:
    validated, ended = (tmp_path / f"bwa/version_{i}/checkpoints" for i in (0, 1))
    for folder, names in ((validated, ("best.ckpt", "last.ckpt")), (ended, ("last.ckpt",))):
        folder.mkdir(parents=True)
        for name in names:
            (folder / name).touch()
    os.utime(validated / "best.ckpt", (1e9, 1e9))
    os.utime(validated / "last.ckpt", (1e9, 1e9))
    assert newest_checkpoint(tmp_path) == ended / "last.ckpt"
    os.utime(validated / "last.ckpt", (3e9, 3e9))
    assert newest_checkpoint(tmp_path) == validated / "best.ckpt"


def test_no_run_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"found none in .*; train one with `vmatte fit"):
        newest_checkpoint(tmp_path)


def test_a_file_that_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.ckpt").write_text("not a checkpoint")
    with pytest.raises(CheckpointError, match=r"expected a checkpoint that vmatte wrote.*notes\.ckpt"):
        read_checkpoint(tmp_path / "notes.ckpt")
    with pytest.raises(CheckpointError, match=r"found no file in .*absent\.ckpt"):
        read_checkpoint(tmp_path / "absent.ckpt")


def test_code_hidden_in_a_checkpoint_does_not_run(tmp_path: Path) -> None:
    class Payload:
        def __reduce__(self) -> tuple[object, tuple[object, ...]]:
            return Path.touch, (tmp_path / "ran",)

    torch.save({"config": Payload()}, tmp_path / "evil.ckpt")
    with pytest.raises(CheckpointError):
        config_text(tmp_path / "evil.ckpt")
    assert not (tmp_path / "ran").exists()


def test_a_checkpoint_tells_its_config(tmp_path: Path) -> None:
    torch.save({"config": "a: 1"}, tmp_path / "with.ckpt")
    torch.save({}, tmp_path / "without.ckpt")
    assert config_text(tmp_path / "with.ckpt") == "a: 1\n"
    with pytest.raises(CheckpointError, match="pass the config of its run"):
        config_text(tmp_path / "without.ckpt")


def test_a_checkpoint_needs_no_files_that_its_trained_parts_started_from(tmp_path: Path) -> None:
    init = {
        "base": {"init_args": {"encoder_weights": "base.pth"}},
        "adapters": [{"init_args": {"encoder": "resnet50", "encoder_weights": "imagenet"}}],
        "checkpoints": ["a.ckpt", "b.ckpt"],
    }
    torch.save({"config": yaml.safe_dump({"model": {"init_args": init}})}, tmp_path / "best.ckpt")
    config = yaml.safe_load(config_text(tmp_path / "best.ckpt"))["model"]["init_args"]
    assert config["adapters"][0]["init_args"] == {"encoder": "resnet50", "encoder_weights": None}
    assert config["checkpoints"] is None
    assert config["base"] == init["base"]
