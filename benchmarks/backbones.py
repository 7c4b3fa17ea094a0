"""Milliseconds a frame and peak memory of every backbone, on this machine's processor.

    python benchmarks/backbones.py --rvm-onnx rvm_mobilenetv3_fp32.onnx --clip footage/0000

Every way to run a network has its own process, so that its peak memory is its own too; they take turns, so
that a machine that slows down slows all of them. Without ``--rvm-onnx`` weights are random: as fast, but the
differences between alphas then say nothing.
"""

import argparse
import resource
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from vmatte_pl.memory import keep_freed_memory
from vmatte_pl.models import FBA, P3M, RVM, FBAUNetPP, MattingNetwork, OnnxNetwork, TinyMatte, VMFormer
from vmatte_pl.models.base import State

Run = Callable[[Tensor], Iterator[Tensor]]
"""Takes a video, gives the alphas of one chunk after the other."""

WAYS = ("eager", "channels-last", "bf16", "compile")
"""Each includes channels-last from the second on; compile is in float32."""


class WithTrimap(MattingNetwork):
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
        "P3M": (P3M, 1),
        "FBA": (partial(_with_trimap, FBA), 1),
        "FBAUNetPP": (FBAUNetPP, 1),
        "VMFormer, clips of 5": (partial(VMFormer, clip_length=5), 5),
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
    return WithTrimap(network())


def _work(connection: Connection, case: Case | DirectLoop, video: Tensor, threads: int, keep: bool) -> None:
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    if keep:
        keep_freed_memory()
    before_it = _peak()
    run = case.run()
    connection.send(torch.cat(list(run(video)), 1))  # also warms up
    while connection.recv():
        times, before = [], time.perf_counter()
        for alpha in run(video):
            now = time.perf_counter()
            times.append((now - before) / alpha.shape[1])
            before = now
        connection.send(times)
    connection.send(_peak() - before_it)


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measured(
    chosen: list[Case | DirectLoop], video: Tensor, rounds: int, **settings: Any
) -> Iterator[tuple[Case | DirectLoop, list[float], float, Tensor]]:
    """Run all cases in turns: each one's seconds a frame, peak memory beyond Python's own in MiB, and alphas."""
    context = get_context("spawn")
    workers, alphas = [], []
    for case in chosen:
        ours, theirs = context.Pipe()
        context.Process(target=_work, args=(theirs, case, video), kwargs=settings, daemon=True).start()
        theirs.close()
        alphas.append(ours.recv())
        workers.append(ours)
    times: list[list[float]] = [[] for _ in chosen]
    for _ in range(rounds):
        for seconds, worker in zip(times, workers, strict=True):
            worker.send(True)
            seconds += worker.recv()
    for case, worker, seconds, alpha in zip(chosen, workers, times, alphas, strict=True):
        worker.send(False)
        yield case, seconds, worker.recv(), alpha


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
    parser.add_argument("--rvm-onnx", help="path of RVM's published ONNX file")
    parser.add_argument("--clip", type=Path, help="a folder of images")
    parser.add_argument("--size", nargs=2, type=int, default=[288, 512], metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--frames", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--keep-memory", action="store_true", help="do not give freed memory back to the system")
    arguments = parser.parse_args()

    video = footage(arguments.clip, arguments.frames, *arguments.size)
    chosen = cases(arguments.networks, arguments.ways, arguments.rvm_onnx)
    print("| network | way | ms/frame, median | fastest | peak MiB | alpha: mean difference | largest |")
    print("|---|---|---|---|---|---|---|")
    exact: dict[str, Tensor] = {}
    for case, times, peak, alpha in measured(
        chosen, video, arguments.rounds, threads=arguments.threads, keep=arguments.keep_memory
    ):
        difference = (alpha - exact.setdefault(case.network, alpha)).abs()
        print(
            f"| {case.network} | {case.way} | {statistics.median(times) * 1e3:.1f} | {min(times) * 1e3:.1f} "
            f"| {peak:.0f} | {difference.mean():.1e} | {difference.max():.1e} |"
        )


if __name__ == "__main__":
    main()
