import numpy as np
import pytest
import torch
from torch import Tensor

from vmatte_pl.errors import VmatteError
from vmatte_pl.metrics import functional
from vmatte_pl.metrics.clips import Average, Scorer, Table


def footage(clips: int, frames: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    pred, true = torch.rand(2, clips, frames, 1, 6, 7, generator=torch.Generator().manual_seed(seed))
    return pred, true


def dtssd(scorer: Scorer, pred: Tensor, true: Tensor, *args: object) -> list[float]:
    return scorer(pred, true, *args).values["dtssd"].tolist()  # type: ignore[arg-type]


def test_changes_are_measured_across_chunks_of_a_clip_and_never_across_clips() -> None:
    pred, true = footage(2, 5)
    whole = functional.dtssd(pred, true).numpy()
    scorer = Scorer()
    first = dtssd(scorer, pred[:, :2], true[:, :2], ["a", "b"])
    assert first == pytest.approx([np.nan, whole[0, 0], np.nan, whole[1, 0]], nan_ok=True)
    # the clips change places, and a third comes in
    again = dtssd(scorer, pred[[1, 0], 2:3], true[[1, 0], 2:3], ["b", "a"])
    assert again == [whole[1, 1], whole[0, 1]]
    assert np.isnan(dtssd(scorer, pred[:1, 3:4], true[:1, 3:4], ["c"])[0])
    assert dtssd(scorer, pred[:1, 3:], true[:1, 3:], ["a"]) == whole[0, 2:].tolist()


def test_a_gap_or_a_step_back_is_no_change() -> None:
    pred, true = footage(1, 4)
    whole = functional.dtssd(pred, true)[0]
    scorer = Scorer()
    dtssd(scorer, pred[:, :1], true[:, :1], ["a"], [0])
    assert dtssd(scorer, pred[:, 1:2], true[:, 1:2], ["a"], torch.tensor([1])) == [whole[0]]
    assert np.isnan(dtssd(scorer, pred[:, 3:], true[:, 3:], ["a"], [3])[0])
    assert np.isnan(dtssd(scorer, pred[:, :1], true[:, :1], ["a"], [0])[0])


def test_clips_without_a_name_stay_apart() -> None:
    pred, true = footage(1, 2)
    scorer = Scorer()
    one, other = scorer(pred, true), scorer(pred, true)
    assert np.isnan([one.values["dtssd"][0], other.values["dtssd"][0]]).all()
    assert len({*one.clip.tolist(), *other.clip.tolist()}) == 2


def test_frames_are_counted_on_from_the_chunk_before() -> None:
    pred, true = footage(1, 2)
    scorer = Scorer()
    assert [scorer(pred, true, ["a"]).frame.tolist() for _ in range(2)] == [[0, 1], [2, 3]]
    scorer.reset()
    assert scorer(pred, true, ["a"]).frame.tolist() == [0, 1]
    assert scorer(pred, true, ["a"], [7]).frame.tolist() == [7, 8]
    assert scorer(pred, true, ["a"]).frame.tolist() == [9, 10]


def test_the_last_frames_of_long_gone_clips_are_not_kept() -> None:
    pred, true = footage(1, 1)
    scorer = Scorer()
    for i in range(100):
        scorer(pred, true, [str(i)])
    assert len(scorer._last) == 32
    assert np.isnan(dtssd(scorer, pred, true, ["0"])[0])
    assert scorer(pred, true, ["0"]).frame.tolist() == [2]


def test_a_clip_of_another_size_begins_anew() -> None:
    pred, true = footage(1, 1)
    scorer = Scorer()
    scorer(pred, true, ["a"])
    assert np.isnan(dtssd(scorer, pred[..., :3], true[..., :3], ["a"])[0])


@pytest.mark.parametrize("names", [["a"], ["a", "a"], ["a", "b", "c"]])
def test_each_item_of_a_batch_has_its_own_clip(names: list[str]) -> None:
    with pytest.raises(VmatteError, match="2 different clips"):
        Scorer()(*footage(2, 1), names)


def table(rows: list[tuple[int, int, float]]) -> Table:
    clip, frame, value = (np.array(column) for column in zip(*rows, strict=True))
    return Table.of(clip, frame, value.astype(float))


RAGGED = [(7, 0, 1.0), (7, 1, 2.0), (7, 2, 6.0), (5, 0, 10.0)]


@pytest.mark.parametrize(
    ("average", "mean"), [("frame", 19 / 4), ("clip", (3 + 10) / 2), ("rvm", ((1 + 10) / 2 + 2 + 6) / 3)]
)
def test_averages_weigh_clips_of_unequal_length_each_in_its_way(average: Average, mean: float) -> None:
    assert table(RAGGED).mean(average) == pytest.approx(mean)
    assert table(RAGGED[::-1]).mean(average) == pytest.approx(mean)
    assert table(RAGGED).by_clip(average) == {7: 3.0, 5: 10.0}


def test_a_frame_counts_once_and_a_number_goes_before_none() -> None:
    twice = table([*RAGGED, (7, 1, 2.0), (5, 0, float("nan")), (5, 1, float("nan"))])
    assert twice.mean("frame") == 19 / 4


def test_the_script_of_rvm_counts_a_first_change_as_nothing_and_ends_at_700_frames() -> None:
    changes = table([(1, 0, float("nan")), (1, 1, 4.0), (1, 2, 2.0)])
    assert changes.mean("frame") == 3
    assert changes.mean("rvm") == 2
    assert changes.by_clip("rvm") == {1: 2.0}
    long = [(1, i, 1.0) for i in range(700)]
    assert table([*long, (1, 700, 1e9)]).mean("rvm") == 1


@pytest.mark.parametrize("average", ["frame", "clip", "rvm"])
def test_nothing_has_no_mean(average: Average) -> None:
    for nothing in (table([(1, 1, float("nan"))]), Table.of(*np.empty((3, 0), dtype=int))):
        assert np.isnan(nothing.mean(average))
        assert nothing.by_clip(average) == {}


def test_sums_do_not_depend_on_the_order_of_rows() -> None:
    rng = np.random.default_rng(0)
    rows = [(i % 7, i // 7, float(v)) for i, v in enumerate(rng.normal(size=1000))]
    averages: tuple[Average, ...] = ("frame", "clip", "rvm")
    shuffled = [rows[i] for i in rng.permutation(len(rows))]
    for average in averages:
        assert table(shuffled).mean(average) == table(rows).mean(average)
