from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.tasks.toys import Nobody, adapter, base, data, trainer
from vmatte_pl.data.datamodule import MattingData
from vmatte_pl.errors import CheckpointError, ConfigError, TrainingError
from vmatte_pl.models import Boosted
from vmatte_pl.models.base import State
from vmatte_pl.tasks import BwA, Pretrain, fit_stages
from vmatte_pl.tasks.base import MattingTask
from vmatte_pl.types import ClipBatch

Footage = tuple[Path, Path]
Fitted = tuple[BwA, dict[str, torch.Tensor]]


@pytest.fixture(scope="module")
def fitted(footage: Footage, tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    """A task after one epoch, and its weights from before it."""
    task = BwA(base(), [adapter()])
    before = {k: v.clone() for k, v in task.state_dict().items()}
    folder = tmp_path_factory.mktemp("run")
    trainer(folder).fit(task, data(footage))
    return task, before


def test_only_the_adapter_moves(fitted: Fitted) -> None:
    task, before = fitted
    moved = {k for k, v in task.state_dict().items() if not torch.equal(v, before[k])}
    assert moved
    assert all(name.startswith("network.adapter.") for name in moved)  # parameters and buffers, bit for bit


def test_base_boosted_and_gain_are_logged(fitted: Fitted) -> None:
    logged = fitted[0].trainer.callback_metrics
    for metric in ("mad", "mse", "sad", "grad", "conn", "dtssd"):
        value, of_base = logged[f"val/{metric}"], logged[f"val/base/{metric}"]
        torch.testing.assert_close(logged[f"val/gain/{metric}"], 100 * (1 - value / of_base))
    assert logged["train/loss"].isfinite()


def test_a_checkpoint_leaves_the_backbone_out_and_comes_back_whole(
    fitted: Fitted,
) -> None:
    path = Path(fitted[0].trainer.checkpoint_callback.best_model_path)  # type: ignore[union-attr]  # it has one
    content = torch.load(path, weights_only=True)
    assert not any(name.startswith("network.base.") for name in content["state_dict"])
    assert content["base"] == {"class": "TinyMatte", "sha256": base().fingerprint()}

    restored = BwA(base(), [adapter()])
    restored.on_load_checkpoint(content)
    restored.load_state_dict(content["state_dict"], strict=True)
    frames = torch.rand(1, 2, 3, 32, 48)
    with torch.no_grad():
        torch.testing.assert_close(restored.eval().network(frames)[0], fitted[0].eval().network(frames)[0])


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (lambda: BwA(base(seed=1), [adapter()]), "expected an adapter of TinyMatte .*, found one of TinyMatte"),
        (lambda: BwA(base(), [adapter(window=2)]), "missing, unknown or of another shape, such as network.adapter"),
    ],
    ids=["another backbone", "another adapter"],
)
def test_a_checkpoint_of_something_else_is_refused(task: Callable[[], BwA], message: str, fitted: Fitted) -> None:
    path = Path(fitted[0].trainer.checkpoint_callback.best_model_path)  # type: ignore[union-attr]  # it has one
    with pytest.raises(CheckpointError, match=message):
        task().on_load_checkpoint(torch.load(path, weights_only=True))


def test_a_checkpoint_without_an_adapter_is_refused() -> None:
    with pytest.raises(CheckpointError, match="found no adapter"):
        BwA(base(), [adapter()]).on_load_checkpoint({"state_dict": base().state_dict()})


@pytest.mark.parametrize("chunk", [1, 4, 100])
def test_scores_do_not_depend_on_the_chunks(chunk: int, footage: Footage, tmp_path: Path) -> None:
    task = BwA(base(), [adapter(window=2)])
    disturb(task)
    expected = trainer(tmp_path).test(task, data(footage, chunk=3), verbose=False)[0]
    found = trainer(tmp_path).test(task, data(footage, chunk=chunk), verbose=False)[0]
    assert found == pytest.approx(expected, rel=1e-3)
    assert task.scores()["boosted"]["clips"].keys() == task.scores()["base"]["clips"].keys()


def test_pretraining_moves_the_whole_network_and_has_no_base(footage: Footage, tmp_path: Path) -> None:
    task = Pretrain(base())
    before = {k: v.clone() for k, v in task.named_parameters()}
    run = trainer(tmp_path)
    run.fit(task, data(footage))
    assert not any(torch.equal(v, before[k]) for k, v in task.named_parameters() if v.ndim == 4)
    assert "val/mad" in run.callback_metrics
    assert not any("base" in name or "gain" in name for name in run.callback_metrics)


