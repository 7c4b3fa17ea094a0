"""Golden outputs of the official code, for weights that follow from a fixed rule."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tests.shared import shared


class Golden:
    """What the parity kit knows of one official network; without the kit, a test that asks is skipped."""

    def __init__(self, model: str) -> None:
        self.folder = shared("parity")
        self.model = model
        self.facts: dict[str, Any] = json.loads((self.folder / f"{model}.json").read_text())
        self.inputs = _module(self.folder / "inputs.py")
        self.rule = _module(self.folder / "fill.py")

    @property
    def manifest(self) -> dict[str, tuple[int, ...]]:
        """The official keys and shapes."""
        return {key: tuple(shape) for key, shape, _ in self.facts["keys"]}

    def weights(self) -> dict[str, Tensor]:
        """The official state dict with the kit's weights in it."""
        return {key: self._value(key, shape, dtype) for key, shape, dtype in self.facts["keys"]}

    def arrays(self, case: str) -> dict[str, NDArray[np.float32]]:
        """The golden outputs of a case, by name."""
        with np.load(self.folder / self.facts["cases"][case]["file"]) as archive:
            return dict(archive)

    def frames(self, t: int, h: int, w: int, seed: int = 1) -> Tensor:
        """The kit's clip: (1, T, 3, H, W) in [0, 1]."""
        return torch.from_numpy(self.inputs.nchw(self.inputs.clip_u8(t, h, w, seed)))[None]

    def trimap(self, h: int, w: int) -> Tensor:
        """The kit's trimap of the clip's first frame: (1, 1, 1, H, W) of 0, 0.5, 1."""
        known = torch.from_numpy(self.inputs.trimap_u8(h, w))[None, None, None]
        return torch.where(known == 128, 0.5, known / 255.0)

    def _value(self, key: str, shape: list[int], dtype: str) -> Tensor:
        filled = self.rule.value(self.facts["fill_model"], key, shape, dtype)
        return torch.zeros(shape, dtype=getattr(torch, dtype)) if filled is None else torch.from_numpy(filled)


def furthest(ours: Tensor, golden: NDArray[np.float32]) -> float:
    """The largest absolute difference; shapes must agree."""
    assert tuple(ours.shape) == golden.shape
    return float(np.abs(ours.detach().numpy() - golden).max())


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"parity_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
