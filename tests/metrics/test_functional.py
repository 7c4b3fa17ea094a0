from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from numpy.typing import NDArray
from torch import Tensor

from tests.metrics import reference
from tests.metrics.frames import awkward, blurred, pairs
from tests.shared import golden_clips
from vmatte_pl.errors import VmatteError
from vmatte_pl.metrics import functional

Levels = NDArray[np.uint8]

OF_ONE_FRAME = ("mad", "mse", "sad", "grad", "conn")
ALL = (*OF_ONE_FRAME, "dtssd")


def clip(*frames: NDArray[Any]) -> Tensor:
    """(1, T, 1, H, W)."""
    return torch.from_numpy(np.stack(frames))[None, :, None]


def golden() -> dict[str, tuple[Tensor, Tensor, dict[str, list[float]]]]:
    recipe, expected = golden_clips()
    clips = {}
    for name, (pred, true, _) in recipe.clips().items():
        assert [recipe.sha(pred), recipe.sha(true)] == recipe.SHA256[name][:2]
        clips[name] = clip(*pred), clip(*true), expected[name]["exact_whole"]
    return clips


@pytest.mark.parametrize("name", ALL)
def test_golden_values_are_met(name: str) -> None:
    for pred, true, expected in golden().values():
        torch.testing.assert_close(
            getattr(functional, name)(pred, true)[0],
            torch.tensor(expected[name], dtype=torch.float64),
            rtol=1e-12,
            atol=0,
        )


def check_frame(pred: Levels, true: Levels) -> None:
    p, t = clip(pred), clip(true)
    for name in ("mad", "mse", "sad", "grad"):
        expected = getattr(reference, name)(pred, true)
        assert getattr(functional, name)(p, t).item() == pytest.approx(expected, rel=1e-9, abs=1e-12), name
    assert round(functional.conn(p, t).item() * 1e3 * 2550) == reference.conn(pred, true) * 2550


@settings(max_examples=150, deadline=None)
@given(pairs())
def test_a_frame_measures_what_the_definitions_say(pair: tuple[Levels, Levels]) -> None:
    check_frame(*pair)


@pytest.mark.parametrize("case", awkward())
def test_awkward_frames_measure_what_the_definitions_say(case: str) -> None:
    check_frame(*awkward()[case])


@pytest.mark.parametrize("seed", range(4))
def test_fields_in_which_components_come_and_go_measure_what_the_definitions_say(seed: int) -> None:
    check_frame(*blurred(seed, 23 + seed, 41))


@settings(max_examples=50, deadline=None)
@given(pairs(max_side=5), pairs(max_side=5))
@example(awkward()["equal"], awkward()["reversed"])
def test_dtssd_compares_each_frame_with_the_one_before(
    one: tuple[Levels, Levels], other: tuple[Levels, Levels]
) -> None:
    height, width = (min(a, b) for a, b in zip(one[0].shape, other[0].shape, strict=True))
    (p0, t0), (p1, t1) = ([frame[:height, :width].copy() for frame in pair] for pair in (one, other))
    expected = [reference.dtssd(p1, t1, p0, t0), reference.dtssd(p0, t0, p1, t1)]
    values = functional.dtssd(clip(p0, p1, p0), clip(t0, t1, t0))
    assert values.tolist()[0] == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_dtssd_leaves_the_first_frame_out_or_counts_it_as_nothing() -> None:
    pred, true = torch.rand(2, 3, 1, 5, 6), torch.rand(2, 3, 1, 5, 6)
    values, with_first = functional.dtssd(pred, true), functional.dtssd(pred, true, first=True)
    assert values.shape == (2, 2)
    assert torch.equal(with_first, torch.cat([torch.zeros(2, 1), values], 1))
    assert functional.dtssd(pred[:, :1], true[:, :1]).shape == (2, 0)


@pytest.mark.parametrize("name", ALL)
def test_floats_measure_as_the_levels_they_are_stored_at(name: str) -> None:
    generator = torch.Generator().manual_seed(0)
    stored = torch.randint(0, 256, (2, 2, 3, 1, 9, 11), generator=generator, dtype=torch.uint8)
    noise = (torch.rand(stored.shape, generator=generator, dtype=torch.float64) - 0.5) * 0.98
    floats = ((stored + noise) / 255).clamp(0, 1)
    function = getattr(functional, name)
    for dtype in (torch.float32, torch.float64):
        assert torch.equal(function(*floats.to(dtype)), function(*stored))
    assert torch.equal(function(*(stored / 255).half()), function(*stored))  # 2048 steps up to 1, enough for 256


@pytest.mark.parametrize("name", ALL)
def test_each_frame_of_each_clip_is_measured_apart(name: str) -> None:
    pred, true = torch.rand(2, 2, 3, 1, 8, 7, generator=torch.Generator().manual_seed(1))
    function = getattr(functional, name)
    assert torch.equal(function(pred, true), torch.cat([function(pred[b : b + 1], true[b : b + 1]) for b in range(2)]))


@pytest.mark.parametrize("name", ALL)
def test_a_perfect_matte_measures_zero(name: str) -> None:
    alpha = torch.rand(1, 3, 1, 20, 30, generator=torch.Generator().manual_seed(2))
    assert getattr(functional, name)(alpha, alpha).sum() == 0