def test_a_loss_that_is_no_number_stops_the_run(footage: Footage, tmp_path: Path) -> None:
    task = BwA(base(), [adapter()], optimizer=lambda p: torch.optim.SGD(p, lr=float("inf")), scheduler=constant)
    with pytest.raises(TrainingError, match=r"expected a finite loss, found nan at step \d+ in clips .*; lower"):
        trainer(tmp_path, epochs=3).fit(task, data(footage))


def disturb(task: BwA) -> None:
    """Let an untrained adapter correct something."""
    last = [m for m in task.network.adapter.modules() if isinstance(m, torch.nn.Conv2d)][-1]
    torch.nn.init.normal_(last.weight, std=0.05)


def constant(optimizer: torch.optim.Optimizer) -> torch.optim.lr_scheduler.LRScheduler:
    return torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1)


def test_windows_must_be_longer_than_the_adapters_past(footage: Footage, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"more than 3 frames.*found 3 in data\.window"):
        trainer(tmp_path).fit(BwA(base(), [adapter(window=3)]), data(footage, window=3))


@pytest.mark.parametrize(("remembers", "window", "first"), [(True, 4, 2), (True, 2, 1), (True, 1, 0), (False, 4, 0)])
def test_a_backbone_that_remembers_is_given_a_start(
    footage: Footage, tmp_path: Path, remembers: bool, window: int, first: int
) -> None:
    class Counting(Nobody):
        """Its alpha is the frame's number, in tenths."""

        def forward(self, frames: torch.Tensor, state: State = None) -> tuple[torch.Tensor, State]:
            number = torch.arange(frames.shape[1]).view(1, -1, 1, 1, 1) / 10
            return number.expand_as(frames[:, :, :1]).clone(), state

    def note(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        if module.training:
            seen.append(10 * inputs[1].min().item())

    backbone, small, seen = Counting(), adapter(window=0), list[float]()
    backbone.remembers = remembers
    small.register_forward_pre_hook(note)
    trainer(tmp_path).fit(BwA(backbone, [small]), data(footage, window=window))
    assert seen == pytest.approx([first] * len(seen))
    assert seen


def test_a_boosted_network_can_be_boosted_again(footage: Footage, tmp_path: Path) -> None:
    one = Boosted(base(), adapter())
    task: MattingTask = BwA(one, [adapter()])
    before = {k: v.clone() for k, v in one.state_dict().items()}
    trainer(tmp_path).fit(task, data(footage))
    assert all(torch.equal(v, before[k]) for k, v in one.state_dict().items())


class Known(MattingData):
    """Data that brings the backbone's alpha: here the true one, so that it can be told from the backbone's own."""

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> ClipBatch:
        clips = super().on_after_batch_transfer(batch, dataloader_idx)
        return ClipBatch(**{**clips, "base": clips["pha"]})


def known(footage: Footage) -> Known:
    root, backgrounds = map(str, footage)
    return Known(root, backgrounds, size=(32, 48), window=3, batch_size=2, samples_per_epoch=4, workers=0)


def test_a_backbone_whose_alpha_comes_with_the_data_is_not_run(
    footage: Footage, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")

    class Busy(Nobody):
        def forward(self, frames: torch.Tensor, state: State = None) -> tuple[torch.Tensor, State]:
            raise AssertionError("it was run")

    run = trainer(tmp_path)
    task = BwA(Busy(), [adapter(), adapter(0)], optimizer=lambda p: torch.optim.SGD(p, lr=0.0), keep_stages=True)
    fit_stages(run, task, known(footage))
    assert task.stage.parts == [0, 1]
    assert run.callback_metrics["val/base/mad"] == 0
    assert caplog.text.count("The backbone's alphas come with the data: it is not run") == 1


def test_a_network_that_trains_is_run_whatever_alphas_come_with_the_data(footage: Footage, tmp_path: Path) -> None:
    run = trainer(tmp_path)
    run.fit(Pretrain(base()), known(footage))
    assert run.callback_metrics["val/mad"] > 0


def test_a_network_without_weights_cannot_be_trained(footage: Footage, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected a network with weights to train, found Nobody without any"):
        trainer(tmp_path).fit(Pretrain(Nobody()), data(footage))


@pytest.mark.parametrize("remembers", [False, True])
def test_a_base_that_does_not_remember_is_spared_the_frames_that_are_only_looked_at(
    remembers: bool, footage: Footage, tmp_path: Path
) -> None:
    seen: list[int] = []

    class Noting(Nobody):
        def forward(self, frames: torch.Tensor, state: State = None) -> tuple[torch.Tensor, State]:
            seen.append(frames.shape[1])
            return super().forward(frames, state)

    network = Noting()
    network.remembers = remembers
    trainer(tmp_path).fit(BwA(network, [adapter(window=1)]), data(footage, window=4, chunk=2))
    assert set(seen) == {4 if remembers else 3, 2}  # of training, and of evaluation in chunks
