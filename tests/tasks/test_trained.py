from pathlib import Path

import pytest
import torch
import yaml

from tests.tasks.toys import Nobody, adapter, data, trainer
from vmatte_pl.errors import CheckpointError
from vmatte_pl.models import Boosted, TinyMatte
from vmatte_pl.tasks import BwA, Trained, fit_stages, load_task

MODEL = {
    "class_path": "vmatte_pl.tasks.BwA",
    "init_args": {
        "base": {"class_path": "tests.tasks.toys.Nobody"},
        "adapters": [{"class_path": "vmatte_pl.models.Adapter", "init_args": {"window": window}} for window in (1, 0)],
        "optimizer": {"class_path": "torch.optim.AdamW", "init_args": {"lr": 0.001}},
    },
}


@pytest.fixture(scope="module")
def ckpt(footage: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[str, BwA]:
    """A checkpoint of two stages that knows its config, and the task that it is of."""
    folder = tmp_path_factory.mktemp("run")
    task = BwA(Nobody(), [adapter(1), adapter(0)], keep_stages=True)
    fit_stages(trainer(folder), task, data(footage))
    content = torch.load(folder / "best.ckpt", weights_only=True)
    torch.save({**content, "config": yaml.safe_dump({"model": MODEL})}, folder / "best.ckpt")
    return str(folder / "best.ckpt"), task


def test_a_checkpoint_becomes_its_network_again(ckpt: tuple[str, BwA]) -> None:
    path, task = ckpt
    frames = torch.rand(1, 3, 3, 40, 40)
    again = load_task(path).network
    assert isinstance(again, Boosted)
    with torch.no_grad():
        torch.testing.assert_close(again(frames)[0], task.eval().network(frames)[0])


@pytest.mark.parametrize("window", [0, 1])
def test_it_remembers_what_its_network_does(window: int, tmp_path: Path) -> None:
    task = BwA(TinyMatte(), [adapter(window)])  # which looks at single frames, as an adapter with a window of 0 does
    content = {"state_dict": task.state_dict()}
    task.on_save_checkpoint(content)
    adapters = [{"class_path": "vmatte_pl.models.Adapter", "init_args": {"window": window}}]
    settings = {"base": {"class_path": "vmatte_pl.models.TinyMatte"}, "adapters": adapters}
    config = {"model": {"class_path": "vmatte_pl.tasks.BwA", "init_args": settings}}
    torch.save({**content, "config": yaml.safe_dump(config)}, tmp_path / "run.ckpt")
    assert Trained(str(tmp_path / "run.ckpt")).remembers == (window > 0)


def test_it_can_be_boosted_further_and_shows_all_its_stages(ckpt: tuple[str, BwA]) -> None:
    further = BwA(Trained(ckpt[0]), [adapter(2)]).eval()
    frames = torch.rand(1, 4, 3, 40, 40)
    with torch.no_grad():
        alphas, _ = further.network.stages(frames)
        inner, _ = ckpt[1].eval().network.stages(frames)
    assert len(alphas) == 4
    torch.testing.assert_close(alphas[:3], inner)
    torch.testing.assert_close(alphas[3], alphas[2], atol=1e-4, rtol=0)  # it has not learnt anything yet


def test_the_backbone_must_be_the_one_that_it_was_trained_on(ckpt: tuple[str, BwA], tmp_path: Path) -> None:
    content = torch.load(ckpt[0], weights_only=True)
    model = {**MODEL, "init_args": {**MODEL["init_args"], "base": {"class_path": "vmatte_pl.models.TinyMatte"}}}  # type: ignore[dict-item]  # plain values
    torch.save({**content, "config": yaml.safe_dump({"model": model})}, tmp_path / "other.ckpt")
    with pytest.raises(CheckpointError, match="expected an adapter of TinyMatte"):
        Trained(str(tmp_path / "other.ckpt"))
