"""Which bases are boosted, on which footage, and by what recipes."""

import argparse
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Literal

import timm
import torch

from benchmarks.boost.stored import LEAD, Clips, Stored, Windows, make_windows, raise_clips, raise_windows
from vmatte_pl.data.datamodule import MattingData
from vmatte_pl.data.demo import demo_footage
from vmatte_pl.files import atomic
from vmatte_pl.losses import MattingLoss
from vmatte_pl.models import Adapter, MattingNetwork, OnnxNetwork, TinyMatte
from vmatte_pl.models.checkpoints import read_weights
from vmatte_pl.optimizers import Muon

SEEDS = (0, 1, 2)
FINE = "FineUnet"
PEOPLE = {  # which of the real people's training clips come from where; the presenter's are the validation's
    "dancer": [f"{i:04}" for i in range(8)],
    "chairman": ["0008"],
    "GRID": ["0009", "0010", "0011"],
    "presenter": [],
}
HELD = ["A2", "bbwx8n", "lbbc2a"]  # of the further people; named as boost.md says
ADAMW = partial(torch.optim.AdamW, weight_decay=1e-2)
# Filters from scratch, moved as whole matrices, learn in 800 steps what AdamW teaches them in 3,000.
MUON = partial(Muon, weight_decay=0.1, nesterov=True, adjust_lr_fn="original", fallback_lr_scale=0.15)
COARSE = ("Unet", FINE), ("Unet", "FPN")  # stages, and members
ARCHITECTURES = ("Unet", "FPN", "Linknet", "PAN", "MAnet", "DeepLabV3")


@dataclass(frozen=True)
class Recipe:
    """How an adapter is built and trained.

    Args:
        settings: Those of ``Adapter``.
        loss: Weights of ``MattingLoss``.
        rate: The peak of the learning rate.
        steps: How many it trains for.
        checks: How often it is validated meanwhile, of which the best weights are kept.
        batch_size: Windows in a step.
        crop: The piece of each window that it trains on; None is all of it.
        light: Strength of the changes of light.
        alike: What is drawn as often as any other of its kind.
        optimizer: Called with the parameters and the rate.
        precision: The Trainer's; None is the fastest that the machine has.
    """

    settings: dict[str, Any]
    loss: dict[str, float]
    rate: float
    steps: int
    checks: int
    batch_size: int
    crop: tuple[int, int] | None
    light: float
    alike: Literal["windows", "people", "origins"]
    optimizer: Callable[..., torch.optim.Optimizer] = ADAMW
    precision: str | None = None

    @property
    def frames(self) -> int:
        """How many frames of a window it needs."""
        return int(self.settings["window"]) + 1

    def adapter(self, seed: int) -> Adapter:
        """Build the adapter; the seed decides the weights that do not come from a file."""
        torch.manual_seed(seed)
        return Adapter(**self.settings)

    def task(self) -> dict[str, Any]:
        """Return what BwA and BuE are given."""
        return {
            "loss": MattingLoss(**self.loss),
            "optimizer": partial(self.optimizer, lr=self.rate),
        }


@dataclass
class Part:
    """A base, the footage that adapters learn from, and the footage that all are tested on.

    Args:
        name: Its name.
        base: What is boosted.
        work: Where to keep what is made once.
        train: Footage to train on, and to validate on.
        test: Footage to test on.
        recipes: Those of the adapters, by their architecture.
        stages: The architectures of BwA's stages.
        members: Those of BuE's members; where one comes again, it is that of the next seed.
        windows: How many training windows are made.
        origins: Which training clips come from where, if that is known; an origin without any is the validation's.
        without: Clips that nothing is trained on.
        second: The seeds whose first stage gets a second one.
        held: Clips that adapters are not trained on, and the head of an ensemble is: its members do not know them.
        joint_harm: Origins that an ensemble is tested on, too, of members that were trained without them, as BwA is.
        done: What the rows that are done measured.
    """

    name: str
    base: MattingNetwork
    work: Path
    train: MattingData
    test: MattingData
    recipes: dict[str, Recipe]
    stages: tuple[str, str]
    members: tuple[str, ...]
    windows: int
    origins: dict[str, list[str]] = field(default_factory=dict)
    without: list[str] = field(default_factory=list)
    second: Sequence[int] = SEEDS[:1]
    held: list[str] = field(default_factory=list)
    joint_harm: Sequence[str] = ()
    done: dict[str, Any] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Where this part keeps what it makes."""
        return self.work / self.name

    @property
    def people(self) -> dict[str, list[str]]:
        """Which training clips show whom: each of GRID's a speaker of its own, those of another origin one person."""
        speakers = {clip: [clip] for clip in self.origins.get("GRID", ())}
        return {**{origin: clips for origin, clips in self.origins.items() if origin != "GRID"}, **speakers}

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

    def data(self, recipe: Recipe, steps: int, seed: int) -> Stored:
        """Return what trains for some steps an epoch."""
        folder = make_windows(self.folder / "windows", self.train, self.base, self.windows)
        windows = Windows(folder, self.unknown, recipe.frames)
        groups = {"windows": {}, "people": self.people, "origins": self.origins}[recipe.alike]
        drawn = {"batch_size": recipe.batch_size, "steps": steps, "seed": seed, "groups": groups}
        return Stored(windows, self.valid, **drawn, light=recipe.light, crop=recipe.crop)

    @property
    def unknown(self) -> list[str]:
        """The clips that adapters are not trained on."""
        return [*self.without, *self.held]

    def heads(self) -> "Part":
        """Return the same with the footage that heads are trained on: what was held back, if there is such."""
        known = [clip for clips in self.origins.values() for clip in clips if clip not in self.held]
        return replace(self, without=[*self.without, *known], held=[]) if self.held else self

    def rest(self, origin: str) -> "Part":
        """Return the same without an origin's footage, what is held back of it included; itself if it has none."""
        names = self.origins[origin]
        held = [clip for clip in self.held if clip not in names]
        return replace(self, without=[*self.without, *names], held=held) if names else self

    def raised(self, network: MattingNetwork, name: str) -> "Part":
        """Return the same footage with a boosted network as the base."""
        above = replace(self, name=f"{self.name}/{name}", base=network)
        raise_windows(self.folder / "windows", above.folder / "windows", network)
        for clips, file in ((self.valid, "valid.pt"), (self.tests, "test.pt")):
            raise_clips(clips, above.folder / file, network)
        return above


