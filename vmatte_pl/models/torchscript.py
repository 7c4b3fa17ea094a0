"""Any matting network that was saved as TorchScript."""

import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from vmatte_pl.errors import ConfigError
from vmatte_pl.models.foreign import ForeignNetwork, Memory, one_of


class TorchScriptNetwork(ForeignNetwork):
    """A network from a TorchScript file, whose first argument is the image.

    What the file shows need not be set: further arguments that are tensors are what is remembered, and comes
    back as the last outputs; alpha is the only other output, or the only one with a single channel.

    Args:
        path: The file.
        alpha: The place of alpha among the outputs, from 0.
        states: The arguments that take what is remembered, in the order of the last outputs.
        constants: The values of other arguments, by name, where the network's own defaults do not suit.
        **settings: How frames are prepared and alphas made, see ``ForeignNetwork``.
    """

    def __init__(
        self,
        path: str,
        alpha: int | None = None,
        states: list[str] | None = None,
        constants: dict[str, float] | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(path, **settings)
        self.network = _loaded(path)
        self.alpha, self.constants = alpha, constants or {}
        tensors = _tensor_arguments(self.network)
        names = [name for name in tensors if name not in self.constants] if states is None else states
        self._optional = {name: tensors.get(name, True) for name in names}
        self.recurrent = bool(names)

    def run(self, image: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """Run the module once; what it remembers starts as None, or as zero where it must be a tensor."""
        start = {name: None if may else image.new_zeros(1, 1, 1, 1) for name, may in self._optional.items()}
        outputs = self.network(image, **(memory or start), **self.constants)
        outputs = [outputs] if isinstance(outputs, Tensor) else list(outputs)
        others = outputs[: len(outputs) - len(start)]
        memory = dict(zip(start, outputs[len(others) :], strict=True))
        return self._alpha_of(others), memory

    def _alpha_of(self, outputs: Sequence[Tensor]) -> Tensor:
        if self.alpha is None and len(outputs) > 1:
            single = [str(place) for place, output in enumerate(outputs) if output.shape[1] == 1]
            return outputs[int(one_of(single, "output of one channel", self.source, "alpha"))]
        place = self.alpha or 0
        if place >= len(outputs) or outputs[place].dim() != 4:
            raise ConfigError(
                expected="an alpha (N, C, H, W)",
                found=", ".join(str(tuple(output.shape)) for output in outputs) or "only what is remembered",
                where=f"output {place} of {self.source}",
                remedy="set alpha and states",
            )
        return outputs[place]


def _loaded(path: str) -> Any:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`torch.jit.load` is deprecated")  # its files live on
        try:
            return torch.jit.load(path, map_location="cpu").eval()
        except RuntimeError as error:
            raise ConfigError(
                expected="a TorchScript file",
                found=str(error).strip().partition("\n")[0],
                where=path,
                remedy="save it with torch.jit.save",
            ) from error


def _tensor_arguments(network: Any) -> dict[str, bool]:
    """Name the arguments after the image that are tensors, and whether they may be None."""
    found = {}
    for argument in network.forward.schema.arguments[2:]:  # after self and the image
        kind = str(argument.type)
        if kind in {"Tensor", "Optional[Tensor]"}:
            found[argument.name] = kind != "Tensor"
    return found
