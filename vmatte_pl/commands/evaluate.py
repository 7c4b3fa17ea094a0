"""``vmatte evaluate``: score the saved mattes of any model."""

import csv
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from jsonargparse import auto_cli
from tqdm import tqdm

from vmatte_pl.commands.mattes import Matte, find_mattes
from vmatte_pl.commands.scoring import Pair, Scores, Unscored
from vmatte_pl.cores import cores
from vmatte_pl.errors import DataError
from vmatte_pl.files import atomic
from vmatte_pl.metrics.clips import Average
from vmatte_pl.results import UNITS

_CHUNK = 32  # frames that one thread scores in a go
_HEADINGS = {**UNITS, "fgr_mad": ("FGR MAD", "1e-3"), "fgr_mse": ("FGR MSE", "1e-3")}


def main(args: Sequence[str] | None = None) -> int:
    """Run ``vmatte evaluate`` with the words after it, by default those of the command line."""
    status: int = auto_cli(
        evaluate, args=None if args is None else list(args), as_positional=False, prog="vmatte evaluate"
    )
    return status


def evaluate(
    pred: Path, true: Path, average: Average = "frame", output: Path | None = None, workers: int | None = None
) -> int:
    """Score saved mattes: MAD, MSE, SAD, GRAD, CONN, dtSSD, and MAD and MSE of the foreground's colour.

    Both folders hold clips as the VideoMatte240K benchmark does, ``<subset>/<clip>/{pha,fgr}/<frame>.png|jpg``,
    as ``vmatte predict`` writes them, or simply a folder of images or an alpha video for each clip. Prints a
    table by subset and clip, and writes it as ``results.csv`` and ``results.json``.

    Args:
        pred: The folder of predicted mattes, or one video.
        true: The folder of true mattes, or one video.
        average: How frames become one number: over every "frame" alike, over each "clip" first, or as RVM's
            script does it, "rvm".
        output: The folder for the results; by default that of the predicted mattes.
        workers: How many threads; by default one for each processor.

    Returns:
        0, or 1 if a clip or frame was missing on either side, or sizes differed.

    Raises:
        DataError: If there is nothing to compare, a file cannot be read, or the results cannot be written, or would
            take the place of those of a test.
    """
    folder = output or (pred if pred.is_dir() else pred.parent)
    if output is None:
        _spare_reports(folder)
    pairs, problems = _pair(find_mattes(pred), find_mattes(true), pred, true)
    scores, unscored = _score(pairs, workers or cores())
    problems += _spelt(unscored)
    print(_table(scores, average))  # noqa: T201 - what the user asked for
    try:
        _save(scores, average, problems, folder)
    except OSError as error:
        raise DataError(
            expected="a folder that can be written to",
            found=error.strerror or "none",
            where=folder,
            remedy="name another with --output",
        ) from error
    print(f"\n{folder / 'results.csv'}, results.json")  # noqa: T201
    for problem in problems:
        print(f"not scored: {problem[:200]}{'…' * (len(problem) > 200)}")  # noqa: T201 - results.json has it whole
    return 1 if problems else 0


def _spare_reports(folder: Path) -> None:
    """Refuse to write over what ``vmatte test`` has reported in the folder of its run."""
    report = folder / "results.json"
    if report.is_file() and "average" not in json.loads(report.read_text(encoding="utf-8")):
        raise DataError(
            expected="a folder for the results without those of a test",
            found="the report of one",
            where=report,
            remedy=f"point --pred at {folder / 'alpha'}, or name another folder with --output",
        )


def _pair(pred: dict[str, Matte], true: dict[str, Matte], where: Path, other: Path) -> tuple[list[Pair], list[str]]:
    """Find clips by their names on the other side; a single clip on each side is a pair by whatever name."""
    if len(pred) == len(true) == 1:
        pred = dict(zip(true, pred.values(), strict=True))
    pairs = [Pair(name, pred[name], true[name]) for name in sorted(pred.keys() & true.keys())]
    if not any(pair.numbers for pair in pairs):
        raise DataError(
            expected=f"clips and frames named as in {other}, such as {min(true)}",
            found=f"none, but such as {min(pred)}",
            where=where,
            remedy="rename one side, or point --pred and --true at folders that correspond",
        )
    problems = [f"{name} is not in {where}" for name in sorted(true.keys() - pred.keys())]
    problems += [f"{name} is not in {other}" for name in sorted(pred.keys() - true.keys())]
    return pairs, problems


