from pathlib import Path
from typing import Any

import onnx
import pytest
import torch
from onnx import helper, numpy_helper
from torch import Tensor

from tests.models.filled import filled, frames
from tests.models.parity import Golden, furthest
from vmatte_pl.errors import CheckpointError, ConfigError
from vmatte_pl.models.rvm import RVM
from vmatte_pl.models.rvm.onnx_weights import _normalised

TOLERANCE = 1e-5  # the parity kit's


@pytest.fixture(scope="module")
def network() -> RVM:
    return filled(RVM(downsample_ratio=1.0)).requires_grad_(False)


def in_chunks(network: RVM, video: Tensor, length: int) -> tuple[Tensor, Tensor, Any]:
    state, alphas, fgrs = None, [], []
    for chunk in torch.split(video, length, 1):
        alpha, fgr, state = network.layers(chunk, state)
        alphas.append(alpha)
        fgrs.append(fgr)
    return torch.cat(alphas, 1), torch.cat(fgrs, 1), state


@pytest.mark.parametrize("length", [1, 2, 3])
@pytest.mark.parametrize(
    ("case", "size", "ratio"),
    [("seq3_80x112_ratio1", (3, 80, 112), 1.0), ("seq2_128x160_ratio025", (2, 128, 160), 0.25)],
)
@torch.no_grad()
def test_it_computes_what_the_official_code_does(
    case: str, size: tuple[int, int, int], ratio: float, length: int
) -> None:
    golden = Golden("rvm")
    official = RVM.from_official(golden.weights(), downsample_ratio=ratio).eval()
    assert {key: tuple(value.shape) for key, value in official.state_dict().items()} == golden.manifest
    alpha, fgr, state = in_chunks(official, golden.frames(*size), length)
    r1, r2, r3, r4 = (memory[0] for memory in state)
    ours = {"pha": alpha[0, :, 0], "fgr_s2": fgr[0, :, :, ::2, ::2]}
    ours |= {"r1_c4": r1[::4], "r2": r2, "r3": r3, "r4": r4}
    arrays = golden.arrays(case)
    assert arrays.keys() == ours.keys()
    for name, array in arrays.items():
        assert furthest(ours[name], array) <= TOLERANCE, name


@pytest.mark.parametrize("ratio", [1.0, 0.5])
def test_chunks_give_the_alphas_of_the_whole(network: RVM, ratio: float) -> None:
    video = frames(2, 5, 40, 48)
    network.downsample_ratio = ratio
    whole, state = network(video)
    first, passed = network(video[:, :2])
    second, passed = network(video[:, 2:3], passed)
    third, passed = network(video[:, 3:], passed)
    network.downsample_ratio = 1.0
    torch.testing.assert_close(torch.cat([first, second, third], 1), whole, atol=1e-5, rtol=0)
    torch.testing.assert_close(passed, state, atol=1e-5, rtol=0)


def test_it_remembers_and_a_new_video_starts_afresh(network: RVM) -> None:
    video = frames(1, 2, 32, 32)
    _, state = network(video[:, :1])
    remembering, fresh = network(video[:, 1:], state)[0], network(video[:, 1:])[0]
    assert (remembering - fresh).abs().max() > 1e-3
    torch.testing.assert_close(network(video[:, 1:])[0], fresh, atol=0, rtol=0)


def test_videos_of_a_batch_do_not_see_each_other(network: RVM) -> None:
    videos = frames(2, 3, 32, 48)
    torch.testing.assert_close(network(videos)[0][1:], network(videos[1:])[0], atol=1e-5, rtol=0)


@pytest.mark.parametrize("size", [(33, 47), (1, 1), (16, 90)])
@pytest.mark.parametrize("refine", [None, True])
def test_frames_of_any_size_keep_it(network: RVM, size: tuple[int, int], refine: bool | None) -> None:
    network.refine = refine
    alpha, fgr, _ = network.layers(frames(1, 2, *size))
    network.refine = None
    for layer, channels in ((alpha, 1), (fgr, 3)):
        assert layer.shape == (1, 2, channels, *size)
        assert layer.min() >= 0
        assert layer.max() <= 1


def test_without_a_ratio_it_looks_at_512_pixels_at_most(network: RVM) -> None:
    seen: list[torch.Size] = []
    handle = network.backbone.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].shape))
    network.downsample_ratio = None
    for size in ((24, 1024), (24, 512), (24, 100)):
        network(frames(1, 1, *size))
    network.downsample_ratio = 1.0
    handle.remove()
    assert [shape[-2:] for shape in seen] == [(12, 512), (24, 512), (24, 100)]


def test_a_ratio_that_enlarges_is_refused() -> None:
    with pytest.raises(ConfigError, match="downsample_ratio"):
        RVM(downsample_ratio=4)


