"""Small ONNX graphs that behave as the files of well-known matting networks do."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import onnx
from onnx import NodeProto, TensorProto, helper

Shape: TypeAlias = Sequence[int | str]
NCHW: Shape = ("n", 3, "h", "w")
MASK: Shape = ("n", 1, "h", "w")


def graph(
    path: Path,
    nodes: Sequence[NodeProto],
    inputs: Mapping[str, Shape],
    outputs: Mapping[str, Shape],
    dtype: int = TensorProto.FLOAT,
) -> str:
    """Write a graph; its first input has the given type, all else is float32."""
    types = [dtype] + [TensorProto.FLOAT] * (len(inputs) - 1)
    ports = zip(inputs, types, inputs.values(), strict=True)
    sources = [helper.make_tensor_value_info(*port) for port in ports]
    sinks = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()]
    model = helper.make_model(
        helper.make_graph(list(nodes), "test", sources, sinks),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=9,
    )
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return str(path)


def node(kind: str, inputs: str, output: str, **attributes: Any) -> NodeProto:
    """Make a node; inputs are separated by spaces."""
    return helper.make_node(kind, inputs.split(), [output], **attributes)


def constant(name: str, values: float | Sequence[float], dtype: int = TensorProto.FLOAT) -> NodeProto:
    """Make a constant: a number, or a vector."""
    shape = [len(values)] if isinstance(values, Sequence) else []
    tensor = helper.make_tensor(name, dtype, shape, values if isinstance(values, Sequence) else [values])
    return helper.make_node("Constant", [], [name], value=tensor)


def grey(path: Path, shape: Shape = NCHW, out: Shape = MASK) -> str:
    """Write a network whose alpha is the mean of the colours."""
    mean = node("ReduceMean", "image", "alpha", axes=[1], keepdims=1)
    return graph(path, [mean], {"image": shape}, {"alpha": out})


def recurrent(path: Path) -> str:
    """Write a network with the ports of RVM's official file: alpha fades in from what it remembers."""
    nodes = [
        node("ReduceMean", "src", "grey", axes=[1], keepdims=1),
        constant("half", 0.5),
        node("Mul", "r1i half", "before"),
        node("Mul", "grey half", "now"),
        node("Add", "before now", "r1o"),
        node("Mul", "r1o downsample_ratio", "pha"),
        node("Identity", "src", "fgr"),
    ]
    inputs = {"src": NCHW, "r1i": ("n", "c", "h", "w"), "downsample_ratio": (1,)}
    return graph(path, nodes, inputs, {"fgr": NCHW, "pha": MASK, "r1o": ("n", 1, "h", "w")})
