import doctest
import importlib
import pickle
import warnings
from copy import deepcopy
from typing import Any, NamedTuple

import pytest
import pytorch_lightning as pl
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from vmatte_pl.errors import VmatteError
from vmatte_pl.metrics import MattingMetric, MattingMetrics, functional, matting_metrics, measures
from vmatte_pl.metrics.classes import METRICS
from vmatte_pl.metrics.clips import Average

LENGTHS = {"0000": 5, "dancer/3": 2, "été": 7, "one": 1}
AVERAGES: tuple[Average, ...] = ("frame", "clip", "rvm")
NAMES = [kind.measure for kind in METRICS]


class Clip(NamedTuple):
    name: str
    pred: Tensor
    true: Tensor


def clips() -> list[Clip]:
    generator = torch.Generator().manual_seed(0)
    return [Clip(name, *torch.rand(2, 1, n, 1, 8, 9, generator=generator)) for name, n in LENGTHS.items()]


def chunks(clip: Clip, frames: int) -> list[tuple[Tensor, Tensor, list[str], list[int]]]:
    starts = range(0, clip.pred.shape[1], frames)
    return [(clip.pred[:, s : s + frames], clip.true[:, s : s + frames], [clip.name], [s]) for s in starts]


def values_by_clip(name: str, average: Average = "frame") -> dict[str, list[float]]:
    """What the functions say of each whole clip."""
    more = {"first": True} if name == "dtssd" and average == "rvm" else {}
    return {c.name: getattr(functional, name)(c.pred, c.true, **more)[0].tolist() for c in clips()}


def expected(name: str, average: Average) -> float:
    by_clip = [values for values in values_by_clip(name, average).values() if values]
    if average == "frame":
        return mean([v for values in by_clip for v in values])
    if average == "clip":
        return mean([mean(values) for values in by_clip])
    longest = max(map(len, by_clip))
    return mean([mean([values[i] for values in by_clip if i < len(values)]) for i in range(longest)])


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


@pytest.mark.parametrize("kind", METRICS)
@pytest.mark.parametrize("average", AVERAGES)
@pytest.mark.parametrize("frames", [1, 2, 3, 100])
def test_an_epoch_gives_the_average_of_all_frames_however_they_are_batched(
    kind: type[MattingMetric], average: Average, frames: int
) -> None:
    metric = kind(average)
    for clip in clips():
        for pred, true, name, _ in chunks(clip, frames):
            metric.update(pred, true, name)
    assert metric.compute().item() == pytest.approx(expected(kind.measure, average), rel=1e-12)


@settings(max_examples=40, deadline=None)
@given(st.data(), st.sampled_from(AVERAGES))
def test_chunks_of_any_length_in_any_order_and_company_give_the_same(data: st.DataObject, average: Average) -> None:
    metrics, seen, by_name = matting_metrics("val/", average), dict.fromkeys(LENGTHS, 0), {c.name: c for c in clips()}
    while left := {name: LENGTHS[name] - at for name, at in seen.items() if at < LENGTHS[name]}:
        length = data.draw(st.integers(1, max(left.values())))
        fitting = st.sampled_from([name for name, frames in left.items() if frames >= length])
        batch = data.draw(st.lists(fitting, min_size=1, unique=True))
        parts = [(by_name[name], slice(seen[name], seen[name] + length)) for name in batch]
        pred = torch.cat([clip.pred[:, part] for clip, part in parts])
        true = torch.cat([clip.true[:, part] for clip, part in parts])
        metrics.update(pred, true, batch)
        seen |= {name: seen[name] + length for name in batch}
    assert numbers(metrics) == pytest.approx({f"val/{name}": expected(name, average) for name in NAMES}, rel=1e-12)


@pytest.mark.parametrize("kind", METRICS)
def test_a_batch_gives_its_own_average_and_the_epoch_goes_on(kind: type[MattingMetric]) -> None:
    metric = kind()
    for clip in clips():
        for t, (pred, true, name, start) in enumerate(chunks(clip, 2)):
            value = metric(pred, true, clip=name, start=start)
            whole = values_by_clip(kind.measure)[clip.name]
            first = 2 * t - 1 if kind.measure == "dtssd" else 2 * t
            own = whole[max(0, first) : first + 2]
            assert value.item() == pytest.approx(mean(own) if own else float("nan"), rel=1e-12, nan_ok=True)
    assert metric.compute().item() == pytest.approx(expected(kind.measure, "frame"), rel=1e-12)


