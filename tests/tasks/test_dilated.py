"""The gradients of dilated convolutions in low precision, against those in full precision, in what tasks train."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from tests.tasks.toys import data, trainer
from vmatte_pl.models import RVM, Adapter, MattingNetwork, TinyMatte, VMFormer
from vmatte_pl.models.dilated import mend_gradients
from vmatte_pl.tasks import BuE, BwA, Pretrain
from vmatte_pl.tasks.base import MattingTask
from vmatte_pl.tasks.staged import Stage


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


def dilated_of(network: nn.Module) -> list[nn.Conv2d]:
    return [m for m in network.modules() if isinstance(m, nn.Conv2d) and m.groups > 1 and m.dilation[0] > 1]


@pytest.mark.parametrize(("channels", "groups", "dilation"), [(240, 240, 2), (48, 48, 4), (64, 8, 2)])
def test_dilated_convolutions_in_groups_have_true_gradients(channels: int, groups: int, dilation: int) -> None:
    convolution = nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation, groups=groups)
    convolution.to(memory_format=torch.channels_last)
    mend_gradients(convolution)
    assert_true(convolution)


class Others(MattingNetwork):
    """A network of somebody else's."""

    def __init__(self) -> None:
        super().__init__()
        self.dilated = nn.Conv2d(48, 48, 3, padding=2, dilation=2, groups=48).to(memory_format=torch.channels_last)


@pytest.mark.parametrize(
    "build",
    [
        lambda: Pretrain(RVM()),
        lambda: Pretrain(VMFormer()),
        lambda: Pretrain(Others()),
        lambda: BwA(TinyMatte(), [Adapter("DeepLabV3")]),
        lambda: BuE(TinyMatte(), [Adapter("PAN"), Adapter("DeepLabV3")]),
    ],
    ids=["RVM", "VMFormer", "another's network", "BwA", "BuE"],
)
def test_so_has_whatever_a_task_trains(build: Callable[[], MattingTask]) -> None:
    task = build()
    for _ in range(2):  # as two fits do
        task.configure_model()
    dilated = dilated_of(task.trained)
    assert dilated
    for convolution in dilated:
        assert_true(convolution)


def test_so_has_the_stage_that_a_run_resumes_in() -> None:
    task = BwA(TinyMatte(), [Adapter("Unet"), Adapter("DeepLabV3")])
    task.configure_model()  # Lightning asks for it first, and loads the checkpoint then
    task.begin(Stage([0, 1]))
    dilated = dilated_of(task.trained)
    assert dilated
    for convolution in dilated:
        assert_true(convolution)


def test_a_fit_has_its_network_mended(footage: tuple[Path, Path], tmp_path: Path) -> None:
    torch.manual_seed(0)
    task = BwA(TinyMatte(pretrained=False), [Adapter("DeepLabV3", window=1)])
    trainer(tmp_path).fit(task, datamodule=data(footage))
    dilated = dilated_of(task.trained)
    assert dilated
    assert all(m.weight.stride() == torch.empty(m.weight.shape).stride() for m in dilated)
