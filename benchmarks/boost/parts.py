"""Which bases are boosted, on which footage, and by what recipe."""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import timm
import torch

from benchmarks.boost.stored import LEAD, Clips, Stored, Windows, make_windows
from vmatte_pl.data.datamodule import MattingData
from vmatte_pl.files import atomic
from vmatte_pl.losses import MattingLoss
from vmatte_pl.models import Adapter, MattingNetwork, OnnxNetwork, TinyMatte
from vmatte_pl.models.checkpoints import read_weights


@dataclass
class Part:
    """A base, the footage that adapters learn from, and the footage that all are tested on.

    Args:
        name: Its name.
        base: What is boosted.
        work: Where to keep what is made once.
        train: Footage to train on, and to validate on.
        test: Footage to test on.
        adapter: Settings of all adapters.
        loss: Weights of the loss.
        batch_size: Windows in a step.
        crop: The piece of each window that training sees.
        windows: How many of them are made.
        without: Clips that are not trained on.
        spent: The seconds that the rows which are done took to train.
    """

    name: str
    base: MattingNetwork
    work: Path
    train: MattingData
    test: MattingData
    adapter: dict[str, Any]
    loss: dict[str, float]
    batch_size: int
    crop: tuple[int, int] | None
    windows: int
    without: list[str] = field(default_factory=list)
    spent: dict[str, float] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Where this part keeps what it makes."""
        return self.work / self.name

    @cached_property
    def valid(self) -> Clips:
        """The clips that choose the best weights."""
        self.train.setup("validate")
        return Clips(self.folder / "valid.pt", self.train.evaluation["valid"], self.base)

    @cached_property
    def tests(self) -> Clips:
        """The clips that all are tested on."""
        self.test.setup("test")
        return Clips(self.folder / "test.pt", self.test.evaluation["test"], self.base)

    def data(self, steps: int, seed: int) -> Stored:
        """Return what trains for some steps."""
        folder = make_windows(self.folder / "windows", self.train, self.base, self.windows)
        return Stored(Windows(folder, self.without), self.valid, self.batch_size, steps, seed)

    def adapters(self, architecture: str, seed: int) -> Adapter:
        """Build an adapter; the seed decides the weights that do not come from a file."""
        torch.manual_seed(seed)
        options = {"decoder_channels": [96, 64, 32, 16, 16]} if architecture == "Unet" else {}
        return Adapter(architecture, **self.adapter, options=options)

    def common(self) -> dict[str, Any]:
        """Return what all tasks are given."""
        return {
            "loss": MattingLoss(**self.loss),
            "optimizer": lambda parameters: torch.optim.AdamW(parameters, lr=1e-3, weight_decay=1e-2),
            "crop": self.crop,
        }


def parts(arguments: argparse.Namespace) -> Iterator[Part]:
    """Build what can be built of the benchmark."""
    work, encoder = arguments.work, encoder_file(arguments.encoder, arguments.work)
    adapter = {
        "encoder": "tu-tf_efficientnet_lite0",
        "encoder_weights": encoder,
        "window": 2,
        "frozen_norm": bool(encoder),
    }
    demo = MattingData(size=(144, 256), window=3 + LEAD, chunk=12, workers=0)
    loss = {"temporal": 0.0}
    yield Part("demo-tiny", TinyMatte(), work, demo, demo, {**adapter, "scale": 0.5}, loss, 8, None, 900)
    if arguments.realdata is None:
        return
    train = people(arguments.realdata)
    test = MattingData(str(arguments.realdata / "RealClips" / "realclips_512x288"), chunk=12, workers=0)
    rims = {"band": 10}, {"temporal": 0.0, "cross_entropy": 0.0}, 6, (128, 192), 540
    yield Part("people-tiny", TinyMatte(), work, train, test, adapter, {"temporal": 0.0}, 6, (192, 256), 540)
    if arguments.rvm is not None:
        rvm = OnnxNetwork(str(arguments.rvm), constants={"downsample_ratio": 1.0})
        yield Part("people-rvm", rvm, work, train, test, {**adapter, **rims[0]}, *rims[1:])


def people(realdata: Path) -> MattingData:
    """Return the real people over real backgrounds."""
    return MattingData(
        str(realdata / "VideoMatteReal"),
        str(realdata / "Backgrounds"),
        size=(288, 512),
        eval_size=(288, 512),
        window=3 + LEAD,
        chunk=12,
        damage=0.3,
        edges=0.5,
        workers=0,
    )


def encoder_file(published: Path | None, work: Path) -> str | None:
    """Return a file of EfficientNet-lite0's ImageNet weights under timm's names, whose order they are in."""
    if published is None:
        return None
    path = work / "tf_efficientnet_lite0.pth"
    if not path.is_file():
        tensors = read_weights(str(published)).values()
        own = timm.create_model("tf_efficientnet_lite0").state_dict()
        with atomic(path) as part:
            torch.save(dict(zip(own, tensors, strict=True)), part)
    return str(path)
