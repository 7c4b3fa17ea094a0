"""The measures of the field, as functions and as torchmetrics objects."""

from vmatte_pl.metrics.classes import (
    MAD,
    MSE,
    SAD,
    Conn,
    DtSSD,
    Grad,
    MattingMetric,
    MattingMetrics,
    matting_metrics,
)

__all__ = [
    "MAD",
    "MSE",
    "SAD",
    "Conn",
    "DtSSD",
    "Grad",
    "MattingMetric",
    "MattingMetrics",
    "matting_metrics",
]
