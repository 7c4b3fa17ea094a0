import csv
import json
import math
from pathlib import Path

import pytest

from vmatte_pl.results import Results, RunInfo, Scores

SCORES: Scores = {
    "base": {
        "all": {"dtssd": 2.0, "mse": 4.0, "mad": 10.0},
        "clips": {
            "0000": {"mad": 8.0, "mse": 3.0, "dtssd": 2.0},
            "0001": {"mad": 12.0, "mse": 5.0, "dtssd": 2.0},
        },
    },
    "boosted": {
        "all": {"dtssd": 2.5, "mse": 4.0, "mad": 7.5},
        "clips": {
            "0000": {"mad": 7.0, "mse": 3.0, "dtssd": 2.5},
            "0001": {"mad": 8.0, "mse": 5.0, "dtssd": 2.5},
        },
    },
}
ALONE: Scores = {"boosted": SCORES["boosted"]}


def test_gain_is_the_error_taken_away_in_percent() -> None:
    assert Results.from_scores(SCORES).gain == pytest.approx({"mad": 25, "mse": 0, "dtssd": -25})


@pytest.mark.parametrize(("base", "boosted", "gain"), [(0, 0, 0), (0, 1, -math.inf), (2, 0, 100)])
def test_gain_over_a_base_without_error(base: float, boosted: float, gain: float) -> None:
    assert Results({"mad": boosted}, {"mad": base}).gain == {"mad": gain}


def test_table_lines_up_in_the_order_of_the_field_and_owns_up_to_what_got_worse() -> None:
    assert Results.from_scores(SCORES).table().splitlines() == [
        "metric  unit  frozen base  boosted  gain %",
        "-------------------------------------------------",
        "MAD     1e-3       10.000    7.500   +25.0",
        "MSE     1e-3        4.000    4.000    +0.0",
        "dtSSD   1e-2        2.000    2.500   -25.0  worse",
    ]


def test_table_of_one_network_has_one_column_of_scores() -> None:
    assert Results.from_scores(ALONE).table().splitlines() == [
        "metric  unit  score",
        "-------------------",
        "MAD     1e-3  7.500",
        "MSE     1e-3  4.000",
        "dtSSD   1e-2  2.500",
    ]


def test_table_shows_unknown_metrics_last_and_undefined_values_as_a_dash() -> None:
    rows = Results({"flow": 1.0, "dtssd": math.nan}, {"flow": 2.0, "dtssd": 1.0}).table().splitlines()[2:]
    assert [row.split() for row in rows] == [
        ["dtSSD", "1e-2", "1.000", "-", "-"],
        ["flow", "2.000", "1.000", "+50.0"],
    ]


def test_json_holds_everything(tmp_path: Path) -> None:
    run = RunInfo({"model": {"lr": 1e-4}}, seed=7, checkpoint="runs/a/best.ckpt", versions={"torch": "2"})
    json_path, _ = Results.from_scores(SCORES, run).save(tmp_path)
    assert json.loads(json_path.read_text()) == {
        "base": {"mad": 10.0, "mse": 4.0, "dtssd": 2.0},
        "boosted": {"mad": 7.5, "mse": 4.0, "dtssd": 2.5},
        "gain": {"mad": 25.0, "mse": 0.0, "dtssd": -25.0},
        "clips": [
            {
                "name": name,
                "base": dict(SCORES["base"]["clips"][name]),
                "boosted": dict(SCORES["boosted"]["clips"][name]),
            }
            for name in ("0000", "0001")
        ],
        "run": {
            "config": {"model": {"lr": 1e-4}},
            "seed": 7,
            "checkpoint": "runs/a/best.ckpt",
            "versions": {"torch": "2"},
        },
    }


def test_json_of_one_network_has_neither_base_nor_gain(tmp_path: Path) -> None:
    json_path, _ = Results.from_scores(ALONE).save(tmp_path)
    tree = json.loads(json_path.read_text())
    assert set(tree) == {"boosted", "clips", "run"}
    assert set(tree["clips"][0]) == {"name", "boosted"}
    assert set(tree["run"]["versions"]) == {"vmatte", "torch", "lightning"}


def test_json_stays_standard_where_a_score_is_undefined(tmp_path: Path) -> None:
    run = RunInfo({"limits": [math.inf]})
    json_path, _ = Results({"dtssd": math.nan, "mad": 1.0}, {"dtssd": math.nan, "mad": 0.0}, (), run).save(tmp_path)
    tree = json.loads(json_path.read_text(), parse_constant=pytest.fail)
    assert tree["gain"] == {"mad": None, "dtssd": None}
    assert tree["run"]["config"] == {"limits": [None]}


def test_csv_has_a_row_for_each_clip_and_network(tmp_path: Path) -> None:
    _, csv_path = Results.from_scores(SCORES).save(tmp_path)
    with csv_path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["clip", "network", "mad", "mse", "dtssd"]
    assert [(r["clip"], r["network"], float(r["mad"])) for r in rows] == [
        ("0000", "base", 8.0),
        ("0000", "boosted", 7.0),
        ("0001", "base", 12.0),
        ("0001", "boosted", 8.0),
    ]
