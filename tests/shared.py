"""The shared development data: beside the repository where it is developed, absent elsewhere."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest


def shared(*parts: str) -> Path:
    """The path of a shared file or folder; a test that asks for it is skipped where it does not exist."""
    beside = Path(__file__).parents[1].parent / "shared"
    path = Path(os.environ.get("VMATTE_SHARED", beside)).joinpath(*parts)
    if not path.exists():
        pytest.skip("needs the shared development data")
    return path


def golden_clips() -> tuple[Any, dict[str, Any]]:
    """The module that draws the golden clips, and what is expected of each of them, by name."""
    folder = shared("metrics")
    sys.path.insert(0, str(folder))
    import recipe  # type: ignore[import-not-found]  # stands in that folder

    sys.path.remove(str(folder))
    return recipe, json.loads((folder / "golden.json").read_text())["clips"]
