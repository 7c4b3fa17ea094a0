"""What is wrong with footage: raised where it is met, or noted so that the rest can be used."""

import logging
from collections import Counter
from dataclasses import dataclass
from typing import Literal, TypeAlias

from vmatte_pl.errors import DataError

logger = logging.getLogger(__name__)

OnFault: TypeAlias = Literal["refuse", "skip"]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong.

    Args:
        kind: What, in a word or two, the same for all of its kind.
        frames: How many frames it concerns.
        error: All about it.
    """

    kind: str
    frames: int
    error: DataError


class Faults:
    """Refuses what is faulty, or notes it and lets the rest pass.

    Args:
        on_fault: ``refuse`` raises the first fault, ``skip`` notes all of them.
    """

    def __init__(self, on_fault: OnFault = "refuse") -> None:
        self.on_fault = on_fault
        self.noted: list[Fault] = []

    def add(self, kind: str, frames: int, error: DataError) -> None:
        """Tell of a fault.

        Raises:
            DataError: The fault's own, if faults are refused.
        """
        if self.on_fault == "refuse":
            raise error
        self.noted.append(Fault(kind, frames, error))

    def summary(self) -> list[str]:
        """Say how many there are of each kind, and where the first one is."""
        frames, cases = Counter[str](), Counter[str]()
        first: dict[str, Fault] = {}
        for fault in self.noted:
            frames[fault.kind] += fault.frames
            cases[fault.kind] += 1
            first.setdefault(fault.kind, fault)
        return [
            f"{kind}: {frames[kind]} frame(s) in {cases[kind]} place(s), the first in {fault.error.where}"
            for kind, fault in first.items()
        ]

    def warn(self) -> None:
        """Log what has been skipped."""
        for line in self.summary():
            logger.warning("Left out, %s", line)
