"""The weights in RVM's official ONNX file, as the state dict that the network has in PyTorch."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from vmatte_pl.errors import CheckpointError
from vmatte_pl.models.extras import extra


def read_onnx_weights(network: nn.Module, path: str) -> dict[str, Tensor]:
    """Read the state dict of ``network`` from its own export to ONNX.

    The export folded every batch norm into the convolution before it and lost the names of both; what was not
    folded kept its name. So the folded convolutions are taken in their order, and each batch norm becomes one
    that only adds the bias. The segmentation head, which is not in the file, keeps the weights it has.

    Raises:
        CheckpointError: If the file is no export of this network.
        ConfigError: If the package onnx is missing.
    """
    graph = _graph(path)
    values = {tensor.name: _tensor(tensor) for tensor in graph.initializer}
    own = network.state_dict()
    weights = {key: value for key, value in own.items() if _is_spare(key)}
    weights |= {name: value for name, value in values.items() if name in own}

    folded = [node.input[1:] for node in graph.node if node.op_type == "Conv" and node.input[1] not in own]
    targets = list(_normalised(network))
    if len(folded) != len(targets):
        raise CheckpointError(
            expected=f"{len(targets)} convolutions with a folded batch norm",
            found=str(len(folded)),
            where=path,
            remedy="give RVM's official rvm_mobilenetv3_fp32.onnx",
        )
    for (convolution, norm, eps), (weight, bias) in zip(targets, folded, strict=True):
        shift = values[bias]
        weights |= {
            f"{convolution}.weight": values[weight],
            f"{norm}.weight": torch.ones_like(shift),
            f"{norm}.bias": shift,
            f"{norm}.running_mean": torch.zeros_like(shift),
            f"{norm}.running_var": torch.full_like(shift, 1 - eps),
        }
    return weights


def _graph(path: str) -> Any:
    onnx, message = extra("onnx", "onnx"), extra("google.protobuf.message", "onnx")
    try:
        return onnx.load(path).graph
    except (OSError, message.DecodeError) as error:
        raise CheckpointError(
            expected="an ONNX file",
            found=str(error).partition("\n")[0],
            where=path,
            remedy="give RVM's official rvm_mobilenetv3_fp32.onnx",
        ) from error


def _tensor(initialiser: Any) -> Tensor:
    return torch.from_numpy(extra("onnx.numpy_helper", "onnx").to_array(initialiser).copy())


def _is_spare(key: str) -> bool:
    return key.startswith("project_seg.") or key.endswith(".num_batches_tracked")


def _normalised(network: nn.Module) -> Iterator[tuple[str, str, float]]:
    """Name every convolution that a batch norm follows, and that batch norm, in their order."""
    for prefix, module in network.named_modules():
        if isinstance(module, nn.Sequential):
            for (first, convolution), (second, norm) in pairwise(module.named_children()):
                if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                    yield f"{prefix}.{first}", f"{prefix}.{second}", norm.eps
