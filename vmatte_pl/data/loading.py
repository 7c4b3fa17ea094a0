"""Which process loads which sample, and how an error gets out of a worker."""

from collections.abc import Iterator, Sequence
from typing import Any

import cv2
import torch
from torch.utils.data import DataLoader, Sampler, default_collate

from vmatte_pl.data.dataset import Sample, Ticket
from vmatte_pl.data.windows import Span
from vmatte_pl.errors import ConfigError, DataError
from vmatte_pl.memory import keep_freed_memory


class EpochSampler(Sampler[Ticket]):
    """Hand out tickets for every sample of an epoch, shared out over the ranks.

    All ranks get equally many, since their optimisers step together; the first samples fill up what lacks.
    Lightning calls ``set_epoch``.
    """

    def __init__(self, samples: int, rank: int = 0, ranks: int = 1) -> None:
        self.samples, self.rank, self.ranks = samples, rank, ranks
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Hand out the tickets of this epoch from now on."""
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-self.samples // self.ranks)

    def __iter__(self) -> Iterator[Ticket]:
        for i in range(len(self)):
            yield self.epoch, (self.rank + i * self.ranks) % self.samples


class ClipSampler(Sampler[int]):
    """Name the chunks of every ``ranks``-th clip, in order: no clip is split, none comes twice.

    Raises:
        ConfigError: If there are fewer clips than ranks; an idle rank would leave the others waiting.
    """

    def __init__(self, spans: Sequence[Span], rank: int = 0, ranks: int = 1) -> None:
        clips = len({span.clip for span in spans})
        if clips < ranks:
            raise ConfigError(
                expected=f"a clip for each of {ranks} processes",
                found=f"{clips} clip(s)",
                where="--trainer.devices",
                remedy=f"pass --trainer.devices {clips}",
            )
        self.indices = [index for index, span in enumerate(spans) if span.clip % ranks == rank]

    def __len__(self) -> int:
        return len(self.indices)

    def __iter__(self) -> Iterator[int]:
        return iter(self.indices)


class ClipLoader(DataLoader[Sample]):
    """A ``DataLoader`` whose workers' errors arrive as they were raised, not wrapped into a traceback."""

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]  # a generator over the loader's own iterator
        for batch in super().__iter__():
            if "remedy" in batch:
                raise DataError(**batch)
            yield batch


def collate(samples: list[Sample] | DataError) -> Any:
    """Stack samples into a batch; an error becomes its parts, which any process can put together again."""
    return vars(samples) if isinstance(samples, DataError) else default_collate(samples)


def prepare_worker(worker: int) -> None:
    """Make a process a good loader: one thread, and memory that is used again and again."""
    calm_worker(worker)
    keep_freed_memory()


def calm_worker(_: int) -> None:
    """Keep a worker to one thread: the cores are shared by workers, not by their threads."""
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
