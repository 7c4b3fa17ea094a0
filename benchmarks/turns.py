"""Ways to run networks, measured in turns, each in a process of its own."""

import resource
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, NamedTuple, Protocol, TypeAlias

import torch
from torch import Tensor

from vmatte_pl.memory import keep_freed_memory

Run: TypeAlias = Callable[[Tensor], Iterator[Tensor]]
"""Takes a video, gives the alphas of one chunk after the other."""

TURN = 1.0
"""Seconds after which a turn ends before its video does."""


class Case(Protocol):
    """What is measured; it is sent to its process."""

    def run(self) -> Run:
        """Build it and return what runs it."""


def _work(connection: Connection, case: Case, video: Tensor, threads: int, keep: bool) -> None:
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
            if sum(times) >= TURN:
                break
        connection.send(times)
    connection.send(_peak() - before_it)


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class Measurement(NamedTuple):
    """What one case took, and gave."""

    case: Any
    seconds: list[float]
    """Of each frame."""
    peak: float
    """Memory beyond Python's own, in MiB."""
    alpha: Tensor

    @property
    def milliseconds(self) -> float:
        """The median frame's."""
        return statistics.median(self.seconds) * 1e3


def measured(chosen: Sequence[Case], video: Tensor, minutes: float, **settings: Any) -> Iterator[Measurement]:
    """Run all cases in turns, again and again for some minutes, and at least three times."""
    context = get_context("spawn")
    workers, alphas = [], []
    for case in chosen:
        ours, theirs = context.Pipe()
        context.Process(target=_work, args=(theirs, case, video), kwargs=settings, daemon=True).start()
        theirs.close()
        alphas.append(ours.recv())
        workers.append(ours)
    times: list[list[float]] = [[] for _ in chosen]
    start, rounds = time.perf_counter(), 0
    while rounds < 3 or time.perf_counter() - start < minutes * 60:
        for seconds, worker in zip(times, workers, strict=True):
            worker.send(True)
            seconds += worker.recv()
        rounds += 1
    for case, worker, seconds, alpha in zip(chosen, workers, times, alphas, strict=True):
        worker.send(False)
        yield Measurement(case, seconds, worker.recv(), alpha)
