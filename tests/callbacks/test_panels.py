from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pytorch_lightning import Trainer
from pytorch_lightning.loggers import CSVLogger

from tests.callbacks.toys import Toy, loggers
from vmatte_pl.callbacks.panels import Panels


class Album(CSVLogger):
    """A logger that takes images, and remembers what it was given."""

    def __init__(self, folder: Path) -> None:
        super().__init__(str(folder))
        self.pages: list[tuple[str, list[Any], int | None]] = []

    def log_image(self, key: str, images: list[Any], step: int | None = None) -> None:
        self.pages.append((key, images, step))


def fit(panels: Panels, folder: Path, logger: Any) -> None:
    Trainer(
        accelerator="cpu",
        devices=1,
        max_epochs=2,
        default_root_dir=folder,
        callbacks=[panels],
        logger=logger,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        log_every_n_steps=1,
    ).fit(Toy())


def test_the_same_frames_are_logged_after_every_epoch_at_its_step(tmp_path: Path) -> None:
    album = Album(tmp_path)
    fit(Panels(clips=2, width=100), tmp_path, album)
    (first_key, first, first_step), (_, second, second_step) = album.pages  # no page for the sanity check
    assert first_key == "val/frames"
    assert len(first) == 2
    assert all(picture.dtype == np.uint8 for picture in first)
    assert first[0].shape[1] == 4 * 100 + 3 * 4 + 2 * 8
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert (first_step, second_step) == (6, 12)


def test_nothing_is_drawn_where_no_logger_takes_images(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("vmatte_pl.callbacks.panels.strip", lambda *_: 1 / 0)
    fit(Panels(), tmp_path, CSVLogger(str(tmp_path)))
    fit(Panels(), tmp_path, False)


def test_wandb_gets_pictures_that_are_not_black(tmp_path: Path) -> None:
    fit(Panels(clips=1), tmp_path, loggers(tmp_path))
    images = sorted((tmp_path / "wandb").glob("offline-run-*/files/media/images/val/frames*.png"))
    assert len(images) == 2
    with Image.open(images[0]) as image:
        assert np.asarray(image).max() == 255
