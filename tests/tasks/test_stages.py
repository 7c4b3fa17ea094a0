import shutil
import warnings
from dataclasses import asdict
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import EarlyStopping
from pytorch_lightning.cli import OptimizerCallable

from tests.tasks.toys import QUIET, Copies, Diary, Interrupt, Nobody, adapter, base, data, trainer
from vmatte_pl.errors import CheckpointError, ConfigError
from vmatte_pl.losses import MattingLoss
from vmatte_pl.models import Adapter
from vmatte_pl.tasks import BwA, Pretrain, fit_stages
from vmatte_pl.tasks.staged import Stage

Footage = tuple[Path, Path]
Run = tuple[BwA, Diary, Path]

EPOCHS = [2, 1, 2]


def three() -> BwA:
    return BwA(base(), [adapter(1), adapter(0, seed=1), adapter(2, seed=2)], epochs=EPOCHS)


def rates(*of_stages: float) -> OptimizerCallable:
    """An optimiser with a learning rate for each stage."""
    remaining = iter(of_stages)
    return lambda parameters: torch.optim.AdamW(parameters, lr=next(remaining))


def read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = torch.load(path, weights_only=True)
    return content


@pytest.fixture(scope="module")
def run(footage: Footage, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A fit of three stages."""
    folder, diary, task = tmp_path_factory.mktemp("run"), Diary(), three()
    fit_stages(trainer(folder, callbacks=(diary,)), task, data(footage, window=4))
    return task, diary, folder


def test_stages_run_one_after_another_for_their_epochs(run: Run) -> None:
    _, diary, _ = run
    assert [len(parts) for parts in diary.parts] == [1, 2, 3]
    assert diary.epochs == EPOCHS


@pytest.mark.parametrize("stage", [0, 1, 2])
def test_only_the_newest_stage_moves(run: Run, stage: int) -> None:
    began, ended = run[1].began[stage], run[1].ended[stage]
    assert began.keys() == ended.keys()
    moved = {name for name in began if not torch.equal(began[name], ended[name])}  # parameters and buffers, all bits
    assert any("running_mean" in name for name in moved)
    assert all(name.startswith("network.adapter.") for name in moved)


@pytest.mark.parametrize("stage", [0, 1, 2])
def test_the_optimiser_has_the_newest_stage_and_nothing_else(run: Run, stage: int) -> None:
    assert run[1].optimised[stage] == run[1].trained[stage]


def test_what_has_not_begun_is_no_part_of_the_task(run: Run) -> None:
    first, second, third = run[1].began
    assert not any(name.startswith("network.base.network.adapter.") for name in first)
    assert len(first) < len(second) < len(third)


def test_a_stage_begins_as_the_best_network_so_far(footage: Footage, tmp_path: Path) -> None:
    class Ruin(Callback):
        """In its second epoch, the first stage is led astray."""

        def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: object) -> None:
            if trainer.current_epoch == 1:
                torch.nn.init.constant_(task.network.adapter.network.segmentation_head[0].bias, 30.0)

    diary, task = Diary(), BwA(base(), [adapter(), adapter()], epochs=[2, 1], keep_stages=True)
    fit_stages(trainer(tmp_path, callbacks=(diary, Copies(tmp_path), Ruin())), task, data(footage))
    kept, ruined = (read(tmp_path / f"{epoch}.ckpt")["state_dict"] for epoch in (0, 1))
    bias = "network.adapter.network.segmentation_head.0.bias"
    assert ruined[bias] == 30 != kept[bias]
    inner = "network.base.network.adapter."
    began = {k.replace(inner, "network.adapter."): v for k, v in diary.began[1].items() if k.startswith(inner)}
    assert began.keys() == kept.keys()
    assert all(torch.equal(value, kept[name]) for name, value in began.items())


def test_the_learning_rate_goes_up_and_down_once_a_stage(run: Run) -> None:
    for rates in run[1].rates:
        assert rates[0] == pytest.approx(0.04e-3)
        assert all(a > b for a, b in pairwise(rates[1:]))
    assert [len(rates) for rates in run[1].rates] == [2 * epochs for epochs in EPOCHS]


def test_in_the_end_the_task_is_what_the_best_checkpoint_holds(run: Run) -> None:
    task, _, folder = run
    content = read(folder / "best.ckpt")
    assert all(torch.equal(value, task.state_dict()[name]) for name, value in content["state_dict"].items())
    assert len(content["state_dict"]) == len(task.state_dict()) - len(base().state_dict())


@pytest.mark.parametrize("interrupted", [1, 2, 4])
def test_a_run_resumed_within_a_stage_ends_as_if_it_had_never_stopped(
    run: Run, footage: Footage, tmp_path: Path, interrupted: int
) -> None:
    with pytest.raises(InterruptedError):
        fit_stages(trainer(tmp_path, callbacks=(Interrupt(interrupted),)), three(), data(footage, window=4))
    task, diary = three(), Diary()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Checkpoint directory .* exists and is not empty")  # so it does
        fit_stages(
            trainer(tmp_path, callbacks=(diary,)), task, data(footage, window=4), ckpt_path=tmp_path / "last.ckpt"
        )
    assert sum(diary.epochs) == sum(EPOCHS) - interrupted
    expected = run[1].ended[-1]
    assert diary.ended[-1].keys() == expected.keys()
    assert all(torch.equal(value, expected[name]) for name, value in diary.ended[-1].items())
    assert task.stage == run[0].stage


def test_the_checkpoint_of_a_stage_is_tested_as_what_it_was(run: Run, footage: Footage) -> None:
    for name in ("best.ckpt", "last.ckpt"):
        task = three()
        scores = trainer(run[2]).validate(task, data(footage, window=4), str(run[2] / name), verbose=False)
        assert task.stage.parts == [0, 1, 2]
        assert scores[0]["val/mad"] == pytest.approx(read(run[2] / name)["stage"]["mad"])


def test_a_stage_that_does_not_improve_is_reported_and_dropped(
    footage: Footage, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    diary = Diary()
    adapters = [adapter(0), adapter(0, residual=False), adapter(1)]  # the second says 0.5 everywhere
    task = BwA(base(), adapters, optimizer=rates(1e-3, 0, 0), epochs=[2, 1, 1])
    fit_stages(trainer(tmp_path, callbacks=(diary,)), task, data(footage))
    assert diary.parts == [[0], [0, 1], [0, 2]]
    assert "Stage 2 of 3, Unet, tu-tf_mobilenetv3_small_minimal_100, 1 frame: did not lower val/mad" in caplog.text
    assert "and is dropped" in caplog.text
    assert task.stage.parts == Stage(**read(tmp_path / "best.ckpt")["stage"]).parts
    inner = "network.base.network.adapter."
    assert all(torch.equal(diary.began[2][k], v) for k, v in diary.began[1].items() if k.startswith(inner))


def test_a_stage_that_was_never_validated_is_said_to_be_so(
    footage: Footage, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    task = BwA(base(), [adapter(0), adapter(0)], epochs=[2, 1])
    fit_stages(trainer(tmp_path, check_val_every_n_epoch=2), task, data(footage))
    assert (
        "Stage 2 of 2, Unet, tu-tf_mobilenetv3_small_minimal_100, 1 frame: ended before it was validated" in caplog.text
    )
    assert task.stage.parts == [0]


def test_a_stage_is_judged_where_no_best_checkpoint_is_kept(footage: Footage) -> None:
    diary = Diary()
    adapters = [adapter(0), adapter(0, residual=False), adapter(1)]
    task = BwA(base(), adapters, optimizer=rates(1e-3, 0, 0))
    plain = Trainer(accelerator="cpu", max_epochs=1, logger=False, enable_checkpointing=False, callbacks=diary, **QUIET)
    fit_stages(plain, task, data(footage))
    assert diary.parts == [[0], [0, 1], [0, 2]]


@pytest.mark.parametrize(("crop", "pieces"), [((96, 96), 0), ((0, 16), 1)])
def test_pieces_that_cannot_be_cut_are_refused(crop: tuple[int, int], pieces: int) -> None:
    with pytest.raises(ConfigError, match="expected one piece or more of 1x1 pixels or more"):
        BwA(base(), [adapter(0)], crop=crop, pieces=pieces)


def test_a_run_resumed_in_another_folder_knows_the_best_so_far(footage: Footage, tmp_path: Path) -> None:
    def task() -> BwA:
        adapters = [adapter(0), adapter(0, residual=False), adapter(1)]  # the second says 0.5 everywhere
        return BwA(base(), adapters, optimizer=rates(1e-3, 0, 0), epochs=[1, 2, 1])

    first, second, moved = tmp_path / "first", tmp_path / "second", tmp_path / "moved"
    with pytest.raises(InterruptedError):  # before the second stage was measured, and so before it was no good
        fit_stages(trainer(first, callbacks=(Interrupt(1),)), task(), data(footage))
    best = read(first / "best.ckpt")["stage"]
    assert best["parts"] == [0]
    diary, resumed = Diary(), task()
    fit_stages(trainer(second, callbacks=(diary,)), resumed, data(footage), ckpt_path=first / "last.ckpt")
    assert (first / "best.ckpt").is_file()
    stage = read(second / "best.ckpt")["stage"]
    assert stage == best  # neither of the later two beat it
    assert resumed.stage.parts == [0]
    assert diary.parts == [[0, 1], [0, 2]]
    shutil.move(first, moved)  # as when a relative path is another one elsewhere
    fit_stages(trainer(tmp_path / "third"), task(), data(footage), ckpt_path=moved / "last.ckpt")
    assert read(tmp_path / "third" / "best.ckpt")["stage"] == stage


def test_a_stage_that_does_not_improve_stays_if_asked_to(footage: Footage, tmp_path: Path) -> None:
    diary = Diary()
    adapters = [adapter(0), adapter(0, residual=False), adapter(1)]
    task = BwA(base(), adapters, optimizer=rates(1e-3, 0, 0), keep_stages=True)
    fit_stages(trainer(tmp_path, callbacks=(diary,)), task, data(footage))
    assert diary.parts == [[0], [0, 1], [0, 1, 2]]
    assert task.stage.parts == [0, 1, 2] == Stage(**read(tmp_path / "best.ckpt")["stage"]).parts
    assert sorted(p.name for p in tmp_path.glob("*.ckpt")) == ["best.ckpt", "last.ckpt"]


def test_a_first_stage_worse_than_the_base_is_dropped_for_the_next(footage: Footage, tmp_path: Path) -> None:
    diary = Diary()
    task = BwA(Nobody(), [adapter(0, residual=False), adapter(0)], optimizer=rates(0, 0))
    fit_stages(trainer(tmp_path, callbacks=(diary,)), task, data(footage))
    assert diary.parts == [[0], [1]]
    assert task.stage.parts == [1]


def test_patience_begins_anew_with_each_stage(footage: Footage, tmp_path: Path) -> None:
    diary = Diary()
    task = BwA(base(), [adapter(0), adapter(0)], optimizer=rates(0, 0), keep_stages=True)
    run = trainer(tmp_path, 9, (diary, EarlyStopping("val/mad", min_delta=1.0, patience=2)))
    fit_stages(run, task, data(footage))
    assert diary.epochs == [3, 3]


def test_the_time_limit_holds_for_each_stage(footage: Footage, tmp_path: Path) -> None:
    diary, task = Diary(), BwA(base(), [adapter(0), adapter(0)], keep_stages=True)
    run = trainer(tmp_path, 9, (diary,), max_time=timedelta(milliseconds=1))
    fit_stages(run, task, data(footage))
    assert [len(of_stage) for of_stage in diary.rates] == [1, 1]  # a step each
    assert task.stage.mad is not None  # and both were validated


def test_the_limit_of_steps_holds_for_each_stage(footage: Footage, tmp_path: Path) -> None:
    diary, task = Diary(), BwA(base(), [adapter(0), adapter(0)], keep_stages=True)
    fit_stages(trainer(tmp_path, -1, (diary,), max_steps=3), task, data(footage))
    assert [len(of_stage) for of_stage in diary.rates] == [3, 3]
    assert diary.rates[0] == pytest.approx(diary.rates[1])


def test_a_run_without_a_step_leaves_all_as_it_was(footage: Footage, tmp_path: Path) -> None:
    task = BwA(base(), [adapter(0)])
    before = {name: value.clone() for name, value in task.state_dict().items()}
    fit_stages(trainer(tmp_path, -1, max_steps=0), task, data(footage))
    after = task.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())


def test_a_stage_without_epochs_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"one epoch or more for each stage, found \[0, 2\] in model.epochs"):
        BwA(base(), [adapter(0), adapter(0)], epochs=[0, 2])


def test_frozen_normalisation_is_so_from_the_first_step_of_a_fit(footage: Footage, tmp_path: Path) -> None:
    task = BwA(base(), [Adapter(window=0, frozen_norm=True)])
    before = {name: value.clone() for name, value in task.state_dict().items()}
    trainer(tmp_path).fit(task, data(footage))
    after = task.state_dict()
    moved = {name for name, value in before.items() if "running" in name and not torch.equal(value, after[name])}
    assert moved
    assert not any("encoder" in name for name in moved)


def test_each_stage_has_a_loss_of_its_own(footage: Footage, tmp_path: Path) -> None:
    none = {"l1": 0.0, "laplacian": 0.0, "temporal": 0.0, "cross_entropy": 0.0}
    losses = [MattingLoss(**{**none, "l1": 1.0}), MattingLoss(**none, dice=1.0)]
    task, logged = BwA(base(), [adapter(0), adapter(0)], losses, keep_stages=True), []

    class Watch(Callback):
        def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
            logged.append({name for name in trainer.callback_metrics if name.startswith("train/")})

    fit_stages(trainer(tmp_path, callbacks=(Watch(),)), task, data(footage))
    assert logged == [{"train/loss", "train/l1"}, {"train/loss", "train/dice"}]


def test_without_checkpoints_the_stages_go_on_from_where_they_are(footage: Footage) -> None:
    task, diary = BwA(base(), [adapter(0), adapter(0)]), Diary()
    options: dict[str, Any] = {"enable_checkpointing": False, "limit_val_batches": 0}
    run = Trainer(accelerator="cpu", max_epochs=1, logger=False, callbacks=[diary], **QUIET, **options)
    fit_stages(run, task, data(footage))
    assert task.stage.parts == [0, 1]
    inner = "network.base.network.adapter."
    ended = {k: v for k, v in diary.ended[0].items() if k.startswith("network.adapter.")}
    assert all(torch.equal(diary.began[1][k.replace("network.adapter.", inner)], v) for k, v in ended.items())


def test_a_task_of_one_stage_is_fitted_as_ever(footage: Footage, tmp_path: Path) -> None:
    run = trainer(tmp_path)
    fit_stages(run, Pretrain(base()), data(footage))
    assert run.current_epoch == 1


@pytest.mark.parametrize(
    ("setting", "message"),
    [({"epochs": [1, 2, 3]}, r"found 3 in model\.epochs"), ({"loss": [MattingLoss()]}, r"found 1 in model\.loss")],
)
def test_settings_of_stages_must_be_as_many_as_these(setting: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=f"expected one for each of 2 parts, or one for all, {message}"):
        BwA(base(), [adapter(0), adapter(0)], **setting)


def test_processes_that_live_for_one_fit_are_refused(tmp_path: Path, footage: Footage) -> None:
    run = trainer(tmp_path, strategy="ddp_spawn", devices=2)
    with pytest.raises(ConfigError, match=r"in trainer\.strategy; set --trainer\.strategy ddp"):
        fit_stages(run, three(), data(footage))


def test_a_checkpoint_of_something_else_is_not_resumed_from(footage: Footage, tmp_path: Path) -> None:
    trainer(tmp_path).fit(Pretrain(base()), data(footage))
    with pytest.raises(CheckpointError, match=r"expected an adapter of TinyMatte .*, found no adapter"):
        fit_stages(trainer(tmp_path / "resumed"), three(), data(footage), ckpt_path=tmp_path / "last.ckpt")


def test_a_checkpoint_of_more_stages_than_there_are_adapters_is_refused(
    run: Run, footage: Footage, tmp_path: Path
) -> None:
    more = tmp_path / "more.ckpt"
    trainer(tmp_path).fit(three(), data(footage))
    torch.save({**read(tmp_path / "last.ckpt"), "stage": asdict(Stage([0, 1, 2]))}, more)
    with pytest.raises(CheckpointError, match="found 3 parts where the config has 1"):
        fit_stages(trainer(tmp_path / "resumed"), BwA(base(), [adapter(1)]), data(footage), ckpt_path=more)
    with pytest.raises(CheckpointError, match="found 3 parts where the config has 1"):
        BwA(base(), [adapter(1)]).adopt(read(run[2] / "best.ckpt"))
