from pathlib import Path
from typing import get_args

import pytest
import torch

from tests.models.filled import filled, frames, probes
from tests.models.parity import Golden, furthest
from vmatte_pl.errors import CheckpointError
from vmatte_pl.models.vmformer import VMFormer
from vmatte_pl.models.vmformer.attention import _sample_bags, _sample_grids
from vmatte_pl.models.vmformer.network import Generation
from vmatte_pl.models.vmformer.pyramid import pyramid


@pytest.fixture(scope="module", params=get_args(Generation))
def network(request: pytest.FixtureRequest) -> VMFormer:
    return filled(VMFormer(generation=request.param, clip_length=3)).requires_grad_(False)


@pytest.mark.parametrize(
    ("model", "case", "seeds", "size", "pad_to", "tolerance"),
    [
        ("vmformer", "clip4_64x96", [1], (4, 64, 96), 1, 5e-5),
        ("vmformer", "train2x3_72x104", [1, 2], (3, 72, 104), 32, 5e-5),
        ("vmformer_aug2022", "clip4_64x96", [1], (4, 64, 96), 1, 3e-4),
    ],
)
@torch.no_grad()
def test_its_logits_are_the_official_ones(
    model: str, case: str, seeds: list[int], size: tuple[int, int, int], pad_to: int, tolerance: float
) -> None:
    golden = Golden(model)
    official = VMFormer.from_official(golden.weights(), pad_to=pad_to).eval()
    assert {key: tuple(value.shape) for key, value in official.state_dict().items()} == golden.manifest
    clips = torch.cat([golden.frames(*size, seed) for seed in seeds])
    arrays = golden.arrays(case)
    logits = official.logits(clips)[:, :, 0]
    assert furthest(logits if len(seeds) > 1 else logits[0], arrays["logits"]) <= tolerance
    if "alpha" in arrays:
        assert furthest(official(clips)[0][0, :, 0], arrays["alpha"]) <= 1e-5


GOLDEN = {
    "2022-08": [
        -21.279,
        -2.963,
        5.797,
        10.676,
        -39.701,
        -2.776,
        -26.832,
        28.58,
        -27.917,
        22.273,
        -30.053,
        -31.575,
    ],
    "2022-11": [
        -21.279,
        -2.963,
        5.797,
        10.676,
        -16.052,
        -6.199,
        -0.646,
        6.194,
        4.864,
        22.621,
        -7.807,
        -14.132,
    ],
}


@pytest.mark.parametrize("generation", get_args(Generation))
@torch.no_grad()
def test_its_logits_stay_what_they_were_when_they_were_the_official_ones(generation: Generation) -> None:
    logits = filled(VMFormer(generation=generation)).logits(frames(1, 3, 24, 32))
    assert probes(logits) == pytest.approx(GOLDEN[generation], abs=1e-2)


def test_chunks_of_whole_clips_give_the_alphas_of_the_whole(network: VMFormer) -> None:
    video = frames(2, 8, 24, 32)  # clips of 3, 3 and 2
    whole, state = network(video)
    chunks, at = [], 0
    for length in (3, 5):
        alpha, state = network(video[:, at : at + length], state)
        chunks.append(alpha)
        at += length
    assert whole.shape == (2, 8, 1, 24, 32)
    torch.testing.assert_close(torch.cat(chunks, 1), whole, atol=1e-5, rtol=0)


def test_a_clip_is_seen_whole_and_no_further(network: VMFormer) -> None:
    video = frames(1, 6, 24, 32)
    changed = video.clone()
    changed[:, 2] = 0.5
    before, after = network(video)[0], network(changed)[0]
    differs = (before != after).flatten(2).any(-1)[0].tolist()
    assert differs == [True, True, True, False, False, False]


def test_videos_of_a_batch_do_not_see_each_other(network: VMFormer) -> None:
    videos = frames(2, 3, 24, 32)
    torch.testing.assert_close(network(videos)[0][1:], network(videos[1:])[0], atol=2e-4, rtol=0)


@pytest.mark.parametrize("size", [(24, 32), (23, 33), (16, 17), (1, 1)])
@pytest.mark.parametrize("pad_to", [1, 32])
def test_frames_of_any_size_keep_it(network: VMFormer, size: tuple[int, int], pad_to: int) -> None:
    network.pad_to = pad_to
    alpha, _ = network(frames(1, 2, *size))
    network.pad_to = 1
    assert alpha.shape == (1, 2, 1, *size)
    assert alpha.isfinite().all()
    assert alpha.min() >= 0
    assert alpha.max() <= 1


def test_half_precision_costs_alpha_little(network: VMFormer) -> None:
    clip = frames(1, 2, 24, 32)
    with torch.autocast("cpu", torch.bfloat16):
        alpha, _ = network(clip)
    assert alpha.dtype == torch.float32
    assert (alpha - network(clip)[0]).abs().mean() < 0.02


@pytest.mark.parametrize("generation", get_args(Generation))
def test_the_keys_of_a_file_tell_its_generation(generation: Generation, tmp_path: Path) -> None:
    published = filled(VMFormer(generation=generation))
    torch.save({"model": published.state_dict(), "epoch": 35}, tmp_path / "vmformer.pth")
    loaded = VMFormer(str(tmp_path / "vmformer.pth"))
    assert type(loaded.mask_head) is type(published.mask_head)
    assert all(torch.equal(value, loaded.state_dict()[key]) for key, value in published.state_dict().items())


def test_a_file_with_more_queries_loads_too(network: VMFormer) -> None:
    weights = network.state_dict()
    weights["query_embed.weight"] = torch.randn(5, 512)
    assert VMFormer.from_official(weights).query_embed.num_embeddings == 5


def test_the_weights_of_another_network_are_refused() -> None:
    with pytest.raises(CheckpointError, match="tensors of VMFormer"):
        VMFormer.from_official({"encoder.conv1.weight": torch.zeros(64, 3, 7, 7)})


@pytest.mark.parametrize("spread", [0.5, 50.0])  # within a pixel or two, and far outside of every level
def test_both_ways_to_sample_agree_in_values_and_gradients(spread: float) -> None:
    levels = pyramid(torch.zeros(16, 20, dtype=torch.bool), [(4, 5), (3, 3), (1, 2)])
    seed = torch.Generator().manual_seed(0)
    value = torch.randn(2, 31, 256, generator=seed).requires_grad_()
    points = (2 + spread * torch.randn(2, 6, 8, 3, 4, 2, generator=seed)).requires_grad_()
    weights = torch.randn(2, 6, 8, 3, 4, generator=seed).requires_grad_()
    bags = _sample_bags(value, points, weights, levels)
    grids = _sample_grids(value, points, weights, levels)
    torch.testing.assert_close(bags, grids, atol=1e-4, rtol=1e-4)
    gradients = [torch.autograd.grad(x.sum(), (value, points, weights)) for x in (bags, grids)]
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-3, rtol=1e-3)


def test_a_padded_image_is_laid_out_by_what_is_not_padding() -> None:
    padded = torch.ones(32, 32, dtype=torch.bool)
    padded[:16, :24] = False
    levels = pyramid(padded, [(8, 8), (4, 4)])
    assert levels.shares.tolist() == [[0.75, 0.5], [0.75, 0.5]]
    assert (~levels.padded).sum() == 6 * 4 + 3 * 2
    assert levels.references[0, 0].tolist() == pytest.approx([0.5 / 8, 0.5 / 8])  # of the whole level
    assert levels.position.shape == (80, 256)
