"""The gradients of dilated convolutions in low precision, against those in full precision."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from vmatte_pl.models import RVM, Adapter, VMFormer
from vmatte_pl.models.dilated import mend_gradients


def gradient(convolution: nn.Conv2d, x: Tensor, low: bool) -> Tensor:
    """Return that of the weights."""
    convolution.zero_grad()
    with torch.autocast("cpu", torch.bfloat16, enabled=low):
        y = convolution(x)
    (y.float() * torch.linspace(-1, 1, y.numel()).view(y.shape)).sum().backward()
    assert convolution.weight.grad is not None
    return convolution.weight.grad.clone()


def assert_true(convolution: nn.Conv2d) -> None:
    x = torch.randn(4, convolution.in_channels, 18, 32).contiguous(memory_format=torch.channels_last)
    true = gradient(convolution, x, low=False)
    for _ in range(4):  # what is in uninitialised memory is chance
        rounded = gradient(convolution, x, low=True)
        torch.testing.assert_close(rounded, true, rtol=0, atol=0.02 * float(true.abs().max()))


@pytest.mark.parametrize(("channels", "groups", "dilation"), [(240, 240, 2), (48, 48, 4), (64, 8, 2)])
def test_dilated_convolutions_in_groups_have_true_gradients(channels: int, groups: int, dilation: int) -> None:
    convolution = nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation, groups=groups)
    convolution.to(memory_format=torch.channels_last)
    mend_gradients(convolution)
    assert_true(convolution)


@pytest.mark.parametrize(
    "build",
    [lambda: Adapter("DeepLabV3"), lambda: Adapter("PAN"), RVM, VMFormer],
    ids=["DeepLabV3", "PAN", "RVM", "VMFormer"],
)
def test_so_have_those_of_networks(build: Callable[[], nn.Module]) -> None:
    dilated = [m for m in build().modules() if isinstance(m, nn.Conv2d) and m.groups > 1 and m.dilation[0] > 1]
    assert dilated
    for convolution in dilated:
        assert_true(convolution)