def _score(pairs: list[Pair], workers: int) -> tuple[Scores, dict[str, Unscored]]:
    """Score chunks of all clips side by side; of each clip, tell what could not be scored."""
    scores, unscored = Scores([pair.name for pair in pairs]), {pair.name: pair.unscored for pair in pairs}
    total = sum(len(pair.numbers) for pair in pairs)
    with ThreadPoolExecutor(workers) as pool, tqdm(total=total, unit="frame", disable=None) as bar:
        chunks = {pool.submit(pair.score, span): (pair.name, span) for pair in pairs for span in pair.spans(_CHUNK)}
        try:
            for chunk in as_completed(chunks):
                name, span = chunks[chunk]
                found, lost = chunk.result()
                scores.add(name, found)
                for reason, numbers in lost.items():
                    unscored[name].setdefault(reason, []).extend(numbers)
                bar.update(len(span))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return scores, unscored


def _spelt(unscored: dict[str, Unscored]) -> list[str]:
    return [
        f"{clip}: {reason}, frame{'s' * (len(numbers) > 1)} {_ranges(numbers)}"
        for clip, reasons in unscored.items()
        for reason, numbers in reasons.items()
    ]


def _ranges(numbers: Iterable[int]) -> str:
    """Write whole numbers as in "1, 3-5"."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][-1] + 1:
            runs[-1][1:] = [number]
        else:
            runs.append([number])
    return ", ".join("-".join(map(str, run)) for run in runs)


def _table(scores: Scores, average: Average) -> str:
    """Lay out clips, the averages of subsets where there are several, and the average of all."""
    names, units = zip(*(_HEADINGS[name] for name in scores.measures), strict=True)
    rows = [["", "frames", *names], ["", "", *units]]
    for subset, clips in scores.subsets.items():
        rows += [_row(clip, scores.count([clip]), scores.means([clip], average)) for clip in clips]
        if len(scores.subsets) > 1:
            rows.append(_row(f"= {subset or '.'}", scores.count(clips), scores.means(clips, average)))
    rows.append(_row(f"= all ({average})", scores.count(scores.clips), scores.means(scores.clips, average)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(_aligned(row, widths)) for row in rows)


def _row(name: str, frames: int, means: dict[str, float]) -> list[str]:
    return [name, str(frames), *("-" if math.isnan(value) else f"{value:.3f}" for value in means.values())]


def _aligned(row: list[str], widths: list[int]) -> Iterator[str]:
    for column, (cell, width) in enumerate(zip(row, widths, strict=True)):
        yield cell.rjust(width) if column else cell.ljust(width)


def _save(scores: Scores, average: Average, problems: list[str], folder: Path) -> None:
    clips = [{"name": clip, "frames": scores.count([clip]), **scores.means([clip], average)} for clip in scores.clips]
    tree: dict[str, Any] = {
        "average": average,
        "frames": scores.count(scores.clips),
        "all": scores.means(scores.clips, average),
        "subsets": {subset: scores.means(clips, average) for subset, clips in scores.subsets.items()},
        "clips": clips,
        "not_scored": problems,
    }
    with atomic(folder / "results.json") as part:
        text = json.dumps(_without_nan(tree), indent=2, allow_nan=False, ensure_ascii=False)
        part.write_text(f"{text}\n", encoding="utf-8")
    with atomic(folder / "results.csv") as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["subset", "clip", "frames", *scores.measures])
        for clip in clips:
            subset, _, name = str(clip.pop("name")).rpartition("/")
            writer.writerow([subset, name, *_without_nan(clip).values()])


def _without_nan(value: Any) -> Any:
    """Turn NaN into None, which JSON knows and CSV leaves empty."""
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value
