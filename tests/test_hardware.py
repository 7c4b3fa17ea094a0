import pytest
import torch

from vmatte_pl.hardware import fastest_precision


def pretend(monkeypatch: pytest.MonkeyPatch, *, cuda: bool = False, cuda_bf16: bool = False, cpu: bool = False) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: cuda_bf16)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: cpu)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)


@pytest.mark.parametrize(
    ("machine", "accelerator", "precision"),
    [
        ({"cuda": True, "cuda_bf16": True}, "auto", "bf16-mixed"),
        ({"cuda": True}, "auto", "16-mixed"),
        ({"cuda": True, "cuda_bf16": True}, "cpu", "32-true"),
        ({"cpu": True}, "auto", "bf16-mixed"),
        ({}, "auto", "32-true"),
    ],
)
def test_the_precision_follows_the_machine(
    machine: dict[str, bool], accelerator: str, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, **machine)
    assert fastest_precision(accelerator) == precision
