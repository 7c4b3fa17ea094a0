"""The scores of a test run: base against boosted, as a table to read and as files to work with."""

import csv
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, NotRequired, Protocol, Self, TypeAlias, TypedDict, runtime_checkable

from vmatte_pl import __version__
from vmatte_pl.files import atomic

Metrics: TypeAlias = Mapping[str, float]
"""Lower-case metric names to values; every metric is lower-is-better."""

UNITS = {
    "mad": ("MAD", "1e-3"),
    "mse": ("MSE", "1e-3"),
    "sad": ("SAD", "1e3"),
    "grad": ("GRAD", "1e3"),
    "conn": ("CONN", "1e3"),
    "dtssd": ("dtSSD", "1e-2"),
}
"""The field's metrics in the field's order: how they are written, and what a printed 1.0 stands for."""


class NetworkScores(TypedDict):
    """What one network scored."""

    all: Metrics
    clips: Mapping[str, Metrics]


class Scores(TypedDict):
    """What a task measured; ``base`` is absent where a network was tested alone."""

    boosted: NetworkScores
    base: NotRequired[NetworkScores]


@runtime_checkable
class Scored(Protocol):
    """A task that can tell its scores."""

    def scores(self) -> Scores:
        """Return the scores over all ranks; collective, so every rank must call it."""


@dataclass(frozen=True)
class ClipResult:
    """One clip's scores."""

    name: str
    boosted: Metrics
    base: Metrics | None = None


@dataclass(frozen=True)
class RunInfo:
    """What it takes to get the same numbers again."""

    config: Mapping[str, Any] = field(default_factory=dict)
    seed: int | None = None
    checkpoint: str | None = None
    versions: Mapping[str, str] = field(
        default_factory=lambda: {
            "vmatte": __version__,
            "torch": version("torch"),
            "lightning": version("pytorch-lightning"),
        }
    )


@dataclass(frozen=True)
class Results:
    """Overall scores and scores by clip of a network, and of the base it boosts if there is one."""

    boosted: Metrics
    base: Metrics | None = None
    clips: Sequence[ClipResult] = ()
    run: RunInfo = field(default_factory=RunInfo)

    @classmethod
    def from_scores(cls, scores: Scores, run: RunInfo | None = None) -> Self:
        """Take over what a task measured."""
        base = scores.get("base")
        clips = [
            ClipResult(name, boosted, base["clips"][name] if base else None)
            for name, boosted in scores["boosted"]["clips"].items()
        ]
        return cls(scores["boosted"]["all"], base["all"] if base else None, clips, run or RunInfo())

    @property
    def gain(self) -> dict[str, float]:
        """The error boosting took away, in percent of the base's: positive is better, negative worse."""
        base = self.base or {}
        return {metric: _gain(base[metric], value) for metric, value in self.boosted.items() if metric in base}

    def table(self) -> str:
        """Return the overall scores as aligned plain text, metrics that became worse marked as such."""
        header = ["metric", "unit", "score"] if self.base is None else ["metric", "unit", *_COLUMNS]
        rows = [header, *(self._row(metric) for metric in _in_order(self.boosted))]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(
                f"{cell:{side}{width}}" for cell, side, width in zip(row, "<<>>><", widths, strict=False)
            ).rstrip()
            for row in rows
        ]
        return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])

    def save(self, folder: Path) -> list[Path]:
        """Write ``results.json`` (everything) and ``results.csv`` (a row for each clip and network)."""
        paths = [folder / "results.json", folder / "results.csv"]
        with atomic(paths[0]) as part:
            part.write_text(json.dumps(_json(self._tree()), indent=2, allow_nan=False, default=str) + "\n")
        with atomic(paths[1]) as part, part.open("w", newline="") as file:
            metrics = _in_order(self.boosted)
            writer = csv.DictWriter(file, ["clip", "network", *metrics], restval="", extrasaction="ignore")
            writer.writeheader()
            for clip in self.clips:
                for network, scores in (("base", clip.base), ("boosted", clip.boosted)):
                    if scores is not None:
                        writer.writerow({"clip": clip.name, "network": network, **scores})
        return paths

    def _row(self, metric: str) -> list[str]:
        name, unit = UNITS.get(metric, (metric, ""))
        score = _number(self.boosted[metric])
        if self.base is None:
            return [name, unit, score]
        if metric not in self.base:
            return [name, unit, "-", score, "-", ""]
        gain = round(self.gain[metric], 1) + 0.0  # turns -0.0 into 0.0
        return [
            name,
            unit,
            _number(self.base[metric]),
            score,
            _number(gain, "+.1f"),
            "worse" if gain < 0 else "",
        ]

    def _tree(self) -> dict[str, Any]:
        return {
            **_by_network(self.base, self.boosted),
            **({} if self.base is None else {"gain": _ordered(self.gain)}),
            "clips": [{"name": clip.name, **_by_network(clip.base, clip.boosted)} for clip in self.clips],
            "run": asdict(self.run),
        }


_COLUMNS = ("frozen base", "boosted", "gain %", "")


def _in_order(metrics: Metrics) -> list[str]:
    """Return the names in the field's order, others after them."""
    return [*(m for m in UNITS if m in metrics), *(m for m in metrics if m not in UNITS)]


def _gain(base: float, boosted: float) -> float:
    if base == boosted:
        return 0.0
    return 100 * (1 - boosted / base) if base else -math.inf


def _number(value: float, spec: str = ".3f") -> str:
    return format(value, spec) if math.isfinite(value) else "-"


def _ordered(metrics: Metrics) -> dict[str, float]:
    return {metric: float(metrics[metric]) for metric in _in_order(metrics)}


def _by_network(base: Metrics | None, boosted: Metrics) -> dict[str, dict[str, float]]:
    """Return each network's scores, without a key for a base that is not there."""
    return {**({} if base is None else {"base": _ordered(base)}), "boosted": _ordered(boosted)}


def _json(value: Any) -> Any:
    """Turn nan and infinity, which JSON does not know, into null."""
    if isinstance(value, dict):
        return {key: _json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_json(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
