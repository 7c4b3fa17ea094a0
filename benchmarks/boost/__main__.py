"""What boosting gains, row by row: a frozen base, adapters, stages and ensembles, on footage that no training saw.

    python -m benchmarks.boost --realdata realdata --encoder efficientnet_lite0.pth --rvm rvm_mobilenetv3_fp32.onnx

``realdata`` is a folder with VideoMatteReal, Backgrounds and RealClips; without it, and without a file or a folder
that a part needs, that part is left out. ``--more`` is a folder of further people and places, from ``keyed.py`` and
``photos.py``: the parts that train on them stand in for those of ``realdata`` alone. Training takes 6 processor hours,
9 with ``--more``; two processes halve them. A row that is done is kept in boost.json with its scores and never run
again: stop it at any moment, run it again, and it goes on. Windows, base alphas and checkpoints are in --work.
``--only NAME`` runs one part, ``--rows`` some rows of it, ``--seeds`` those of some seeds; processes side by side keep
each other's rows. ``--table`` only writes boost.md anew.
"""

import argparse
import json
import logging
import warnings
from pathlib import Path
from typing import Any

from benchmarks.boost.parts import Part, parts
from benchmarks.boost.rows import rows
from benchmarks.boost.table import write_table
from vmatte_pl.files import atomic
from vmatte_pl.memory import keep_freed_memory

RESULTS = Path(__file__).parent.with_suffix(".json")


def main() -> None:
    """Run what has not been run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--realdata", type=Path)
    parser.add_argument("--encoder", type=Path, help="ImageNet weights; without them encoders start from scratch")
    parser.add_argument("--rvm", type=Path, help="RVM's published ONNX file")
    parser.add_argument("--more", type=Path, help="further people and places to train on; see keyed.py, photos.py")
    parser.add_argument("--work", type=Path, default=Path("runs/boost"))
    parser.add_argument("--only", help="the part to run")
    parser.add_argument("--rows", nargs="*", help="the rows to run")
    parser.add_argument("--seeds", nargs="*", type=int, help="the seeds to run them with")
    parser.add_argument("--table", action="store_true")
    arguments = parser.parse_args()
    if not arguments.table:
        keep_freed_memory()
        logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
        warnings.filterwarnings("ignore", module="pytorch_lightning")
        for part in parts(arguments):
            if arguments.only in (None, part.name):
                run_part(part, arguments.rows, arguments.seeds)
    write_table(finished(), RESULTS.with_suffix(".md"))


def finished() -> dict[str, Any]:
    """Return the rows that are done, by whichever process."""
    return json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}


def run_part(part: Part, wanted: list[str] | None, seeds: list[int] | None) -> None:
    """Run the rows of a part that are not done, and keep each when it is."""
    for row in rows(part):
        key, done = f"{part.name}/{row.name}/{row.seed}", finished()
        if key in done or (wanted and row.name not in wanted) or (seeds and row.seed not in seeds):
            continue
        part.done = {k.removeprefix(f"{part.name}/"): v for k, v in done.items() if k.startswith(f"{part.name}/")}
        result = row.run(part, row.seed)
        done = {**finished(), key: result}
        with atomic(RESULTS) as new:
            new.write_text(json.dumps(done, indent=1) + "\n")
        write_table(done, RESULTS.with_suffix(".md"))
        print(key, json.dumps(done[key]["all"]), flush=True)


if __name__ == "__main__":
    main()
