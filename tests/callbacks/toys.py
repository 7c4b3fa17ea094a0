"""A task without learning: its base errs by a known amount, its boosted alpha by half of that."""

from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import LightningModule
from pytorch_lightning.loggers import CSVLogger, WandbLogger
from torch import Tensor, nn
from torch.utils.data import DataLoader

from vmatte_pl.results import Scores
from vmatte_pl.types import ClipBatch

CLIPS, FRAMES, WINDOW, HEIGHT, WIDTH = 3, 6, 3, 36, 64
WORST = 4
"""The frame of every clip at which the base errs most."""


def _windows() -> list[ClipBatch]:
    generator = torch.Generator().manual_seed(0)
    windows: list[ClipBatch] = []
    for clip in range(CLIPS):
        pha = torch.zeros(1, FRAMES, 1, HEIGHT, WIDTH)
        pha[..., 16:48] = 1
        com = torch.rand(1, FRAMES, 3, HEIGHT, WIDTH, generator=generator)
        windows += [
            {
                "com": com[:, start : start + WINDOW],
                "pha": pha[:, start : start + WINDOW],
                "fgr": com[:, start : start + WINDOW],
                "bgr": com[:, start : start + WINDOW],
                "clip": [f"{clip:04d}"],
                "start": torch.tensor([start]),
            }
            for start in range(0, FRAMES, WINDOW)
        ]
    return windows


class Toy(LightningModule):
    def __init__(self, alone: bool = False) -> None:
        super().__init__()
        self.alone = alone
        self.weight = nn.Parameter(torch.zeros(()))
        self.scored = 0

    def _step(self, batch: ClipBatch) -> dict[str, Tensor | None]:
        index = batch["start"][:, None] + torch.arange(batch["pha"].shape[1])
        error = torch.where(index == WORST, 0.4, 0.2)[..., None, None, None] * (1 - batch["pha"])
        return {"alpha": batch["pha"] + error / 2, "base": None if self.alone else batch["pha"] + error}

    def training_step(self, batch: ClipBatch, batch_idx: int) -> Tensor:
        return self.weight**2

    def validation_step(self, batch: ClipBatch, batch_idx: int) -> dict[str, Tensor | None]:
        return self._step(batch)

    def test_step(self, batch: ClipBatch, batch_idx: int) -> dict[str, Tensor | None]:
        self.log("test/mad", 1.0, batch_size=1)
        return self._step(batch)

    def scores(self) -> Scores:
        self.scored += 1
        names = [f"{clip:04d}" for clip in range(CLIPS)]
        scores: Scores = {"boosted": {"all": {"mad": 50.0}, "clips": {name: {"mad": 50.0} for name in names}}}
        if not self.alone:
            scores["base"] = {"all": {"mad": 100.0}, "clips": {name: {"mad": 100.0} for name in names}}
        return scores

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)

    def _loader(self) -> DataLoader[Any]:
        return DataLoader(_windows(), batch_size=None)  # type: ignore[arg-type]  # a list is a dataset

    train_dataloader = val_dataloader = test_dataloader = _loader


def loggers(folder: Path) -> list[CSVLogger | WandbLogger]:
    return [CSVLogger(str(folder), name="toy"), WandbLogger(save_dir=str(folder), offline=True)]