def fed(metrics: MattingMetrics, frames: int = 3) -> MattingMetrics:
    for clip in clips():
        for chunk in chunks(clip, frames):
            metrics.update(*chunk)
    return metrics


def numbers(metrics: MattingMetrics) -> dict[str, float]:
    return {name: value.item() for name, value in metrics.compute().items()}


@pytest.mark.parametrize("average", AVERAGES)
def test_a_collection_gives_what_each_of_its_metrics_gives(average: Average) -> None:
    found = numbers(fed(matting_metrics("val/", average)))
    assert found == pytest.approx({f"val/{name}": expected(name, average) for name in NAMES}, rel=1e-12)


def test_a_collection_measures_a_batch_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[str, ...]] = []

    def measure(*args: Any) -> dict[str, Tensor]:
        calls.append(args[-1])
        return measures.measure(*args)

    monkeypatch.setattr("vmatte_pl.metrics.clips.measure", measure)
    _, pred, true = clips()[0]
    matting_metrics().update(pred, true)
    assert calls == [tuple(NAMES)]


def test_equal_values_in_the_first_batch_do_not_merge_metrics() -> None:
    metrics, clip = matting_metrics(), clips()[0]
    metrics.update(clip.true, clip.true, ["equal"])
    metrics.update(clip.pred, clip.true, ["unequal"])
    assert len(set(numbers(metrics).values())) == len(NAMES)


def test_scores_of_each_clip_are_kept() -> None:
    table = fed(matting_metrics("test/")).per_clip()
    assert list(table) == sorted(LENGTHS)
    for clip, scores in table.items():
        own = {name: values_by_clip(name)[clip] for name in NAMES}
        assert scores == pytest.approx({name: mean(values) for name, values in own.items() if values}, rel=1e-12)
    assert "dtssd" not in table["one"]


def test_clips_side_by_side_in_a_batch_measure_as_one_after_another() -> None:
    generator = torch.Generator().manual_seed(1)
    pred, true = torch.rand(2, 3, 4, 1, 8, 9, generator=generator)
    together, apart = matting_metrics(), matting_metrics()
    for t in (0, 2):
        together.update(pred[:, t : t + 2], true[:, t : t + 2], clip=list("abc"))
    for b in range(3):
        apart.update(pred[b : b + 1], true[b : b + 1], clip=["abc"[b]])
    assert numbers(together) == numbers(apart)
    assert together.per_clip() == apart.per_clip()


def test_reset_forgets_values_names_and_last_frames() -> None:
    metrics = fed(matting_metrics())
    before = numbers(metrics)
    metrics.reset()
    assert metrics.per_clip() == {}
    assert numbers(fed(metrics)) == before


def test_resetting_each_metric_by_itself_as_lightning_does_resets_the_collection() -> None:
    metrics = fed(matting_metrics())
    before = numbers(metrics)
    for name in NAMES:
        metrics[name].reset()
    assert numbers(fed(metrics)) == before


def test_compute_may_come_in_between() -> None:
    metrics = matting_metrics()
    for clip in clips():
        for chunk in chunks(clip, 2):
            metrics.update(*chunk)
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                metrics.compute()
    assert numbers(metrics) == numbers(fed(matting_metrics()))


@pytest.mark.parametrize("copied", [pickle.dumps, deepcopy, MattingMetrics.clone], ids=["pickle", "copy", "clone"])
def test_a_copy_goes_on_by_itself(copied: Any) -> None:
    metrics = matting_metrics("val/")
    first, *rest = clips()
    start, *others = chunks(first, 2)
    metrics.update(*start)
    copy = copied(metrics)
    twin: MattingMetrics = pickle.loads(copy) if isinstance(copy, bytes) else copy  # noqa: S301 - our own
    assert numbers(twin) == pytest.approx(numbers(metrics), nan_ok=True)
    twin.reset()
    for clip in [*others, *(chunk for c in rest for chunk in chunks(c, 2))]:
        metrics.update(*clip)
    assert numbers(metrics) == numbers(fed(matting_metrics("val/"), 2))
    assert numbers(fed(twin)) == numbers(metrics)


def test_states_stay_out_of_checkpoints() -> None:
    assert fed(matting_metrics()).state_dict() == {}


