"""Training samples of two datasets in one."""

from vmatte_pl.data.dataset import Sample, Samples, Ticket, TrainWindows


class MixedWindows(Samples[int | Ticket]):
    """Samples of one dataset, and evenly between them those of another.

    Args:
        own: Whose samples an epoch takes all of.
        other: What is mixed in.
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
        return self.other[epoch + turn, place]
