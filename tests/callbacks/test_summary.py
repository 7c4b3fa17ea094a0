from pathlib import Path

import pytest

from tests.tasks.toys import adapter, base, data, trainer
from vmatte_pl.callbacks import Summary
from vmatte_pl.callbacks.summary import summary_lines
from vmatte_pl.models import TinyMatte
from vmatte_pl.tasks import BuE, BwA, Pretrain
from vmatte_pl.tasks.staged import Stage


def status(lines: list[str]) -> dict[str, str]:
    """What each part does, by its sign."""
    words = (line.split() for line in lines if line.endswith("parameters"))
    return {row[0]: row[-4] for row in words}


def test_it_says_what_is_frozen_what_trains_and_what_comes_later() -> None:
    task = BwA(base(), [adapter(), adapter(), adapter()])
    assert status(summary_lines(task)) == {"B": "frozen", "A1": "trains", "A2": "later", "A3": "later"}
    task.begin(Stage([0, 1]))
    assert status(summary_lines(task)) == {"B": "frozen", "A1": "frozen", "A2": "trains", "A3": "later"}
    assert "Stage 2 of 3:" in summary_lines(task)
    task.begin(Stage([0, 2]))
    assert status(summary_lines(task)) == {"B": "frozen", "A1": "frozen", "A2": "dropped", "A3": "trains"}


def test_an_ensemble_trains_all_members_and_then_the_head() -> None:
    task = BuE(base(), [adapter(), adapter()])
    assert status(summary_lines(task)) == {"B": "frozen", "A1": "trains", "A2": "trains", "h": "later"}
    task.begin(Stage([0, 1]))
    assert status(summary_lines(task)) == {"B": "frozen", "A1": "frozen", "A2": "frozen", "h": "trains"}


def test_a_network_that_trains_whole_is_all_there_is() -> None:
    lines = summary_lines(Pretrain(TinyMatte()))
    assert status(lines) == {"B": "trains"}
    assert "Training:" in lines


def test_the_size_is_that_of_what_a_checkpoint_holds(footage: tuple[Path, Path], tmp_path: Path) -> None:
    task = BwA(base(), [adapter()])
    run = trainer(tmp_path)
    run.fit(task, data(footage))
    run.save_checkpoint(tmp_path / "weights.ckpt", weights_only=True)
    megabytes = (tmp_path / "weights.ckpt").stat().st_size / 1e6
    (line,) = (line for line in summary_lines(task) if "a checkpoint holds" in line)
    assert float(line.split()[3]) == pytest.approx(megabytes, rel=0.05)


def test_it_is_shown_at_the_start_of_a_fit(
    footage: tuple[Path, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    trainer(tmp_path, callbacks=(Summary(),)).fit(BwA(base(), [adapter()]), data(footage))
    assert "Stage 1 of 1:" in caplog.text
    assert "B   TinyMatte" in caplog.text
