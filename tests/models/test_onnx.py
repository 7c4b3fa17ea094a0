import copy
import hashlib
import pickle
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from onnx import TensorProto

from tests.models.filled import frames
from tests.models.graphs import MASK, NCHW, constant, graph, grey, node, recurrent
from vmatte_pl.errors import ConfigError
from vmatte_pl.models.base import Frozen
from vmatte_pl.models.foreign import Memory
from vmatte_pl.models.onnx import OnnxNetwork


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "network.onnx"


def mean_colour(video: torch.Tensor) -> torch.Tensor:
    return video.mean(2, keepdim=True)


def test_every_frame_gets_the_alpha_that_the_graph_returns(path: Path) -> None:
    video = frames(2, 3, 12, 17)
    alpha, state = OnnxNetwork(grey(path))(video)
    assert state is None
    torch.testing.assert_close(alpha, mean_colour(video))


@pytest.mark.parametrize("batch", [1, 2, 4, 100])
def test_frames_may_be_given_in_batches(path: Path, batch: int) -> None:
    video = frames(2, 3, 8, 8)
    torch.testing.assert_close(OnnxNetwork(grey(path), batch=batch)(video)[0], mean_colour(video))


def test_an_image_with_channels_last_is_told_by_its_shape(path: Path) -> None:
    mean = node("ReduceMean", "image", "alpha", axes=[3], keepdims=1)
    graph(path, [mean], {"image": ("n", "h", "w", 3)}, {"alpha": ("n", "h", "w", 1)})
    video = frames(1, 2, 8, 12)
    torch.testing.assert_close(OnnxNetwork(str(path))(video)[0], mean_colour(video))


def test_an_alpha_may_come_without_channels(path: Path) -> None:
    mean = node("ReduceMean", "image", "alpha", axes=[1], keepdims=0)
    graph(path, [mean], {"image": NCHW}, {"alpha": ("n", "h", "w")})
    video = frames(1, 2, 8, 12)
    torch.testing.assert_close(OnnxNetwork(str(path))(video)[0], mean_colour(video))


@pytest.mark.parametrize(("dtype", "atol"), [(TensorProto.UINT8, 1 / 255), (TensorProto.FLOAT16, 1e-3)])
def test_images_of_other_types_are_told_by_the_graph(path: Path, dtype: int, atol: float) -> None:
    nodes = [
        node("Cast", "image", "float", to=TensorProto.FLOAT),
        constant("scale", 1 / 255 if dtype == TensorProto.UINT8 else 1.0),
        node("Mul", "float scale", "scaled"),
        node("ReduceMean", "scaled", "alpha", axes=[1], keepdims=1),
    ]
    graph(path, nodes, {"image": NCHW}, {"alpha": MASK}, dtype)
    video = frames(1, 2, 8, 8)
    torch.testing.assert_close(OnnxNetwork(str(path))(video)[0], mean_colour(video), atol=atol, rtol=0)


def test_frames_are_resized_to_a_fixed_input_and_alphas_back(path: Path) -> None:
    network = OnnxNetwork(grey(path, (1, 3, 16, 24), (1, 1, 16, 24)))
    assert network.size == [16, 24]
    video = torch.linspace(0, 1, 40).expand(1, 2, 3, 33, 40)  # a ramp survives resizing
    alpha, _ = network(video)
    assert alpha.shape == (1, 2, 1, 33, 40)
    torch.testing.assert_close(alpha, mean_colour(video), atol=0.03, rtol=0)