def test_states_of_two_metrics_merge() -> None:
    (one, other), whole = [METRICS[0]() for _ in range(2)], METRICS[0]()
    for clip in clips():
        for metric in (whole, one if clip.name < "e" else other):
            metric.update(clip.pred, clip.true, [clip.name])
    one.merge_state(other)
    assert one.compute() == whole.compute()
    assert one.per_clip() == whole.per_clip()


def test_half_precision_measures_as_the_same_numbers_in_single() -> None:
    half, single = matting_metrics(), matting_metrics()
    for dtype in (torch.float16, torch.bfloat16):
        for clip in clips():
            pred, true = clip.pred.to(dtype), clip.true.to(dtype)
            half.update(pred, true, [f"{clip.name} {dtype}"])
            single.update(pred.float(), true.float(), [f"{clip.name} {dtype}"])
    assert numbers(half) == numbers(single)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_the_precision_of_a_module_is_not_that_of_its_metrics(dtype: torch.dtype) -> None:
    metrics = fed(matting_metrics())
    metrics.set_dtype(dtype)
    torch.nn.ModuleList([metrics]).to(dtype)
    assert numbers(metrics) == numbers(fed(matting_metrics()))
    assert all(value.dtype == torch.float64 for value in metrics.compute().values())


def test_no_gradient_is_kept() -> None:
    pred = torch.rand(1, 2, 1, 4, 5, requires_grad=True)
    metrics = matting_metrics()
    metrics.update(pred, pred.detach())
    assert not any(value.requires_grad for value in metrics.compute().values())


def test_a_mask_reaches_every_metric() -> None:
    clip = clips()[0]
    mask = clip.true > 0.5
    metrics = matting_metrics()
    metrics.update(clip.pred, clip.true, [clip.name], mask=mask)
    for name, value in numbers(metrics).items():
        assert value == pytest.approx(getattr(functional, name)(clip.pred, clip.true, mask).mean().item(), rel=1e-12)


def test_a_bad_batch_is_named_and_leaves_no_trace() -> None:
    metrics, clip = fed(matting_metrics()), clips()[0]
    before = numbers(metrics)
    with pytest.raises(VmatteError, match="nan"):
        metrics.update(clip.pred * float("nan"), clip.true, ["bad"])
    assert numbers(metrics) == before
    assert "bad" not in metrics.per_clip()


def test_nothing_measured_is_no_number() -> None:
    metrics = matting_metrics()
    metrics.update(*(x[:, :1] for x in clips()[0][1:]), clip=["one frame"])
    found = numbers(metrics)
    assert found["dtssd"] != found["dtssd"]
    with pytest.warns(UserWarning, match="before the ``update`` method"):
        assert METRICS[0]().compute().isnan()


class Frames(Dataset[tuple[str, int, Tensor, Tensor]]):
    def __init__(self) -> None:
        self.frames = [(c.name, t, c.pred[0, t], c.true[0, t]) for c in clips() for t in range(c.pred.shape[1])]

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, i: int) -> tuple[str, int, Tensor, Tensor]:
        return self.frames[i]


class Scoring(pl.LightningModule):
    """Logs the collection as an object, as tasks may."""

    def __init__(self) -> None:
        super().__init__()
        self.metrics = matting_metrics("val/")
        self.tables: list[dict[str, dict[str, float]]] = []

    def validation_step(self, batch: Any) -> None:
        name, _, pred, true = batch
        self.metrics.update(pred[None], true[None], clip=list(name))
        self.log_dict(self.metrics)

    def on_validation_epoch_end(self) -> None:
        self.tables.append(self.metrics.per_clip())


def test_lightning_logs_and_resets_the_collection_as_an_object() -> None:
    module, trainer = Scoring(), pl.Trainer(logger=False, enable_checkpointing=False, enable_progress_bar=False)
    for _ in range(2):
        [logged] = trainer.validate(module, DataLoader(Frames()), verbose=False)
        assert logged == pytest.approx(numbers(fed(matting_metrics("val/"))), rel=1e-6)
    assert module.tables[0] == module.tables[1] == fed(matting_metrics()).per_clip()


@pytest.mark.parametrize("module", ["functional", "classes"])
def test_examples_in_docstrings_hold(module: str) -> None:
    result = doctest.testmod(importlib.import_module(f"vmatte_pl.metrics.{module}"))
    assert result.attempted > 0
    assert result.failed == 0
