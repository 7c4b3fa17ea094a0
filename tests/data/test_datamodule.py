import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from tests.footage import write_composites
from vmatte_pl.data import datamodule
from vmatte_pl.data.datamodule import MattingData
from vmatte_pl.data.dataset import TrainWindows
from vmatte_pl.data.demo import Recipe
from vmatte_pl.data.loading import ClipSampler, EpochSampler
from vmatte_pl.data.windows import chunks
from vmatte_pl.errors import ConfigError, DataError
from vmatte_pl.types import ClipBatch


def data_of(footage: tuple[Path, Path], **settings: Any) -> MattingData:
    settings = {"workers": 0, "window": 3, "chunk": 4, "size": (32, 40), "batch_size": 2, **settings}
    return MattingData(str(footage[0]), str(footage[1]), **settings)


def pixels(loader: Any) -> list[tuple[list[str], Tensor, Tensor, Tensor]]:
    return [(batch["clip"], batch["fgr"], batch["pha"], batch["bgr"]) for batch in loader]


def equal(one: list[Any], other: list[Any]) -> bool:
    return len(one) == len(other) and all(
        a[0] == b[0] and all(torch.equal(x, y) for x, y in zip(a[1:], b[1:], strict=True))
        for a, b in zip(one, other, strict=True)
    )


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("damage", [0.0, 1.0])
def test_any_number_of_workers_loads_the_same_bytes(footage: tuple[Path, Path], workers: int, damage: float) -> None:
    harm = {"damage": damage, "tempo": damage}
    alone, many = data_of(footage, **harm), data_of(footage, workers=workers, **harm)
    for data in (alone, many):
        data.setup("fit")
    assert equal(pixels(many.train_dataloader()), pixels(alone.train_dataloader()))
    assert equal(pixels(many.val_dataloader()), pixels(alone.val_dataloader()))


def test_all_that_a_spawned_worker_is_sent_can_be_sent(footage: tuple[Path, Path]) -> None:
    data = data_of(footage)
    data.setup("fit")
    for loader in (data.train_dataloader(), data.val_dataloader()):
        for part in (loader.dataset, loader.collate_fn, loader.worker_init_fn):
            assert pickle.loads(pickle.dumps(part)) is not None  # noqa: S301 - our own bytes


def test_persistent_workers_follow_the_epoch(footage: tuple[Path, Path]) -> None:
    data = data_of(footage, workers=1)
    data.setup("fit")
    loader = data.train_dataloader()
    first, again = pixels(loader), pixels(loader)
    loader.sampler.set_epoch(1)  # type: ignore[attr-defined]  # as Lightning does
    second = pixels(loader)
    assert equal(first, again)
    assert not equal(first, second)


def test_validation_does_not_depend_on_what_training_draws(footage: tuple[Path, Path]) -> None:
    plain, other = (
        data_of(footage),
        data_of(footage, damage=2.0, tempo=1.0, strength=3.0, background="per_frame", seed=9),
    )
    for data in (plain, other):
        data.setup("fit")
        data.setup("test")
    assert equal(pixels(plain.val_dataloader()), pixels(other.val_dataloader()))
    assert equal(pixels(plain.test_dataloader()), pixels(other.test_dataloader()))


def test_a_chunk_is_the_same_whatever_was_read_before(footage: tuple[Path, Path]) -> None:
    data = data_of(footage)
    data.setup("test")
    chunks = data.evaluation["test"]
    forwards = [chunks[i]["bgr"] for i in range(len(chunks))]
    backwards = [chunks[i]["bgr"] for i in reversed(range(len(chunks)))]
    assert all(torch.equal(one, other) for one, other in zip(forwards, reversed(backwards), strict=True))


@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_ranks_share_whole_clips_and_all_of_them(ranks: int) -> None:
    spans = chunks([5, 2, 9, 4], 4)
    shards = [list(ClipSampler(spans, rank, ranks)) for rank in range(ranks)]
    assert sorted(index for shard in shards for index in shard) == list(range(len(spans)))
    assert all(shard == sorted(shard) for shard in shards)
    owners = [{spans[index].clip for index in shard} for shard in shards]
    assert sum(len(clips) for clips in owners) == 4


