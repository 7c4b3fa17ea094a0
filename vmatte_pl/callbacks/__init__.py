"""What watches a run: pictures, reports, files."""

from vmatte_pl.callbacks.config import SaveConfig
from vmatte_pl.callbacks.panels import Panels
from vmatte_pl.callbacks.report import Report
from vmatte_pl.callbacks.writer import WriteAlphas

__all__ = ["Panels", "Report", "SaveConfig", "WriteAlphas"]
