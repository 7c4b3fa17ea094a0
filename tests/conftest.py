"""What all tests share."""

from pathlib import Path

import pytest
import torch

from tests.footage import write_backgrounds, write_footage

# tiny tensors: a second thread costs more than it gives, and far more where the processor is shared
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def footage(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(foregrounds, backgrounds) of tiny clips, 64x48, in VideoMatte240K's layout: read, do not change."""
    root = tmp_path_factory.mktemp("footage")
    return write_footage(root / "foregrounds"), write_backgrounds(root / "backgrounds")
