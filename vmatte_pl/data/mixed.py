"""Training samples of two datasets in one."""

import torch

from vmatte_pl.data.damage import compose_bytes
from vmatte_pl.data.dataset import Sample, Samples, Ticket, TrainWindows


class MixedWindows(Samples[int | Ticket]):
    """Samples of one dataset, and evenly between them those of another.

    Args:
        own: Whose samples an epoch takes all of.
        other: What is mixed in, undamaged.
        share: Of all samples that are the other's, at least 0 and less than 1.
    """

    def __init__(self, own: TrainWindows, other: TrainWindows, share: float) -> None:
        self.own, self.other = own, other
        self.others = round(len(own) * share / (1 - share))

    def __len__(self) -> int:
        return len(self.own) + self.others

    def __getitem__(self, ticket: int | Ticket) -> Sample:
        epoch, index = ticket if isinstance(ticket, tuple) else (0, ticket)
        before, by_now = (i * self.others // len(self) for i in (index, index + 1))
        if before == by_now:
            return self.own[epoch, index - before]
        turn, place = divmod(before, len(self.other))
        sample = self.other[epoch + turn, place]
        return _composed(sample) if self.own.damage else sample


def _composed(sample: Sample) -> Sample:
    """Compose a sample: those that are damaged have their composition beside their layers, and all of a batch must."""
    fgr, pha, bgr = (sample[key].numpy() for key in ("fgr", "pha", "bgr"))
    return {**sample, "com": torch.from_numpy(compose_bytes(fgr, pha[..., 0], bgr))}
