"""Milliseconds a frame and peak memory of every backbone, on this machine's processor.

    python -m benchmarks.backbones --rvm-onnx rvm_mobilenetv3_fp32.onnx --clip footage/0000 --save

Every way to run a network has its own process, so that its peak memory is its own too; they take turns, so
that a machine that slows down slows all of them. Without ``--rvm-onnx`` weights are random: as fast, but the
differences between alphas then say nothing. ``--save`` keeps the times for ``vmatte backbones``. ``--ways``
with compile takes minutes longer, for the compiler.
"""

import argparse
import json
import os
import platform
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from benchmarks.turns import Measurement, Run, measured
from vmatte_pl.commands import backbones as command
from vmatte_pl.models import FBA, P3M, RVM, FBAUNetPP, MattingNetwork, OnnxNetwork, TinyMatte, VMFormer
from vmatte_pl.models.base import State

SAVED = Path(command.__file__).with_name(command.MEASURED)

WAYS = ("eager", "channels-last", "bf16", "compile")
"""Each includes channels-last from the second on; compile is in float32."""


class DrawnTrimap(MattingNetwork):
    """A network that needs a trimap, with the same one for every frame: the middle third is unknown."""

    def __init__(self, network: MattingNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, frames: Tensor, state: State = None) -> tuple[Tensor, State]:
        """Return the frames' alpha."""
        trimap = torch.linspace(-1, 2, frames.shape[-1]).clamp(0, 1).expand_as(frames[:, :, :1])
        return self.network(frames, state, trimap=torch.where((trimap > 0) & (trimap < 1), 0.5, trimap))


@dataclass(frozen=True)
class Case:
    """A network and a way to run it."""

    network: str
    way: str
    build: Callable[[], MattingNetwork]
    chunk: int = 1

    def run(self) -> Run:
        """Build the network and return what runs it."""
        network = self.build().eval().requires_grad_(False)
        if self.way in WAYS[1:]:
            network = network.to(memory_format=torch.channels_last)
        if self.way == "compile":
            network = torch.compile(network, dynamic=False)
        return partial(self._alphas, network)

    @torch.no_grad()
    def _alphas(self, network: MattingNetwork, video: Tensor) -> Iterator[Tensor]:
        state = None
        for frames in torch.split(video, self.chunk, 1):
            with torch.autocast("cpu", torch.bfloat16) if self.way == "bf16" else nullcontext():
                alpha, state = network(frames, state)
            yield alpha


@dataclass(frozen=True)
class DirectLoop:
    """RVM's published file under ONNX Runtime with nothing around it: what ``OnnxNetwork`` is measured by."""

    path: str
    network: str = "RVM, published ONNX"
    way: str = "direct loop"

    def run(self) -> Run:
        """Open the session and return what runs it."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        session = onnxruntime.InferenceSession(self.path, options, providers=["CPUExecutionProvider"])
        return partial(self._alphas, session)

    def _alphas(self, session: Any, video: Tensor) -> Iterator[Tensor]:
        memory = [np.zeros((1, 1, 1, 1), np.float32)] * 4
        ratio = np.ones(1, np.float32)
        names = ["pha", "r1o", "r2o", "r3o", "r4o"]
        for frame in video[0].numpy():
            feeds = dict(zip(("r1i", "r2i", "r3i", "r4i"), memory, strict=True))
            alpha, *memory = session.run(names, feeds | {"src": frame[None], "downsample_ratio": ratio})
            yield torch.from_numpy(alpha)[None]


def cases(networks: list[str], ways: list[str], rvm_onnx: str | None) -> list[Case | DirectLoop]:
    """List what is measured."""
    builds: dict[str, tuple[Callable[[], MattingNetwork], int]] = {
        "TinyMatte": (TinyMatte, 1),
        "RVM": (partial(RVM, rvm_onnx, downsample_ratio=1.0), 1),
        # What the published ONNX file computes: it refines at every size.
        "RVM, refined": (partial(RVM, rvm_onnx, downsample_ratio=1.0, refine=True), 1),
        "P3M-Net": (P3M, 1),
        "FBA": (partial(_with_trimap, FBA), 1),
        "FBAUNet++": (FBAUNetPP, 1),
        "VMFormer": (partial(VMFormer, clip_length=5), 5),
    }
    chosen: list[Case | DirectLoop] = [
        Case(name, way, build, chunk)
        for name, (build, chunk) in builds.items()
        if not networks or name in networks
        for way in ways
    ]
    if rvm_onnx and (not networks or DirectLoop.network in networks):
        ours = partial(OnnxNetwork, rvm_onnx, constants={"downsample_ratio": 1.0})
        chosen += [DirectLoop(rvm_onnx), Case(DirectLoop.network, "OnnxNetwork", ours)]
    return chosen


def _with_trimap(network: Callable[[], MattingNetwork]) -> MattingNetwork:
    return DrawnTrimap(network())


def table(measurements: list[Measurement]) -> Iterator[str]:
    """Write a table in Markdown; alphas are compared with those of a network's first case."""
    yield "| network | way | ms/frame, median | fastest | peak MiB | alpha: mean difference | 99 % | largest |"
    yield "|---|---|---|---|---|---|---|---|"
    exact: dict[str, Tensor] = {}
    for m in measurements:
        difference = (m.alpha - exact.setdefault(m.case.network, m.alpha)).abs().flatten()
        most = np.quantile(difference.numpy(), 0.99)
        yield (
            f"| {m.case.network} | {m.case.way} | {m.milliseconds:.1f} | {min(m.seconds) * 1e3:.1f} | {m.peak:.0f} "
            f"| {difference.mean():.1e} | {most:.1e} | {difference.max():.1e} |"
        )


