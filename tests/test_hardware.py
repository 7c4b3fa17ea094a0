import os
import subprocess
import sys

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


@pytest.mark.parametrize(
    ("given", "expected"),
    [({}, "10000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "active"}, "None")],
)
def test_threads_that_wait_soon_sleep_unless_one_says_otherwise(given: dict[str, str], expected: str) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GOMP_", "OMP_"))}
    said = subprocess.run(
        [sys.executable, "-c", "import os, vmatte_pl; print(os.environ.get('GOMP_SPINCOUNT'))"],
        env={**kept, **given},
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.strip() == expected
