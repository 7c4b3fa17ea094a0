"""The optimiser Muon, in the precision that a processor has."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import timm.optim
import torch
from timm.optim import muon

from vmatte_pl.hardware import has_bfloat16


class Muon(timm.optim.Muon):  # type: ignore[misc]  # timm has no types
    """timm's Muon, which does not have a processor emulate bfloat16.

    A step turns each matrix of gradients into an orthogonal one of the same directions (K. Jordan et al., "Muon: An
    optimizer for hidden layers in neural networks", 2024), and timm does so in bfloat16 whatever the matrix is in. On a
    processor without it, that takes many times as long as float32, in which it is done there instead.
    """

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Move the parameters; ``closure`` is called first, and what it returns is returned."""
        on_processor = all(p.device.type == "cpu" for group in self.param_groups for p in group["params"])
        if not on_processor or has_bfloat16():
            return super().step(closure)
        with _in_float32():
            return super().step(closure)


@contextmanager
def _in_float32() -> Iterator[None]:
    # timm has no option for it: the function is called by its name in the module, with all but the type.
    as_it_is = muon.zeropower_via_newtonschulz
    muon.zeropower_via_newtonschulz = partial(as_it_is, dtype=torch.float32)
    try:
        yield
    finally:
        muon.zeropower_via_newtonschulz = as_it_is