def test_more_processes_than_clips_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"--trainer\.devices 2"):
        ClipSampler(chunks([5, 2], 4), rank=0, ranks=3)


@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_ranks_train_on_equally_many_and_on_all_samples(ranks: int) -> None:
    shards = [list(EpochSampler(7, rank, ranks)) for rank in range(ranks)]
    assert len({len(shard) for shard in shards}) == 1
    assert {ticket for shard in shards for ticket in shard} == {(0, index) for index in range(7)}


def test_composed_clips_need_backgrounds_only_to_get_new_ones(footage: tuple[Path, Path], tmp_path: Path) -> None:
    root = write_composites(tmp_path / "composed")
    data = data_of((root, tmp_path / "nowhere"))
    data.setup("test")
    batches = [data.on_after_batch_transfer(batch, 0) for batch in data.test_dataloader()]
    assert "bgr" not in batches[0]
    again = data_of((root, footage[1]), recompose=True)
    again.setup("test")
    new = [again.on_after_batch_transfer(batch, 0) for batch in again.test_dataloader()]
    assert all(torch.equal(one["pha"], other["pha"]) for one, other in zip(batches, new, strict=True))
    assert not torch.equal(batches[0]["com"], new[0]["com"])


def test_faulty_footage_is_refused_or_left_out(
    footage: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("VMATTE_CACHE", str(tmp_path / "cache"))
    root = Path(shutil.copytree(footage[0], tmp_path / "broken"))
    (root / "train/pha/0000/00001.png").unlink()
    broken = root / "train/fgr/0001/00003.png"
    broken.write_bytes(broken.read_bytes()[:200])
    with pytest.raises(DataError, match=r"1 without their partner.* pass --data\.on_fault skip"):
        data_of((root, footage[1])).setup("fit")
    data = data_of((root, footage[1]), on_fault="skip", window=3)
    data.setup("fit")
    assert isinstance(data.training, TrainWindows)
    assert [(clip.name, clip.fgr.ids) for clip in data.training.clips] == [
        ("0000_00002", [2, 3, 4, 5]),
        ("0001", [0, 1, 2]),
        ("0001_00004", [4, 5, 6, 7]),
    ]
    for index in range(len(data.training)):
        data.training[index]
    assert "Left out, unreadable frame: 1 frame(s) in 1 place(s), the first in " in caplog.text
    assert "Left out, clip shorter than a window: 1 frame(s)" in caplog.text


@pytest.mark.parametrize("few", [2, 50])
def test_few_backgrounds_to_train_on_are_said_to_be_few(
    footage: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    said: list[str] = []
    monkeypatch.setattr(datamodule, "rank_zero_info", said.append)
    monkeypatch.setattr(datamodule, "FEW_BACKGROUNDS", few)
    there = len(list((footage[1] / "train").iterdir()))
    assert 2 <= there < 50
    data_of(footage).setup("fit")
    assert [line.split(". ")[0] for line in said] == [f"Backgrounds to train on: {there}"] * (there < few)


@pytest.mark.parametrize(("pattern", "people"), [(None, None), (".*", 2), ("^.", 1), ("1$", 2)])
def test_whom_clips_show_is_found_in_their_names(
    footage: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, pattern: str | None, people: int | None
) -> None:
    said: list[str] = []
    monkeypatch.setattr(datamodule, "rank_zero_info", said.append)
    data = data_of(footage, people=pattern)
    data.setup("fit")
    told = f"People to train on: {people} in 2 clips, each drawn as often as any other"
    assert (told in said) == (people is not None)
    assert isinstance(data.training, TrainWindows)
    assert len(data.training.spans) == (people or 1)


def test_a_pattern_that_is_none_is_refused(footage: tuple[Path, Path]) -> None:
    with pytest.raises(ConfigError, match=r"expected a regular expression, found '\(' .*in --data\.people; write"):
        data_of(footage, people="(").setup("fit")


@pytest.mark.parametrize("workers", [0, 1])
def test_an_unreadable_frame_is_one_line_from_any_worker(
    footage: tuple[Path, Path], tmp_path: Path, workers: int
) -> None:
    root = Path(shutil.copytree(footage[0], tmp_path / "broken"))
    broken = root / "test" / "fgr" / "0001" / "00003.png"
    broken.write_bytes(broken.read_bytes()[:200])
    data = data_of((root, footage[1]), workers=workers)
    data.setup("test")
    with pytest.raises(DataError, match=r"\A[^\n]*image, [^\n]*0001/00003\.png; copy[^\n]*\Z"):
        pixels(data.test_dataloader())


@pytest.mark.parametrize("name", ["demo", "demo-empty"])
def test_demo_footage_is_made_when_asked_for(
    name: str, footage: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[bool] = []

    def demo_footage(recipe: Recipe) -> tuple[Path, Path]:
        made.append(recipe.dummies)
        return footage

    monkeypatch.setattr("vmatte_pl.data.demo.demo_footage", demo_footage)
    data = MattingData(name, name, window=3, size=(32, 40), workers=0)
    data.prepare_data()
    data.setup("fit")
    assert isinstance(data.training, TrainWindows)
    assert {clip.fgr.home.parents[2] for clip in data.training.clips} == {footage[0]}
    assert set(made) == {name == "demo"}


@pytest.fixture
def built_in(footage: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Take tiny clips for the built-in ones."""
    monkeypatch.setattr("vmatte_pl.data.demo.demo_footage", lambda **_: footage)


@pytest.mark.usefixtures("built_in")
def test_a_share_of_training_is_procedural(footage: tuple[Path, Path]) -> None:
    plain, mixed = data_of(footage, samples_per_epoch=12), data_of(footage, samples_per_epoch=16, procedural=0.25)
    for data in (plain, mixed):
        data.prepare_data()
        data.setup("fit")
    for epoch in (0, 3):
        samples = [mixed.training[epoch, i] for i in range(16)]
        built_in = [sample["clip"].startswith("demo/") for sample in samples]
        assert built_in == [False, False, False, True] * 4
        own = [sample for sample, other in zip(samples, built_in, strict=True) if not other]
        assert all(torch.equal(own[i]["pha"], plain.training[epoch, i]["pha"]) for i in range(12))
    assert not any(clip.startswith("demo/") for batch in mixed.val_dataloader() for clip in batch["clip"])


@pytest.mark.usefixtures("built_in")
def test_procedural_samples_are_not_damaged_but_fit_into_batches_of_what_is(footage: tuple[Path, Path]) -> None:
    data = data_of(footage, procedural=0.5, damage=3.0, edges=1.0, batch_size=4)
    data.setup("fit")
    batch = next(iter(data.train_dataloader()))
    layers = {key: batch[key].float() for key in ("fgr", "pha", "bgr", "com")}
    composed = layers["bgr"] + (layers["fgr"] - layers["bgr"]) * layers["pha"] / 255
    off = (composed - layers["com"]).abs().amax(dim=(1, 2, 3, 4))
    assert [clip.startswith("demo/") for clip in batch["clip"]] == [False, True] * 2
    assert off[1::2].max() < 1
    assert off[::2].max() > 10


@pytest.mark.usefixtures("built_in")
def test_epochs_hold_every_window_beside_the_procedural_ones(footage: tuple[Path, Path]) -> None:
    plain, mixed = data_of(footage), data_of(footage, procedural=0.6)
    for data in (plain, mixed):
        data.setup("fit")
    clips = [mixed.training[i]["clip"] for i in range(len(mixed.training))]
    own = [clip for clip in clips if not clip.startswith("demo/")]
    assert sorted(own) == sorted(plain.training[i]["clip"] for i in range(len(plain.training)))
    assert len(clips) - len(own) == round(1.5 * len(own))  # more than there are: they come again


@pytest.mark.parametrize("name", ["closeups", "edges"])
@pytest.mark.parametrize("share", [-0.1, 40])
def test_a_share_of_the_samples_is_at_most_all_of_them(footage: tuple[Path, Path], name: str, share: float) -> None:
    with pytest.raises(ConfigError, match=rf"from 0 to 1, found {share} in --data\.{name}; set it to"):
        data_of(footage, **{name: share}).setup("fit")


@pytest.mark.parametrize("share", [-0.1, 1.0])
def test_a_procedural_share_is_below_one(footage: tuple[Path, Path], share: float) -> None:
    with pytest.raises(ConfigError, match=r"--data\.procedural; set it to"):
        data_of(footage, procedural=share).setup("fit")


def test_clips_that_come_composed_are_not_mixed(tmp_path: Path) -> None:
    for split in ("train", "valid"):
        root = write_composites(tmp_path / split).parent
    with pytest.raises(ConfigError, match="recompose to true"):
        data_of((root, root), procedural=0.5, window=2).setup("fit")


class Witness(pl.LightningModule):
    """Notes what batches Lightning hands out."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.trained: list[Tensor] = []
        self.seen: list[tuple[str, int, int]] = []

    def training_step(self, batch: ClipBatch, batch_idx: int) -> Tensor:
        self.trained.append(batch["com"])
        return (self.weight * batch["com"]).mean()

    def validation_step(self, batch: ClipBatch, batch_idx: int) -> None:
        self.seen.append((batch["clip"][0], int(batch["start"][0]), batch["com"].shape[1]))

    def test_step(self, batch: ClipBatch, batch_idx: int) -> None:
        self.validation_step(batch, batch_idx)

    def predict_step(self, batch: ClipBatch, batch_idx: int) -> Tensor:
        self.validation_step(batch, batch_idx)
        return batch["pha"]

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), 0.1)


WHOLE = [("0000", 0, 4), ("0000", 4, 2), ("0001", 0, 4), ("0001", 4, 4)]


@pytest.fixture
def trainer() -> pl.Trainer:
    return pl.Trainer(
        accelerator="cpu",
        max_epochs=2,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        num_sanity_val_steps=0,
        log_every_n_steps=1,
    )


@pytest.mark.filterwarnings("ignore:.*does not have many workers")
@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")  # Lightning 2.6 under torch 2.14
def test_lightning_gets_composed_batches_in_every_stage(footage: tuple[Path, Path], trainer: pl.Trainer) -> None:
    data, witness = data_of(footage), Witness()
    trainer.fit(witness, datamodule=data)
    assert [tuple(com.shape) for com in witness.trained[:3]] == [(2, 3, 3, 32, 40)] * 2 + [(1, 3, 3, 32, 40)]
    assert not torch.equal(witness.trained[0], witness.trained[3])  # the second epoch draws anew
    assert witness.seen == WHOLE * 2
    for run in (trainer.validate, trainer.test, trainer.predict):
        witness.seen.clear()
        run(witness, datamodule=data)
        assert witness.seen == WHOLE


def test_closeups_come_into_training(footage: tuple[Path, Path]) -> None:
    far, near = (data_of(footage, closeups=closeups) for closeups in (0.0, 1.0))
    for data in (far, near):
        data.setup("fit")
    before, after = (
        sum(float((data.training[i]["pha"] > 128).float().mean()) for i in range(5)) for data in (far, near)
    )
    assert after > 1.5 * before


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"window": 0}, r"1 or more, found 0 in --data\.window"),
        ({"chunk": -1}, r"1 or more, found -1 in --data\.chunk"),
        ({"batch_size": 0}, r"1 or more, found 0 in --data\.batch_size"),
        ({"samples_per_epoch": 0}, r"1 or more, found 0 in --data\.samples_per_epoch"),
        ({"workers": -1}, r"0 or more, found -1 in --data\.workers"),
        ({"eval_size": (0, 40)}, r"1 or more, found 0 in --data\.eval_size"),
    ],
)
def test_what_counts_something_is_refused_if_too_low(
    footage: tuple[Path, Path], settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        data_of(footage, **settings)
