"""From files on disk to batches of composed clips."""

from vmatte_pl.data.datamodule import MattingData

__all__ = ["MattingData"]
