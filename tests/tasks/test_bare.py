from pathlib import Path

import pytest

from tests.tasks.toys import base, data, trainer
from vmatte_pl.errors import ConfigError
from vmatte_pl.tasks import Bare, Pretrain

Footage = tuple[Path, Path]


def test_its_scores_are_the_networks_own(footage: Footage, tmp_path: Path) -> None:
    task = Bare(base())
    found = trainer(tmp_path).test(task, data(footage), verbose=False)[0]
    assert found == trainer(tmp_path).test(Pretrain(base()), data(footage), verbose=False)[0]
    assert {name.removeprefix("test/") for name in found} == {"mad", "mse", "sad", "grad", "conn", "dtssd"}
    assert task.scores().keys() == {"boosted"}


def test_it_does_not_train(footage: Footage, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected a task that trains, found Bare"):
        trainer(tmp_path).fit(Bare(base()), data(footage))
