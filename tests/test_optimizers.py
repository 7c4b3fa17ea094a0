import pytest
import timm.optim
import torch
from timm.optim import muon
from torch import Tensor, nn

from vmatte_pl.optimizers import Muon


def moved_by(optimizer: type[timm.optim.Muon]) -> Tensor:
    """Return where one step takes filters from 0."""
    filters = nn.Parameter(torch.zeros(16, 8, 3, 3))
    filters.grad = torch.randn(filters.shape, generator=torch.Generator().manual_seed(0))
    optimizer([filters], lr=1.0, adjust_lr_fn="original").step()
    return filters.detach()


def pretend(monkeypatch: pytest.MonkeyPatch, *, bfloat16: bool) -> None:
    monkeypatch.setattr("vmatte_pl.optimizers.has_bfloat16", lambda: bfloat16)


def test_matrices_stay_in_float32_where_bfloat16_would_be_emulated(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, bfloat16=False)
    step, rounded = moved_by(Muon), moved_by(timm.optim.Muon)
    assert torch.equal(rounded.bfloat16().float(), rounded)
    assert not torch.equal(step.bfloat16().float(), step)
    assert torch.allclose(step, rounded, atol=0.1 * float(step.abs().max()))


def test_elsewhere_it_is_timms(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, bfloat16=True)
    assert torch.equal(moved_by(Muon), moved_by(timm.optim.Muon))


def test_timms_own_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, bfloat16=False)
    before = muon.zeropower_via_newtonschulz
    with pytest.raises(ZeroDivisionError):
        Muon([nn.Parameter(torch.ones(8, 8))], lr=1.0).step(lambda: 1 / 0)
    assert muon.zeropower_via_newtonschulz is before
