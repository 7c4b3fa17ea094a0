"""Which input and output of an ONNX graph is what: told by their names and shapes where that is clear."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vmatte_pl.errors import ConfigError
from vmatte_pl.models.foreign import one_of

_TYPES: dict[str, type[np.generic]] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
    "tensor(bool)": np.bool_,
}
_ROLE = re.compile(r"[._]?(in|out|i|o|input|output|prev|next)$")
"""What tells the two ends of a memory apart: ``r1i`` and ``r1o``, ``h_in`` and ``h_out``."""


class Port(NamedTuple):
    """An input or output; a side that may vary has a name instead of a number."""

    name: str
    shape: Sequence[int | str | None]
    dtype: type[np.generic]

    @classmethod
    def of(cls, argument: Any) -> "Port":
        """Read one of a session's inputs or outputs; types without a counterpart pass as float32."""
        return cls(argument.name, argument.shape, _TYPES.get(argument.type, np.float32))

    def filled(self, value: float) -> NDArray[np.generic]:
        """Return an array of one value, 1 long wherever the length may vary."""
        return np.full([side if isinstance(side, int) else 1 for side in self.shape], value, self.dtype)


class Wiring(NamedTuple):
    """The parts that inputs and outputs play."""

    image: Port
    alpha: str
    states: dict[str, str]
    starts: dict[str, NDArray[np.generic]]
    constants: dict[str, NDArray[np.generic]]

    @property
    def channels_last(self) -> bool:
        """Whether the image's channels come after its height and width."""
        return self.image.shape[1] != 3 and self.image.shape[3] == 3

    @property
    def size(self) -> list[int] | None:
        """The image's height and width, where they are fixed."""
        sides = self.image.shape[1:3] if self.channels_last else self.image.shape[2:]
        fixed = [side for side in sides if isinstance(side, int)]
        return fixed if len(fixed) == 2 else None


def wired(
    inputs: Sequence[Port],
    outputs: Sequence[Port],
    path: str,
    image: str | None = None,
    alpha: str | int | None = None,
    states: Mapping[str, str] | None = None,
    constants: Mapping[str, float] | None = None,
) -> Wiring:
    """Find the parts that were not named; see ``OnnxNetwork``.

    Raises:
        ConfigError: If a name is not in the graph, or a part is not clear.
    """
    ports = {port.name: port for port in inputs}
    names = [port.name for port in outputs]
    constants, states = dict(constants or {}), dict(states or {})
    _known([*constants, *states, *([image] if image else [])], ports, "input", path)
    _known([*states.values(), *([alpha] if isinstance(alpha, str) else [])], names, "output", path)

    image = image or one_of(_images(inputs), "image input", path, "image")
    rest = [name for name in ports if name not in {image, *constants, *states}]
    states |= _paired(rest, [name for name in names if name not in states.values()])
    unclear = [name for name in rest if name not in states]
    if unclear:
        raise ConfigError(
            expected="a value for every input that is neither the image nor remembered",
            found=f"none for {', '.join(unclear)}",
            where=path,
            remedy=f"set constants, for instance {{{unclear[0]}: 1.0}}",
        )
    if not isinstance(alpha, str):
        alpha = _alpha(outputs, alpha, set(states.values()), path)
    starts = {name: ports[name].filled(0) for name in states}
    values = {name: ports[name].filled(value) for name, value in constants.items()}
    return Wiring(ports[image], alpha, states, starts, values)


def _images(inputs: Sequence[Port]) -> list[str]:
    if len(inputs) == 1 and len(inputs[0].shape) == 4:
        return [inputs[0].name]
    return [port.name for port in inputs if len(port.shape) == 4 and 3 in (port.shape[1], port.shape[3])]


def _alpha(outputs: Sequence[Port], index: int | None, remembered: set[str], path: str) -> str:
    if index is not None:
        _known([str(index)], [str(i) for i in range(len(outputs))], "output", path)
        return outputs[index].name
    free = [port for port in outputs if port.name not in remembered]
    if len(free) > 1:
        free = [port for port in free if len(port.shape) == 3 or 1 in (port.shape[1], port.shape[3])]
    return one_of([port.name for port in free], "alpha output", path, "alpha")


def _paired(inputs: Sequence[str], outputs: Sequence[str]) -> dict[str, str]:
    stems = {_ROLE.sub("", name): name for name in outputs}
    return {name: stems[_ROLE.sub("", name)] for name in inputs if _ROLE.sub("", name) in stems}


def _known(names: Sequence[str], graph: Mapping[str, Port] | Sequence[str], what: str, path: str) -> None:
    for name in names:
        if name not in graph:
            raise ConfigError(
                expected=f"one of the {what}s {', '.join(graph)}",
                found=name,
                where=path,
                remedy=f"name the {what} as the graph does",
            )
