"""The errors a user can meet: what was expected, what was found, where, and what to do."""

from pathlib import Path


class VmatteError(Exception):
    """An error that a user can mend; the command line shows it as one line, without a traceback.

    Args:
        expected: What should have been there, as a noun phrase.
        found: What was there instead.
        where: The file, folder or setting it is about.
        remedy: What to do, as an imperative.
    """

    def __init__(self, *, expected: str, found: str, where: Path | str, remedy: str) -> None:
        self.expected, self.found, self.where, self.remedy = expected, found, where, remedy
        super().__init__(f"expected {expected}, found {found} in {where}; {remedy}")


class DataError(VmatteError):
    """Footage that is missing, incomplete, unreadable or of an unexpected form."""


class ConfigError(VmatteError):
    """A setting that names something that does not exist or does not fit the rest."""


class CheckpointError(VmatteError):
    """A checkpoint or weight file that does not belong to the network it was given to."""


class TrainingError(VmatteError):
    """A training run that cannot go on."""