def parts(arguments: argparse.Namespace) -> Iterator[Part]:
    """Build what can be built of the benchmark."""
    work, encoder = arguments.work, encoder_file(arguments.encoder, arguments.work)
    demo = MattingData(size=(144, 256), window=3 + LEAD, chunk=12, workers=0)
    yield Part("demo-tiny", TinyMatte(), work, demo, demo, coarse_recipes(encoder, checks=4), *COARSE, 900)
    if arguments.realdata is not None:
        yield tiny_part(arguments, encoder)
        if arguments.rvm is not None:
            yield rvm_part(arguments, encoder)


def tiny_part(arguments: argparse.Namespace, encoder: str | None) -> Part:
    """Build that of the embedded network, on real people."""
    work, real, test = arguments.work, arguments.realdata, real_clips(arguments.realdata)
    recipes = coarse_recipes(encoder, checks=1)  # one presenter cannot tell which weights are best for others
    if arguments.more is not None:
        # Where nobody's face fills the frame, adapters take one that does for background; close-ups show such faces.
        train = people(*with_more(real, arguments.more, work), procedural=0.3, closeups=0.4)
        part = Part("people-tiny-more", TinyMatte(), work, train, test, recipes, *COARSE, 900)
        members = part.members * 2  # best on those held back and the validation clips together
        return replace(part, members=members, origins=origins_with_more(arguments.more), held=HELD)
    # Seven photographs are few for what must tell people from places; the demo's places are added, a third stays real.
    sources = [real / "Backgrounds", real / "BackgroundVideos", demo_footage()[1]]
    many = joined(work / "backgrounds", sources, (3, 3, 1))
    # Where nobody in training stands in full figure, adapters take legs for background; procedural people show theirs.
    train = people(real / "VideoMatteReal", many, procedural=0.3)
    return Part("people-tiny", TinyMatte(), work, train, test, recipes, *COARSE, 840, PEOPLE, second=SEEDS)


def rvm_part(arguments: argparse.Namespace, encoder: str | None) -> Part:
    """Build that of RobustVideoMatting."""
    work, real, test = arguments.work, arguments.realdata, real_clips(arguments.realdata)
    rvm = OnnxNetwork(str(arguments.rvm), constants={"downsample_ratio": 1.0})
    stages, members = (FINE, FINE), (FINE,) * 3  # on the validation clips a Unet beside it gained less
    recipes = fine_recipes(encoder)
    if arguments.more is not None:
        train = people(*with_more(real, arguments.more, work), softest=8.0)
        recipes = {**recipes, FINE: careful_recipe()}
        part = Part("people-rvm-careful", rvm, work, train, test, recipes, stages, members, 900)
        joint = ["GRID", "presenter"]
        return replace(part, origins=origins_with_more(arguments.more), held=HELD, joint_harm=joint)
    # No demo's places: they are smooth, which makes edges easier than they are.
    train = people(real / "VideoMatteReal", real / "Backgrounds")
    return Part("people-rvm", rvm, work, train, test, recipes, stages, members, 540, PEOPLE, second=SEEDS)