@pytest.mark.parametrize(("size", "seen"), [(16, (16, 32)), ([10, 30], (10, 30)), (None, (24, 48))])
def test_size_is_the_shorter_side_or_both(
    path: Path, size: Any, seen: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    network = OnnxNetwork(grey(path), size=size)
    shapes = []
    run = network.run

    def watched(image: torch.Tensor, memory: Memory) -> tuple[torch.Tensor, Memory]:
        shapes.append(image.shape)
        return run(image, memory)

    monkeypatch.setattr(network, "run", watched)
    assert network(frames(1, 1, 24, 48))[0].shape == (1, 1, 1, 24, 48)
    assert shapes == [(1, 3, *seen)]


def test_sides_are_padded_to_a_multiple_and_alphas_cropped(path: Path) -> None:
    nodes = [
        node("SpaceToDepth", "image", "blocks", blocksize=8),  # refuses sides that are no multiples of 8
        node("DepthToSpace", "blocks", "same", blocksize=8),
        node("ReduceMean", "same", "alpha", axes=[1], keepdims=1),
    ]
    graph(path, nodes, {"image": NCHW}, {"alpha": MASK})
    video = frames(1, 2, 13, 22)
    torch.testing.assert_close(OnnxNetwork(str(path), multiple=8)(video)[0], mean_colour(video))
    with pytest.raises(ConfigError, match="set size or multiple"):
        OnnxNetwork(str(path))(video)


def test_a_smaller_alpha_is_brought_to_the_size_of_the_frames(path: Path) -> None:
    nodes = [
        node("ReduceMean", "image", "grey", axes=[1], keepdims=1),
        node("AveragePool", "grey", "alpha", kernel_shape=[4, 4], strides=[4, 4]),
    ]
    graph(path, nodes, {"image": NCHW}, {"alpha": MASK})
    alpha, _ = OnnxNetwork(str(path))(torch.full((1, 1, 3, 16, 24), 0.25))
    torch.testing.assert_close(alpha, torch.full((1, 1, 1, 16, 24), 0.25))


def test_colours_are_normalised(path: Path) -> None:
    mean, std = [0.1, 0.2, 0.3], [2.0, 4.0, 5.0]
    network = OnnxNetwork(grey(path), mean=mean, std=std, activation="sigmoid")
    video = frames(1, 2, 8, 8)
    normalised = (video - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)
    torch.testing.assert_close(network(video)[0], mean_colour(normalised).sigmoid())


def test_minmax_stretches_each_frame(path: Path) -> None:
    video = 0.2 + frames(1, 2, 8, 8) / 2
    alpha, _ = OnnxNetwork(grey(path), activation="minmax")(video)
    assert alpha.amin((2, 3, 4)).tolist() == [[0, 0]]
    assert alpha.amax((2, 3, 4)).tolist() == [[1, 1]]
    flat, _ = OnnxNetwork(str(path), activation="minmax")(torch.ones(1, 1, 3, 8, 8))
    assert flat.isfinite().all()


def test_a_channel_may_be_chosen_after_a_softmax(path: Path) -> None:
    graph(path, [node("Identity", "image", "classes")], {"image": NCHW}, {"classes": NCHW})
    video = frames(1, 2, 8, 8)
    chosen = OnnxNetwork(str(path), activation="softmax", channel=2)(video)[0]
    torch.testing.assert_close(chosen, video.softmax(2)[:, :, 2:])
    with pytest.raises(ConfigError, match=r"found 3 channels in .*; set channel"):
        OnnxNetwork(str(path))(video)


def test_logits_do_not_pass_for_alphas(path: Path) -> None:
    network = OnnxNetwork(grey(path), mean=[2.0, 2.0, 2.0])
    with pytest.raises(ConfigError, match=r"found values from -1\.\d+ to .*; set activation"):
        network(frames(1, 1, 8, 8))


def test_one_of_several_alphas_is_named_or_counted(path: Path) -> None:
    nodes = [
        node("ReduceMean", "image", "fine", axes=[1], keepdims=1),
        node("ReduceMax", "image", "coarse", axes=[1], keepdims=1),
    ]
    graph(path, nodes, {"image": NCHW}, {"fine": MASK, "coarse": MASK})
    with pytest.raises(ConfigError, match=r"found fine, coarse in .*; set alpha to its name"):
        OnnxNetwork(str(path))
    with pytest.raises(ConfigError, match="one of the outputs fine, coarse, found rough"):
        OnnxNetwork(str(path), alpha="rough")
    with pytest.raises(ConfigError, match="one of the outputs 0, 1, found 2"):
        OnnxNetwork(str(path), alpha=2)
    video = frames(1, 1, 8, 8)
    for alpha in ("coarse", 1):
        torch.testing.assert_close(OnnxNetwork(str(path), alpha=alpha)(video)[0], video.amax(2, keepdim=True))


def test_what_is_remembered_is_told_by_names_and_starts_as_zero(path: Path) -> None:
    network = OnnxNetwork(recurrent(path), constants={"downsample_ratio": 1.0})
    assert network.wiring.states == {"r1i": "r1o"}
    video = frames(1, 3, 8, 8)
    grey = mean_colour(video)
    alpha, state = network(video)
    first = grey[:, 0] / 2
    second = (first + grey[:, 1]) / 2
    expected = [first, second, (second + grey[:, 2]) / 2]
    torch.testing.assert_close(alpha, torch.stack(expected, 1))
    torch.testing.assert_close(state[0]["r1i"], expected[-1])


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("length", [1, 2])
def test_chunks_give_the_alphas_of_the_whole(path: Path, batch: int, length: int) -> None:
    network = OnnxNetwork(recurrent(path), constants={"downsample_ratio": 1.0}, batch=batch)
    videos = frames(3, 5, 8, 8)
    whole, _ = network(videos)
    state, alphas = None, []
    for chunk in torch.split(videos, length, 1):
        alpha, state = network(chunk, state)
        alphas.append(alpha)
    torch.testing.assert_close(torch.cat(alphas, 1), whole)
    torch.testing.assert_close(network(videos[2:])[0], whole[2:])


def test_states_may_be_named(path: Path) -> None:
    settings: dict[str, Any] = {"states": {"r1i": "r1o"}, "image": "src", "alpha": "pha"}
    network = OnnxNetwork(recurrent(path), constants={"downsample_ratio": 0.5}, **settings)
    video = frames(1, 1, 8, 8)
    torch.testing.assert_close(network(video)[0], mean_colour(video) / 4)
    with pytest.raises(ConfigError, match="one of the inputs src, r1i, downsample_ratio, found r9i"):
        OnnxNetwork(str(path), states={"r9i": "r1o"})


def test_an_input_without_a_value_is_asked_for(path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none for downsample_ratio in .*; set constants, for instance"):
        OnnxNetwork(recurrent(path))


def test_a_file_that_is_missing_or_broken_is_named(path: Path) -> None:
    with pytest.raises(ConfigError, match=r"found nothing in .*network\.onnx"):
        OnnxNetwork(str(path))
    path.write_bytes(b"<html>")
    with pytest.raises(ConfigError, match="expected an ONNX file"):
        OnnxNetwork(str(path))


def test_without_onnx_runtime_the_extra_is_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    grey(path)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ConfigError, match=r"pip install 'vmatte\[onnx\]'"):
        OnnxNetwork(str(path))


def test_it_has_as_many_threads_as_pytorch(path: Path) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(before + 1)
    try:
        session = OnnxNetwork(grey(path))._session(torch.device("cpu"))
    finally:
        torch.set_num_threads(before)
    assert session.get_session_options().intra_op_num_threads == before + 1


def pickled(network: OnnxNetwork) -> Any:
    return pickle.loads(pickle.dumps(network))  # noqa: S301 - our own, as between processes


@pytest.mark.parametrize("duplicate", [copy.deepcopy, pickled])
def test_copies_work_and_nothing_of_it_is_saved(path: Path, duplicate: Any) -> None:
    network = OnnxNetwork(grey(path))
    video = frames(1, 1, 8, 8)
    torch.testing.assert_close(duplicate(network)(video)[0], network(video)[0])
    assert network.state_dict() == {}
    assert network.source == str(path)


def test_what_is_trained_on_its_alpha_gets_gradients(path: Path) -> None:
    network = Frozen(OnnxNetwork(grey(path)))
    weight = torch.ones((), requires_grad=True)
    alpha, _ = network(frames(1, 1, 8, 8))
    (gradient,) = torch.autograd.grad((alpha * weight).mean(), weight)
    assert gradient > 0


def test_its_fingerprint_is_that_of_the_file(path: Path, tmp_path: Path) -> None:
    network = Frozen(OnnxNetwork(grey(path)))
    assert network.fingerprint() == hashlib.sha256(path.read_bytes()).hexdigest()
    other = grey(tmp_path / "other.onnx", ("n", 3, 8, 8), ("n", 1, 8, 8))
    assert OnnxNetwork(other).fingerprint() != network.fingerprint()
