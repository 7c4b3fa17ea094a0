"""Fixtures that many tests share."""

from pathlib import Path

import pytest

from tests.footage import write_backgrounds, write_footage


@pytest.fixture(scope="session")
def footage(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(foregrounds, backgrounds) of tiny clips, 64x48, in VideoMatte240K's layout: read, do not change."""
    root = tmp_path_factory.mktemp("footage")
    return write_footage(root / "foregrounds"), write_backgrounds(root / "backgrounds")
