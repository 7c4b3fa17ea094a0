"""The shared development data: beside the repository where it is developed, absent elsewhere."""

import os
from pathlib import Path

import pytest


def shared(*parts: str) -> Path:
    """The path of a shared file or folder; a test that asks for it is skipped where it does not exist."""
    beside = Path(__file__).parents[1].parent / "shared"
    path = Path(os.environ.get("VMATTE_SHARED", beside)).joinpath(*parts)
    if not path.exists():
        pytest.skip("needs the shared development data")
    return path