def coarse_recipes(encoder: str | None, checks: int) -> dict[str, Recipe]:
    """Return those for a base that misses whole arms: whole frames at half their size, then the edges."""
    loss = {"temporal": 0.0, "harm": 1.0}
    coarse = {
        name: Recipe(
            _segmentation(name, encoder, scale=0.5), loss, 1e-3, 320, checks, 6, None, light=1.5, alike="origins"
        )
        for name in ARCHITECTURES
    }
    return {**coarse, FINE: fine_recipe()}


def fine_recipes(encoder: str | None) -> dict[str, Recipe]:
    """Return those for a base that misses hair and rims: edges alone, in pieces of the frames."""
    fine = fine_recipe()
    near = {
        name: replace(
            fine,
            settings=_segmentation(name, encoder, band=10),
            rate=1e-3,
            steps=400,
            batch_size=8,
            crop=(128, 128),
            optimizer=ADAMW,
        )
        for name in ARCHITECTURES
    }
    return {**near, FINE: fine}


def fine_recipe(**options: float) -> Recipe:
    """Return that of configs/refine.yaml; ``options`` are those of FineUnet."""
    settings = {"architecture": FINE, "encoder": None, "window": 0, "band": 10, "options": options}
    loss = {"laplacian": 0.0, "haar": 1.0, "temporal": 0.0, "cross_entropy": 0.0}
    # Before the learning rate has come down, weights swing by more than what validation could tell apart: no choice.
    return Recipe(settings, loss, 1.2e-2, 3500, 1, 12, (96, 96), light=0.5, alike="windows", optimizer=MUON)


def careful_recipe() -> Recipe:
    """Return that of README for footage of another kind than that of training."""
    # Both gained more with those who are held back; the dancer's windows would be a third of all.
    leaky = replace(fine_recipe(negative_slope=0.1), alike="people")
    # On footage of another origin, it is what adapters lower that is wrong most often.
    return replace(leaky, settings={**leaky.settings, "raise_only": True}, precision="32-true")


def _segmentation(architecture: str, encoder: str | None, **settings: Any) -> dict[str, Any]:
    return {
        "architecture": architecture,
        "encoder": "tu-tf_efficientnet_lite0",
        "encoder_weights": encoder,
        "window": 2,
        "options": {"decoder_channels": [96, 64, 32, 16, 16]} if architecture == "Unet" else {},
        **settings,
    }


def people(
    root: Path, backgrounds: Path, procedural: float = 0.0, closeups: float = 0.0, softest: float = 0.0
) -> MattingData:
    """Return real people over some backgrounds, with patches of soft edges, and a share of the demo's over theirs."""
    return MattingData(
        str(root),
        str(backgrounds),
        size=(288, 512),
        eval_size=(288, 512),
        window=3 + LEAD,
        chunk=12,
        damage=0.3,
        closeups=closeups,
        edges=0.5,
        softest=softest,
        procedural=procedural,
        workers=0,
    )


def real_clips(realdata: Path) -> MattingData:
    """Return the people and backgrounds that nothing is trained on."""
    return MattingData(str(realdata / "RealClips" / "realclips_512x288"), chunk=12, workers=0)


def with_more(realdata: Path, more: Path, work: Path) -> tuple[Path, Path]:
    """Link the kit's training and validation clips into one folder with further ones, and backgrounds into another."""
    kit, folder = realdata / "VideoMatteReal", work / "people"
    for split, source in (("train", kit / "train"), ("valid", kit / "valid"), ("train", more)):
        for layer in ("fgr", "pha"):
            (folder / split / layer).mkdir(parents=True, exist_ok=True)
            for clip in (source / layer).iterdir():
                _link(folder / split / layer / clip.name, clip)
    scenes = [realdata / "Backgrounds", more / "Backgrounds"]
    return folder, joined(work / "backgrounds-more", scenes, (10, 1))


def origins_with_more(more: Path) -> dict[str, list[str]]:
    """Return which clips come from where, the further ones from GRID."""
    further = sorted(folder.name for folder in (more / "fgr").iterdir())
    return {**PEOPLE, "GRID": [*PEOPLE["GRID"], *further]}


def joined(folder: Path, sources: Sequence[Path], times: Sequence[int]) -> Path:
    """Link the training backgrounds of all sources into one folder, each so many times; and the first's validation."""
    for split, often in (("train", times), ("valid", (1,))):
        (folder / split).mkdir(parents=True, exist_ok=True)
        for i, copies in enumerate(often):
            for path in (sources[i] / split).iterdir():
                for copy in range(copies):
                    _link(folder / split / f"{i}-{copy}-{path.name}", path)
    return folder


def _link(link: Path, path: Path) -> None:
    if link.resolve() != path.resolve():
        link.unlink(missing_ok=True)
        with suppress(FileExistsError):  # another process has just done so
            link.symlink_to(path.resolve())


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
