"""All measures of a batch of frames in one go: what two of them need is computed once."""

from collections.abc import Collection

from torch import Tensor

from vmatte_pl.metrics import dense

MEASURES = ("mad", "mse", "sad", "grad", "conn", "dtssd")
"""Every measure of an alpha, in the order in which tables show them."""


def measure(
    pred: Tensor,
    true: Tensor,
    mask: Tensor | None = None,
    before: Tensor | None = None,
    wanted: Collection[str] = MEASURES,
) -> dict[str, Tensor]:
    """Measure each frame, in the units of the VideoMatte240K benchmark (see ``functional``).

    Args:
        pred: The levels of the predicted alpha.
        true: The levels of the true alpha.
        mask: The pixels that count; all if None.
        before: pred - true of the frame before each clip's first; without it ``dtssd`` is 0 there.
        wanted: Which measures.

    Shape:
        - pred, true: (B, T, 1, H, W) uint8.
        - mask: (B, T, 1, H, W) bool.
        - before: (B, H, W) int16.
        - each output: (B, T) float64 on the device of ``pred``.
    """
    p, t = pred.squeeze(2), true.squeeze(2)
    m = None if mask is None else mask.squeeze(2)
    pixels = p[0, 0].numel() if m is None else m.sum((-2, -1)).clamp_min(1)
    found: dict[str, Tensor] = {}
    if not {"mad", "sad"}.isdisjoint(wanted):
        absolute = dense.absolute(p, t, m).double() / 255
        found |= {"mad": absolute / pixels * 1e3, "sad": absolute / 1e3}
    if "mse" in wanted:
        found["mse"] = dense.squared(p, t, m).double() / 255**2 / pixels * 1e3
    if "grad" in wanted:
        found["grad"] = dense.gradient(p, t, m) / 1e3
    if "conn" in wanted:
        found["conn"] = dense.connectivity(p, t, m).double() / 2550 / 1e3
    if "dtssd" in wanted:
        found["dtssd"] = (dense.change(p, t, m, before).double() / 255**2 / pixels).sqrt() * 1e2
    return {name: found[name] for name in wanted}
