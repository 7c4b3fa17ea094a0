"""A tiny ViTMatte, saved as users find the real one."""

from pathlib import Path
from typing import Any

import pytest

from tests.models.filled import filled


def tiny_vitmatte(folder: Path) -> Path:
    """Save it in ``folder``; a test that asks for it is skipped without transformers."""
    transformers: Any = pytest.importorskip("transformers", reason="needs vmatte[transformers]")
    backbone = transformers.VitDetConfig(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        image_size=64,
        patch_size=16,
        num_channels=4,
        out_features=["stage1"],
    )
    config = transformers.VitMatteConfig(
        backbone_config=backbone,
        hidden_size=16,
        convstream_hidden_sizes=[8, 8, 8],
        fusion_hidden_sizes=[16, 8, 8, 8],
    )
    filled(transformers.VitMatteForImageMatting(config)).save_pretrained(folder)
    return folder
