"""Weight standardisation: convolutions whose filters have zero mean and unit variance."""

from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor, nn

Standardisation: TypeAlias = Literal["2020", "2021"]
"""Which release of FBA Matting's code had the formula: they guard differently against a division by zero."""


class StandardisedConv2d(nn.Conv2d):
    """A convolution whose filters are standardised as they are used; the parameter keeps their raw values.

    While no gradient is asked for, the standardised filters are kept until the raw ones change.

    Args:
        plain: The convolution whose geometry and parameters to take over.
        formula: How to standardise.

    Source: S. Qiao et al., "Micro-Batch Training with Batch-Channel Normalization and Weight
    Standardization", 2019.
    """

    def __init__(self, plain: nn.Conv2d, formula: Standardisation) -> None:
        sizes = ("in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups")
        geometry: dict[str, Any] = {name: getattr(plain, name) for name in sizes}
        super().__init__(**geometry, bias=plain.bias is not None, device="meta")
        self.weight, self.bias = plain.weight, plain.bias
        self.formula = formula
        self._kept: tuple[object, Tensor] | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Convolve with the standardised filters."""
        convolved: Tensor = self._conv_forward(x, self.filters(), self.bias)
        return convolved

    def filters(self) -> Tensor:
        """The standardised filters, shaped as the weight."""
        weight = self.weight
        if torch.compiler.is_compiling() or (weight.requires_grad and torch.is_grad_enabled()):
            return _standardised(weight, self.formula)
        identity = (weight.data_ptr(), weight._version, weight.dtype, weight.device)
        if self._kept is None or self._kept[0] != identity:
            # Never an inference tensor: what was kept in validation may be used where gradients flow.
            with torch.inference_mode(False), torch.no_grad():
                self._kept = identity, _standardised(weight, self.formula)
        return self._kept[1]


def standardise(network: nn.Module, formula: Standardisation) -> None:
    """Replace every plain convolution in ``network`` by a standardised one, in place."""
    for parent in list(network.modules()):
        for name, child in parent.named_children():
            if type(child) is nn.Conv2d:
                setattr(parent, name, StandardisedConv2d(child, formula))


def _standardised(weight: Tensor, formula: Standardisation) -> Tensor:
    dims = (1, 2, 3)
    centred: Tensor = weight - weight.mean(dims, keepdim=True)
    if formula == "2021":
        return centred / (centred.square().mean(dims, keepdim=True) + 1e-5).sqrt()
    return centred / ((weight.var(dims, keepdim=True) + 1e-12).sqrt() + 1e-5)