@settings(max_examples=30, deadline=None)
@given(pairs(max_side=6))
def test_a_mask_keeps_what_counts_and_the_surroundings_it_was_found_in(pair: tuple[Levels, Levels]) -> None:
    pred, true = pair
    region = (pred.astype(int) + true) % 3 > 0
    p, t, mask = clip(pred), clip(true), clip(region)
    count = max(1, region.sum())
    error = np.abs(pred / 255 - true / 255)[region]
    expected = {
        "mad": error.sum() / count * 1e3,
        "mse": (error**2).sum() / count * 1e3,
        "sad": error.sum() / 1e3,
        "grad": reference.grad(pred, true, region),
        "conn": float(reference.conn(pred, true, region) / 1000),
    }
    for name, value in expected.items():
        assert getattr(functional, name)(p, t, mask).item() == pytest.approx(value, rel=1e-9, abs=1e-12), name


@pytest.mark.parametrize("name", ALL)
def test_a_full_mask_is_no_mask_and_an_empty_one_leaves_nothing(name: str) -> None:
    pred, true = torch.rand(2, 1, 3, 1, 8, 7, generator=torch.Generator().manual_seed(3))
    function, everywhere = getattr(functional, name), torch.ones(pred.shape, dtype=torch.bool)
    torch.testing.assert_close(function(pred, true, everywhere), function(pred, true), rtol=1e-12, atol=0)
    assert function(pred, true, ~everywhere).sum() == 0


def test_a_trimap_says_where_alpha_is_unknown() -> None:
    trimap = torch.tensor([0, 128, 255], dtype=torch.uint8).view(1, 1, 1, 1, 3)
    assert functional.unknown(trimap).flatten().tolist() == [False, True, False]
    assert functional.unknown(trimap / 255).flatten().tolist() == [False, True, False]


def test_foreground_colour_is_measured_where_there_is_foreground() -> None:
    generator = torch.Generator().manual_seed(4)
    pred, true = torch.randint(0, 256, (2, 1, 2, 3, 5, 6), generator=generator, dtype=torch.uint8)
    pha = torch.randint(0, 3, (1, 2, 1, 5, 6), generator=generator, dtype=torch.uint8)
    for t in range(2):
        p, q, inside = pred[0, t].numpy() / 255, true[0, t].numpy() / 255, pha[0, t, 0].numpy() > 0
        difference = (p - q)[:, inside]
        assert functional.fgr_mad(pred, true, pha)[0, t].item() == pytest.approx(np.abs(difference).mean() * 1e3)
        assert functional.fgr_mse(pred, true, pha)[0, t].item() == pytest.approx((difference**2).mean() * 1e3)
    assert functional.fgr_mad(pred, true, pha * 0).sum() == 0


@pytest.mark.parametrize("name", ["fgr_mad", "fgr_mse"])
def test_foreground_colour_counts_within_a_mask(name: str) -> None:
    generator = torch.Generator().manual_seed(5)
    pred, true = torch.randint(0, 256, (2, 1, 2, 3, 5, 6), generator=generator, dtype=torch.uint8)
    pha, mask = torch.randint(0, 2, (2, 1, 2, 1, 5, 6), generator=generator, dtype=torch.uint8)
    function = getattr(functional, name)
    assert torch.equal(function(pred, true, pha, mask.bool()), function(pred, true, pha * mask))
    with pytest.raises(VmatteError, match="`mask`"):
        function(pred, true, pha, mask)
    with pytest.raises(VmatteError, match="`true_pha`"):
        function(pred, true, pha[..., :3])


GOOD = torch.zeros(1, 2, 1, 4, 5)
UNFIT = {
    "four dimensions": (GOOD[0], GOOD[0], r"the shape \(B, T, 1, H, W\)"),
    "three channels": (GOOD.expand(1, 2, 3, 4, 5), GOOD.expand(1, 2, 3, 4, 5), r"the shape \(B, T, 1, H, W\)"),
    "no pixels": (GOOD[..., :0], GOOD[..., :0], "at least one pixel"),
    "another size": (GOOD, GOOD[..., :3], r"\(1, 2, 1, 4, 3\), found \(1, 2, 1, 4, 5\) in `pred`"),
    "whole numbers": (GOOD, GOOD.long(), "found torch.int64 in `true`"),
    "too much": (GOOD + 1.01, GOOD, r"found 1\.01 to 1\.01 in `pred`"),
    "too little": (GOOD, GOOD - 0.01, r"found -0\.01 to -0\.01 in `true`"),
    "not a number": (torch.where(torch.arange(5) == 2, torch.nan, GOOD), GOOD, "found nan to nan in `pred`"),
    "infinity": (GOOD, torch.where(torch.arange(5) == 2, torch.inf, GOOD), "found 0 to inf in `true`"),
    "0 to 255 as floats": (GOOD + 255, GOOD, r"values in \[0, 1\]"),
}


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("case", UNFIT)
def test_what_cannot_be_measured_is_named(name: str, case: str) -> None:
    pred, true, message = UNFIT[case]
    with pytest.raises(VmatteError, match=message):
        getattr(functional, name)(pred, true)


def test_a_mask_of_another_shape_or_type_is_named() -> None:
    for mask in (torch.ones(GOOD.shape), torch.ones(1, 2, 4, 5, dtype=torch.bool)):
        with pytest.raises(VmatteError, match="`mask`"):
            functional.mad(GOOD, GOOD, mask)


def test_what_strays_by_rounding_is_clamped() -> None:
    assert functional.mad(GOOD - 1e-4, GOOD).sum() == 0
    assert functional.mad(GOOD + 1 + 1e-4, GOOD + 1).sum() == 0