def save(measurements: list[Measurement], path: Path, **facts: Any) -> None:
    """Write the times and the numbers of parameters by name."""
    known = {backbone.name for backbone in command.BACKBONES}
    networks: dict[str, Any] = {}
    for m in measurements:
        if m.case.network not in known or isinstance(m.case, DirectLoop):
            continue
        if m.case.network not in networks:
            parameters = sum(parameter.numel() for parameter in m.case.build().parameters())
            networks[m.case.network] = {"parameters": parameters, "ms": {}}
        networks[m.case.network]["ms"][m.case.way] = round(m.milliseconds, 1)
    path.write_text(json.dumps({**facts, "backbones": networks}, indent=2) + "\n")


def footage(clip: Path | None, count: int, height: int, width: int) -> Tensor:
    """Read a video (1, T, 3, H, W) in [0, 1] from a folder of images, or make one: the speed is the same."""
    if clip is None:
        return torch.rand(1, count, 3, height, width, generator=torch.Generator().manual_seed(0))
    images = [cv2.imread(str(path)) for path in sorted(clip.iterdir())[:count]]
    sized = [cv2.resize(image, (width, height))[..., ::-1] for image in images if image is not None]
    return torch.from_numpy(np.stack(sized)).movedim(-1, 1)[None] / 255.0


def main() -> None:
    """Measure, and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="*", default=[], help="the names in the table (default: all)")
    parser.add_argument("--ways", nargs="*", default=list(WAYS[:3]), choices=WAYS)
    parser.add_argument("--rvm-onnx", default=os.environ.get("VMATTE_RVM_ONNX"), help="RVM's published ONNX file")
    parser.add_argument("--clip", type=Path, help="a folder of images")
    parser.add_argument("--size", nargs=2, type=int, default=[288, 512], metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--frames", type=int, default=5)
    parser.add_argument("--minutes", type=float, default=2, help="of measuring, after the start")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument(
        "--give-back", action="store_true", help="give freed memory back to the system, as C libraries do"
    )
    parser.add_argument("--save", action="store_true", help=f"write {SAVED.name} for the command vmatte backbones")
    arguments = parser.parse_args()
    if arguments.save and arguments.networks:
        parser.error("--save keeps the times of all networks: leave --networks out")

    video = footage(arguments.clip, arguments.frames, *arguments.size)
    chosen = cases(arguments.networks, arguments.ways, arguments.rvm_onnx)
    settings = {"threads": arguments.threads, "keep": not arguments.give_back}
    measurements = list(measured(chosen, video, arguments.minutes, **settings))
    facts = {
        "machine": processor(),
        "threads": arguments.threads,
        "torch": torch.__version__,
        "date": date.today().isoformat(),
        "size": arguments.size,
    }
    print(*(f"{what}: {value}" for what, value in facts.items()), "", *table(measurements), sep="\n")
    if arguments.save:
        save(measurements, SAVED, **facts)


def processor() -> str:
    """Name the processor as its maker does, if the system tells."""
    info = Path("/proc/cpuinfo")
    names = [line.partition(": ")[2] for line in info.read_text().splitlines() if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