def test_a_permuted_view_is_read_as_what_it_is(network: RVM) -> None:
    video = frames(1, 2, 32, 48)
    view = video.movedim(2, -1).contiguous().movedim(-1, 2)  # as decoders give them
    assert not view.is_contiguous()
    torch.testing.assert_close(network(view)[0], network(video)[0], atol=1e-5, rtol=0)


def test_under_autocast_only_what_rounding_does_not_hurt_runs_in_16_bits(network: RVM) -> None:
    dtypes: dict[str, torch.dtype] = {}
    parts = ("backbone.features.0", "backbone.features.6", "backbone.features.8", "decoder", "refiner")
    handles = [
        network.get_submodule(part).register_forward_hook(
            lambda _, __, output, part=part: dtypes.update(
                {part: (output[0] if isinstance(output, tuple) else output).dtype}
            )
        )
        for part in parts
    ]
    network.downsample_ratio = 0.5
    with torch.autocast("cpu", torch.bfloat16):
        alpha, _ = network(frames(1, 2, 64, 64))
    network.downsample_ratio = 1.0
    for handle in handles:
        handle.remove()
    full, half = torch.float32, torch.bfloat16
    assert dtypes == dict(zip(parts, (full, full, half, half, full), strict=True))
    assert alpha.dtype == full


def test_its_outputs_have_not_moved(network: RVM) -> None:
    network.downsample_ratio = 0.5
    alpha, fgr, state = network.layers(frames(1, 2, 64, 96))
    network.downsample_ratio = 1.0
    probes = torch.stack([x.flatten()[:: x.numel() // 4] for x in (alpha, fgr, *state)])
    expected = torch.tensor(  # of this network, when it computed what the official code does
        [
            [0.0575, 0.0000, 0.5863, 0.0000],
            [0.6304, 0.8268, 1.0000, 1.0000],
            [-0.2307, -0.1132, -0.2562, 0.0856],
            [0.1896, 0.3132, 0.5146, 0.0901],
            [0.2400, -0.1088, -0.3151, -0.1039],
            [0.3380, 0.0907, -0.3237, 0.3129],
        ]
    )
    torch.testing.assert_close(probes, expected, atol=1e-4, rtol=0)


NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


def exported(network: RVM, path: Path) -> str:
    """Write the weights as the official export has them: batch norms folded, their names lost."""
    weights = {key: value for key, value in network.state_dict().items() if not key.startswith("project_seg")}
    nodes, folded = [], {}
    for number, (convolution, norm, eps) in enumerate(_normalised(network)):
        weight, bias, mean, var, _ = (weights.pop(f"{norm}.{name}") for name in NORM)
        scale = weight / (var + eps).sqrt()
        folded[f"{2 * number}"] = weights.pop(f"{convolution}.weight") * scale.view(-1, 1, 1, 1)
        folded[f"{2 * number + 1}"] = bias - mean * scale
        nodes.append(helper.make_node("Conv", ["x", f"{2 * number}", f"{2 * number + 1}"], ["y"]))
    values = (weights | folded).items()
    initialisers = [numpy_helper.from_array(value.numpy(), name) for name, value in values]
    onnx.save(helper.make_model(helper.make_graph(nodes, "rvm", [], [], initialisers)), path)
    return str(path)


def test_weights_come_from_its_onnx_file_too(network: RVM, tmp_path: Path) -> None:
    loaded = RVM(exported(network, tmp_path / "rvm.onnx"), downsample_ratio=0.5).eval()
    network.downsample_ratio = 0.5
    video = frames(1, 2, 48, 64)
    with torch.no_grad():
        torch.testing.assert_close(loaded(video)[0], network(video)[0], atol=1e-5, rtol=0)
    network.downsample_ratio = 1.0
    assert loaded.source == str(tmp_path / "rvm.onnx")


def test_another_onnx_file_is_refused(tmp_path: Path) -> None:
    graph = helper.make_graph([helper.make_node("Conv", ["x", "w", "b"], ["y"])], "other", [], [], [])
    onnx.save(helper.make_model(graph), tmp_path / "other.onnx")
    with pytest.raises(CheckpointError, match="convolutions with a folded batch norm, found 1"):
        RVM(str(tmp_path / "other.onnx"))
    (tmp_path / "page.onnx").write_bytes(b"<html>")
    with pytest.raises(CheckpointError, match="an ONNX file"):
        RVM(str(tmp_path / "page.onnx"))


def test_weights_come_from_the_official_file(network: RVM, tmp_path: Path) -> None:
    torch.save(network.state_dict(), tmp_path / "rvm_mobilenetv3.pth")
    loaded = RVM(str(tmp_path / "rvm_mobilenetv3.pth"))
    assert all(torch.equal(value, loaded.state_dict()[key]) for key, value in network.state_dict().items())
