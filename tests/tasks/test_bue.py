from pathlib import Path

import pytest
import torch

from tests.tasks.toys import Diary, adapter, base, copied, data, trainer
from vmatte_pl.errors import CheckpointError, ConfigError
from vmatte_pl.models import Adapter, Ensemble, Members
from vmatte_pl.tasks import BuE, BwA, fit_stages

Footage = tuple[Path, Path]
Run = tuple[BuE, Diary, Path]


def untrained() -> BuE:
    return BuE(base(), [adapter(1), adapter(0, seed=1)], head_window=1, epochs=[1, 2])


@pytest.fixture(scope="module")
def run(footage: Footage, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder, diary, task = tmp_path_factory.mktemp("run"), Diary(), untrained()
    fit_stages(trainer(folder, callbacks=(diary,)), task, data(footage))
    return task, diary, folder


@pytest.fixture(scope="module")
def members(footage: Footage, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The checkpoints of two BwA runs."""
    folders = [tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("other")]
    for folder, each in zip(folders, (adapter(1), adapter(0, seed=1)), strict=True):
        fit_stages(trainer(folder), BwA(base(), [each]), data(footage))
    return [str(folder / "best.ckpt") for folder in folders]


def test_the_members_train_first_and_then_the_head_alone(run: Run) -> None:
    _, diary, _ = run
    assert diary.epochs == [1, 2]
    for stage, trained in enumerate(("network.adapters.", "network.head.")):
        began, ended = diary.began[stage], diary.ended[stage]
        moved = {name for name in began if not torch.equal(began[name], ended[name])}
        assert moved
        assert all(name.startswith(trained) for name in moved)
        assert diary.optimised[stage] == diary.trained[stage]


def test_all_members_learn_side_by_side(run: Run) -> None:
    began, ended = run[1].began[0], run[1].ended[0]
    moved = {name.split(".")[2] for name in began if not torch.equal(began[name], ended[name])}
    assert moved == {"0", "1"}


def test_a_member_learns_as_if_it_were_alone(footage: Footage, tmp_path: Path) -> None:
    both = BuE(base(), [adapter(1), adapter(1, seed=1)], epochs=[1, 1])
    alone = BwA(base(), [adapter(1)])
    trainer(tmp_path).fit(both, data(footage))
    trainer(tmp_path / "alone").fit(alone, data(footage))
    member, single = both.trained[0].state_dict(), alone.trained.state_dict()  # type: ignore[index]  # a ModuleList
    assert all(torch.equal(value, member[name]) for name, value in single.items())


def test_the_head_begins_as_the_mean_of_its_members() -> None:
    task = BuE(base(), [adapter(1), adapter(0, seed=1)])
    mean, joint = task.build([0]), task.build([0, 1])
    assert isinstance(mean, Members)
    assert isinstance(joint, Ensemble)
    frames = torch.rand(1, 3, 3, 40, 40)
    torch.testing.assert_close(joint.eval()(frames)[0], mean.eval()(frames)[0], atol=1e-6, rtol=0)


def test_a_checkpoint_holds_members_and_head_without_the_backbone(run: Run, footage: Footage) -> None:
    content = torch.load(run[2] / "last.ckpt", weights_only=True)
    heads = {".".join(name.split(".")[:2]) for name in content["state_dict"]}
    assert heads == {"network.members", "network.head"}
    task = untrained()
    scores = trainer(run[2]).validate(task, data(footage), str(run[2] / "last.ckpt"), verbose=False)
    assert isinstance(task.network, Ensemble)
    assert scores[0]["val/mad"] == pytest.approx(content["stage"]["mad"])


def test_members_come_trained_from_bwa(members: list[str], footage: Footage, tmp_path: Path) -> None:
    task = BuE(base(), [adapter(1), adapter(0)], members)
    for index, path in enumerate(members):
        weights = torch.load(path, weights_only=True)["state_dict"]
        own = task.state_dict()
        inner = f"network.members.network.adapters.{index}."
        assert all(torch.equal(v, own[k.replace("network.adapter.", inner)]) for k, v in weights.items())
    task = BuE(base(), [adapter(1), adapter(0)], members, epochs=[7, 2])  # 7 for members that need none
    before, diary = copied(task), Diary()
    fit_stages(trainer(tmp_path, callbacks=(diary,)), task, data(footage))
    assert diary.parts == [[0, 1]]
    assert diary.epochs == [2]
    moved = {name for name, value in before.items() if not torch.equal(diary.ended[0][name], value)}
    assert moved
    assert all(name.startswith("network.head.") for name in moved)


def test_a_head_on_trained_members_is_measured_by_their_mean(
    members: list[str], footage: Footage, tmp_path: Path
) -> None:
    mean = BuE(base(), [adapter(1), adapter(0)], members)
    mean.network = mean.build([0])
    expected = trainer(tmp_path).validate(mean, data(footage), verbose=False)[0]["val/mad"]
    task = BuE(base(), [adapter(1), adapter(0)], members)
    fit_stages(trainer(tmp_path / "head"), task, data(footage))
    assert task.stage.before == pytest.approx(expected)


def test_checkpoints_that_do_not_fit_are_named(members: list[str], tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"another shape, such as network\.adapter.* in .*one.*best\.ckpt"):
        BuE(base(), [adapter(2), adapter(0)], members)
    with pytest.raises(CheckpointError, match="expected an adapter of TinyMatte"):
        BuE(base(seed=1), [adapter(1), adapter(0)], members)
    with pytest.raises(CheckpointError, match=r"found no file in .*absent\.ckpt"):
        BuE(base(), [adapter(1), adapter(0)], [str(tmp_path / "absent.ckpt")] * 2)
    with pytest.raises(ConfigError, match=r"a checkpoint for each of 2 adapters, found 1"):
        BuE(base(), [adapter(1), adapter(0)], members[:1])
    with pytest.raises(ConfigError, match="expected two adapters or more, found 1"):
        BuE(base(), [adapter(1)])


@pytest.mark.parametrize("chunk", [1, 4])
def test_scores_do_not_depend_on_the_chunks(chunk: int, run: Run, footage: Footage, tmp_path: Path) -> None:
    expected = trainer(tmp_path).test(run[0], data(footage, chunk=3), verbose=False)[0]
    found = trainer(tmp_path).test(run[0], data(footage, chunk=chunk), verbose=False)[0]
    assert found == pytest.approx(expected, rel=1e-3)


def test_members_that_are_set_otherwise_than_in_training_are_told(
    members: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    BuE(base(), [adapter(1), adapter(0, seed=1)], members)
    assert "was trained with" not in caplog.text
    careful = Adapter("Unet", window=0, raise_only=True)
    BuE(base(), [adapter(1), careful], members)
    assert "Adapter 1 was trained with raise_only False, and now has True" in caplog.text
