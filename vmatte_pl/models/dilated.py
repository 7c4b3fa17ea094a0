"""Dilated convolutions in groups, whose gradients a CPU gets wrong in bfloat16."""

from typing import Any

import torch
from torch import Tensor, nn


def mend_gradients(network: nn.Module) -> None:
    """Train a network's dilated convolutions in groups on contiguous tensors, where that is on a CPU.

    With colour last, of their weights or their input, oneDNN returns uninitialised memory for the gradient of the
    weights in bfloat16, from about 16 pixels square on (PyTorch 2.14, AVX-512): training wanders, and may end in a
    loss of nan. DeepLabV3 and PAN dilate those of many an encoder; RVM and VMFormer have some. To do it twice changes
    nothing more.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.groups > 1 and max(module.dilation) > 1:
            # Not contiguous(): with one channel a filter, it takes one layout for the other.
            module.weight.data = module.weight.data.clone(memory_format=torch.contiguous_format)
            module.register_forward_pre_hook(_contiguous)


def _contiguous(_: nn.Module, inputs: Any) -> tuple[Tensor, ...]:
    trains = torch.is_grad_enabled()
    return tuple(x.contiguous() if trains and x.device.type == "cpu" else x for x in inputs)
