"""boost.json -> boost.md: what was measured, as tables."""

from pathlib import Path
from statistics import mean, stdev
from typing import Any

INTRO = """# What boosting gains

Written by `python -m benchmarks.boost`; lower is better, ± is over seeds. Times compare rows, not machines: rows
may run side by side. An ensemble that names an adapter three times joins those of all three seeds: its own seeds differ
by their heads alone, and spread little for that. A second stage stands on the first one of its seed, and what it takes
to train comes on top of that one's.

RealClips shows three speakers of the GRID corpus, and other people of that studio are among those that were trained on.
There are two sets of footage. **people-tiny** and **people-rvm** have five people, three of them GRID's, over seven
photographs, people-tiny over videos and drawn places, too. **people-tiny-more** and **people-rvm-careful**, which take
their places where `--more` is given, have thirteen more of GRID's people, whom `keyed.py` has cut out of films of the
corpus (lbax4n, lbbc2a, lwbsza, sbia1a, bgal9n of speaker 16, bbwx8n of 25, bbbp8n of 27, and one each of six speakers
whose names are lost: A1 to A4, D1, D2), and 405 photographs of Urban100, Sun-Hays80 and BSDS500 as further backgrounds;
`photos.py` has taken those in which RVM sees nobody. A2, bbwx8n and lbbc2a are held back: adapters are not trained on
them, but chosen by them, and the heads of ensembles trained. RVM's adapters are then shown each person as often as any
other, where those of people-rvm are shown each window so; the embedded network's are shown each origin so with both
sets.

In people-tiny-more, two fifths of the windows that would show a whole figure are close-ups, and an ensemble joins two
Unets and two FPNs, of its own seed and the next.

people-rvm-careful has softer patches of edges, and FineUnets that may only raise alpha; in their ensemble each goes
half-way to the highest of them. Both were chosen by GRID's clips without GRID, the ensemble's rule by the presenter's,
too; the dancer and the chairman had a say in earlier choices, of backgrounds and of the loss, and none in these. They
were trained in single precision, and their optimiser works in float32, where that of people-rvm worked in bfloat16.
Without GRID nobody is left to be held back, and the ensemble has no trained head: one that learnt from those whom its
members know had made two of GRID's clips worse, by 4.2 and 1.5 %.
"""

MEASURES = ("mad", "mse", "sad", "grad", "conn", "dtssd")

PARTS = {
    "demo-tiny": "The embedded network, on the demo's test clips",
    "people-tiny": "The embedded network, on RealClips: people and backgrounds that no training saw",
    "people-tiny-more": "The same, trained on further people and over further backgrounds, with close-ups",
    "people-rvm": "RobustVideoMatting with its published weights, on RealClips",
    "people-rvm-careful": "The same, trained on further people and over further backgrounds, and careful",
}

ORDER = ("base", "fine-tuned", "FineUnet", "Unet", "FPN", "Linknet", "PAN", "MAnet", "DeepLabV3", "second stage", "BuE")


def write_table(done: dict[str, Any], path: Path) -> None:
    """Write all that is done as Markdown."""
    tables = [_part(name, title, done) for name, title in PARTS.items() if f"{name}/base/0" in done]
    tables += [_harm(name, done) for name in PARTS if any(key.startswith(f"{name}/without ") for key in done)]
    path.write_text("\n".join([INTRO, *tables]))


def _part(name: str, title: str, done: dict[str, Any]) -> str:
    base = done[f"{name}/base/0"]["all"]
    head = ["", *[m.upper() if m != "dtssd" else "dtSSD" for m in MEASURES], "gain in MAD", "seeds", "parameters"]
    head += ["CPU seconds to train", "ms a frame"]
    lines = [_line(head), _line(["---"] + ["---:"] * (len(head) - 1))]
    for row in ORDER:
        runs = [run for key, run in done.items() if key.startswith(f"{name}/{row}/")]
        if runs:
            scores = [_spread([run["all"][measure] for run in runs]) for measure in MEASURES]
            gain = (
                ""
                if row == "base"
                else _spread([100 * (1 - run["all"]["mad"] / base["mad"]) for run in runs], 1) + " %"
            )
            cells = [runs[0]["label"], *scores, gain, str(len(runs)), f"{runs[0]['parameters']:,}"]
            lines.append(
                _line([*cells, _spread([r["seconds"] for r in runs], 0), _spread([r["milliseconds"] for r in runs], 0)])
            )
    return f"## {title}\n\n" + "\n".join(lines) + "\n"


def _harm(name: str, done: dict[str, Any]) -> str:
    """List what each clip became; where there are several seeds, by seed."""
    lines = [
        _line(["trained without", "what", "tested on its clip", "MAD of the base", "boosted", "gain"]),
        _line(["---"] * 3 + ["---:"] * 3),
    ]
    rows = dict.fromkeys(key.split("/")[1] for key in done if key.startswith(f"{name}/") and "without " in key)
    for row in rows:
        what, _, origin = row.rpartition("without ")
        runs = [done[key] for key in sorted(done) if key.startswith(f"{name}/{row}/")]
        for clip, before in runs[0]["base"]["clips"].items():
            after = [run["clips"][clip]["mad"] for run in runs]
            gains = ", ".join(f"{100 * (1 - mad / before['mad']):+.1f}" for mad in after)
            cells = [origin, what.strip() or "BwA", clip, f"{before['mad']:.3f}", _spread(after), f"{gains} %"]
            lines.append(_line(cells))
    return f"## Harm: {name}, on an origin that training did not see\n\n" + "\n".join(lines) + "\n"


def _spread(values: list[float], digits: int = 3) -> str:
    if len(values) == 1:
        return f"{values[0]:.{digits}f}"
    return f"{mean(values):.{digits}f} ± {stdev(values):.{digits}f}"


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
