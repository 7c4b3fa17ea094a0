"""The notebook runs from its first cell to its last, with a recipe that takes seconds."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

NOTEBOOK = Path(__file__).parents[1] / "notebooks/thesis.ipynb"

TINY = {
    "SIZE": (32, 48),
    "BATCH": 2,
    "SAMPLES": 4,
    "EPOCHS": 1,
    "ADAPTERS": ["Unet", "Linknet"],
    "ENCODER": "tu-tf_mobilenetv3_small_minimal_100",
}


def cells() -> list[dict[str, Any]]:
    content = json.loads(NOTEBOOK.read_text())
    return [cell for cell in content["cells"] if cell["cell_type"] == "code"]


@pytest.fixture
def quiet() -> Iterator[None]:
    """The notebook silences Lightning; other tests listen to it."""
    logger = logging.getLogger("pytorch_lightning")
    level = logger.level
    yield
    logger.setLevel(level)


@pytest.mark.usefixtures("quiet")
def test_the_notebook_runs(footage: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parameters, *rest = cells()
    assert parameters["metadata"]["tags"] == ["parameters"]
    namespace: dict[str, Any] = {"__name__": "notebook"}
    exec("".join(parameters["source"]), namespace)  # noqa: S102 - our own cells
    assert namespace.keys() >= TINY.keys()  # none was renamed
    namespace |= TINY | {"ROOT": str(footage[0]), "BACKGROUNDS": str(footage[1]), "WORK": tmp_path}
    for number, cell in enumerate(rest):
        exec(compile("".join(cell["source"]), f"cell {number}", "exec"), namespace)  # noqa: S102 - our own cells
    assert namespace["scores"].keys() == {"B, frozen", "BwA Unet", "BwA Linknet", "BwA, two stages", "BuE"}
    assert capsys.readouterr().out.splitlines()[-1].startswith("BuE")
    assert {path.name for path in tmp_path.iterdir()} == {"Unet", "Linknet", "stages", "ensemble"}


def test_its_outputs_are_there_and_small() -> None:
    assert all(cell["execution_count"] for cell in cells())
    assert not any(output["output_type"] == "error" for cell in cells() for output in cell["outputs"])
    assert NOTEBOOK.stat().st_size < 1e6
