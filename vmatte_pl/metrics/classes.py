"""The measures as torchmetrics objects: they add up batches, chunks, epochs and processes."""

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor
from torchmetrics import Metric, MetricCollection

from vmatte_pl.metrics.clips import Average, Measured, Scorer, Table, names_by_identity


class MattingMetric(Metric):
    """One measure, averaged over all frames seen.

    It keeps the value of every frame, so the result does not depend on batches, on the order of clips or on
    how they are spread over processes. A clip may come in several chunks, one after another; its chunks must
    come to the same process, else dtSSD misses the change between them.

    Args:
        average: Over every ``"frame"`` alike, each ``"clip"`` first, or as ``"rvm"``; see ``Table.mean``.
        scorer: What measures; several metrics that are fed by one collection share theirs.
        kwargs: Those of ``torchmetrics.Metric``.
    """

    measure: ClassVar[str]
    is_differentiable = False
    higher_is_better = False
    full_state_update = False

    rows: list[Tensor]
    names: list[Tensor]

    def __init__(self, average: Average = "frame", scorer: Scorer | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.average: Average = average
        self.scorer = scorer or Scorer((self.measure,))
        # Clip, frame and the bits of the float64 value: integers, which every device and backend carries.
        self.add_state("rows", [], dist_reduce_fx="cat")
        self.add_state("names", [], dist_reduce_fx="cat")
        self._start()

    def update(
        self,
        pred: Tensor,
        true: Tensor,
        clip: Sequence[str] | None = None,
        start: Tensor | Sequence[int] | None = None,
        mask: Tensor | None = None,
    ) -> None:
        """Measure a batch of clips, or of their next chunks.

        Args:
            pred: The predicted alpha.
            true: The true alpha.
            clip: B names; without them, each item is a clip of its own.
            start: B indices of the chunks' first frames; without them, a chunk follows the one before it.
                A frame that comes twice counts once.
            mask: The pixels that count; all if None.

        Shape:
            - pred, true: (B, T, 1, H, W), floats in [0, 1] or uint8.
            - mask: (B, T, 1, H, W) bool.

        Raises:
            UnfitAlphaError: For a wrong shape, type or range, and for values that are no numbers.
        """
        self._append(self.scorer(pred, true, clip, start, mask))

    def add(self, measured: Measured) -> None:
        """Take over values that were measured for several metrics at once."""
        self._computed = None
        self._update_count += 1
        self._append(measured)

    def compute(self) -> Tensor:
        """Average all values; NaN if there are none."""
        return self._scalar(self._table(self.rows).mean(self.average))

    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        """Update, and return the average of this batch alone, on this process."""
        self.update(*args, **kwargs)
        return self.last_batch()

    def last_batch(self) -> Tensor:
        """Average the values of the last update alone, on this process."""
        value = self._scalar(self._table(self.rows[-1:]).mean(self.average))
        self._forward_cache = value  # type: ignore[assignment]  # Lightning logs steps from it; typed as None
        return value

    def per_clip(self) -> dict[str, float]:
        """Average over the frames of each clip, by name, those of all processes included."""
        own = self.sync_on_compute and not self._is_synced
        with self.sync_context(self.dist_sync_fn, should_sync=own, should_unsync=own):
            names = names_by_identity(bytes(_joined(self.names)))
            means = self._table(self.rows).by_clip(self.average)
        return dict(sorted((names[clip], mean) for clip, mean in means.items()))

    def reset(self) -> None:
        """Forget all values and clips."""
        super().reset()
        self.scorer.reset()
        self._start()

    def set_dtype(self, dst_type: str | torch.dtype) -> Self:
        """Change nothing: values are float64 at any setting, and their states integers."""
        return self

    def _start(self) -> None:
        """Begin with an empty entry of the right type, for a process that sees no data to gather from."""
        self.rows.append(torch.empty(0, dtype=torch.int64, device=self.device))
        self.names.append(torch.empty(0, dtype=torch.uint8, device=self.device))

    def _append(self, measured: Measured) -> None:
        bits = measured.values[self.measure].view(torch.int64)
        columns = [column.to(bits.device) for column in (measured.clip, measured.frame)]
        self.rows.append(torch.stack([*columns, bits], 1).flatten().to(self.device))
        self.names.append(measured.names.to(self.device))

    def _table(self, rows: list[Tensor] | Tensor) -> Table:
        clip, frame, bits = _joined(rows).reshape(-1, 3).T
        return Table.of(clip, frame, np.ascontiguousarray(bits).view(np.float64))

    def _scalar(self, value: float) -> Tensor:
        dtype = torch.float32 if self.device.type == "mps" else torch.float64  # MPS has no float64
        return torch.tensor(value, dtype=dtype, device=self.device)


def _joined(state: list[Tensor] | Tensor) -> Any:
    """Join what a metric keeps; gathered from all processes, it is joined already."""
    return (state if isinstance(state, Tensor) else torch.cat(state)).cpu().numpy()


class MAD(MattingMetric):
    """Mean absolute difference, × 10³; see ``functional.mad``.

    Example:
        >>> import torch
        >>> metric = MAD()
        >>> metric.update(torch.zeros(1, 2, 1, 4, 4), torch.ones(1, 2, 1, 4, 4), clip=["0000"])
        >>> metric.compute()
        tensor(1000., dtype=torch.float64)
    """

    measure = "mad"


class MSE(MattingMetric):
    """Mean squared difference, × 10³; see ``functional.mse``."""

    measure = "mse"


class SAD(MattingMetric):
    """Sum of absolute differences, ÷ 10³; see ``functional.sad``."""

    measure = "sad"


class Grad(MattingMetric):
    """Gradient error, ÷ 10³; see ``functional.grad``."""

    measure = "grad"


class Conn(MattingMetric):
    """Connectivity error, ÷ 10³; see ``functional.conn``."""

    measure = "conn"


class DtSSD(MattingMetric):
    """Temporal flicker, × 10², over all frames but the first of each clip; see ``functional.dtssd``.

    Chunks of a clip continue each other; values never cross from one clip to another.

    Example:
        >>> import torch
        >>> metric = DtSSD()
        >>> true = torch.zeros(1, 1, 1, 4, 4)
        >>> metric.update(true, true, clip=["0000"])
        >>> metric.update(true + 0.2, true, clip=["0000"])
        >>> metric.compute()
        tensor(20., dtype=torch.float64)
    """

    measure = "dtssd"


METRICS: tuple[type[MattingMetric], ...] = (MAD, MSE, SAD, Grad, Conn, DtSSD)


class MattingMetrics(MetricCollection):
    """All measures of an alpha: ``mad mse sad grad conn dtssd``, each batch measured once for all of them.

    It is updated, logged and reset as any collection of torchmetrics, with the arguments of
    ``MattingMetric.update``.

    Args:
        prefix: What goes before each name, such as ``"val/"``.
        average: How values become one; see ``MattingMetric``.

    Example:
        >>> import torch
        >>> metrics = MattingMetrics(prefix="val/")
        >>> true = torch.ones(2, 3, 1, 4, 4)
        >>> metrics.update(true, true, clip=["0000", "0001"])
        >>> sorted(metrics.compute())
        ['val/conn', 'val/dtssd', 'val/grad', 'val/mad', 'val/mse', 'val/sad']
        >>> metrics.per_clip()["0001"]["mad"]
        0.0
    """

    def __init__(self, prefix: str = "", average: Average = "frame") -> None:
        scorer = Scorer([kind.measure for kind in METRICS])
        metrics = {kind.measure: kind(average, scorer) for kind in METRICS}
        # Compute groups would merge metrics whose values happen to agree in the first batch.
        super().__init__(metrics, prefix=prefix, compute_groups=False)  # type: ignore[arg-type]

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Measure a batch once, and give each metric its values."""
        metrics = self._metrics()
        measured = metrics[0].scorer(*args, **kwargs)
        for metric in metrics:
            metric.add(measured)

    def forward(self, *args: Any, **kwargs: Any) -> dict[str, Tensor]:
        """Update, and return the averages of this batch alone, on this process."""
        self.update(*args, **kwargs)
        return {self._set_name(metric.measure): metric.last_batch() for metric in self._metrics()}

    def per_clip(self) -> dict[str, dict[str, float]]:
        """Average over the frames of each clip: clip name → measure → value, of all processes.

        A measure that a clip has no value of, as dtSSD of a single frame, is left out.
        """
        table: dict[str, dict[str, float]] = {}
        for metric in self._metrics():
            for clip, mean in metric.per_clip().items():
                table.setdefault(clip, {})[metric.measure] = mean
        return table

    def _metrics(self) -> list[MattingMetric]:
        return [self._modules[kind.measure] for kind in METRICS]  # type: ignore[misc]


def matting_metrics(prefix: str = "", average: Average = "frame") -> MattingMetrics:
    """Make the collection of all measures of an alpha, named such as ``val/mad`` for the prefix ``val/``."""
    return MattingMetrics(prefix, average)
