"""What goes on beside a run: pictures, reports, files, an average of its weights."""

from vmatte_pl.callbacks.config import SaveConfig
from vmatte_pl.callbacks.ema import AverageWeights
from vmatte_pl.callbacks.panels import Panels
from vmatte_pl.callbacks.report import Report
from vmatte_pl.callbacks.summary import Summary
from vmatte_pl.callbacks.writer import WriteAlphas

__all__ = ["AverageWeights", "Panels", "Report", "SaveConfig", "Summary", "WriteAlphas"]
