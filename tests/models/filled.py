"""Weights that are the same on every machine and with every version of a library."""

import zlib
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

N = TypeVar("N", bound=nn.Module)


def filled(network: N) -> N:
    """Fill a network in place by a hash of each name and index, and set it to eval mode."""
    with torch.no_grad():
        for key, tensor in network.state_dict().items():
            if tensor.is_floating_point():
                tensor.copy_(_values(key, tensor))
    return network.eval()


def probes(x: Tensor, count: int = 12) -> list[float]:
    """A few values of a tensor, evenly spaced."""
    values: list[float] = x.flatten()[torch.linspace(0, x.numel() - 1, count).long()].tolist()
    return values


def _values(key: str, tensor: Tensor) -> Tensor:
    uniform = torch.from_numpy(_hashed(zlib.crc32(key.encode()), tensor.numel())).view(tensor.shape)
    if key.endswith("running_var") or (key.endswith("weight") and tensor.ndim == 1):
        return 0.75 + uniform / 2
    fan_in = tensor[0].numel() if tensor.ndim >= 2 else 96.0
    centred: Tensor = (uniform - 0.5) * (24 / fan_in) ** 0.5  # its variance is 2 / fan_in
    return centred


def _hashed(seed: int, count: int) -> NDArray[np.float32]:
    """Uniform in [0, 1): the finaliser of MurmurHash3 over a Weyl sequence."""
    x = np.arange(count, dtype=np.uint32) * np.uint32(0x9E3779B1) + np.uint32(seed)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        x ^= x >> np.uint32(shift)
        x *= np.uint32(factor)
    x ^= x >> np.uint32(16)
    return (x >> np.uint32(8)).astype(np.float32) / np.float32(2**24)


def frames(b: int, t: int, h: int, w: int) -> Tensor:
    """Frames (B, T, 3, H, W) in [0, 1] by the same hash."""
    return torch.from_numpy(_hashed(7, b * t * 3 * h * w)).view(b, t, 3, h, w)
