from collections.abc import Callable

import pytest
import torch

from vmatte_pl.errors import ConfigError
from vmatte_pl.losses import (
    MattingLoss,
    composition,
    cross_entropy,
    dice,
    haar,
    harm,
    l1,
    laplacian,
    temporal,
    unknown_band,
)
from vmatte_pl.types import ClipBatch


def batch_of(true: torch.Tensor) -> ClipBatch:
    """A batch whose true alpha is ``true``: white over black, so that errors of com are errors of alpha."""
    fgr, bgr = torch.ones(true.shape).expand(-1, -1, 3, -1, -1), torch.zeros(true.shape).expand(-1, -1, 3, -1, -1)
    com = true.expand_as(fgr)
    return ClipBatch(com=com, pha=true, fgr=fgr, bgr=bgr, clip=["0000"], start=torch.tensor([0]))


def square() -> torch.Tensor:
    """The alpha of a square of 16 pixels with a hard edge, in the middle of 64."""
    alpha = torch.zeros(1, 2, 1, 64, 64)
    alpha[..., 24:40, 24:40] = 1
    return alpha


def test_equal_alphas_cost_nothing() -> None:
    alpha = torch.rand(1, 3, 1, 20, 30)
    terms = MattingLoss(haar=1, dice=1, composition=1, unknown=3)(alpha, batch_of(alpha.clone()))
    assert terms.keys() == {"l1", "laplacian", "haar", "temporal", "cross_entropy", "dice", "composition"}
    assert all(term.abs() < 1e-6 for term in terms.values())


def test_cross_entropy_takes_up_a_doubt_where_a_distance_keeps_to_what_is_mostly_right() -> None:
    """Of alphas that nothing tells apart, 4 in 10 are 0: the distance settles on 1, cross-entropy on 0.6."""
    true = (torch.arange(10) < 6).float().view(1, 1, 1, 1, 10)
    tries = [k / 10 for k in range(11)]
    least = {
        loss: min(tries, key=lambda a: float(loss(torch.full_like(true, a), true))) for loss in (l1, cross_entropy)
    }
    assert least == {l1: 1.0, cross_entropy: 0.6}


@pytest.mark.parametrize("soft", [0.3, 0.5, 0.9])
def test_dice_is_least_at_the_true_alpha_also_where_it_is_soft(soft: float) -> None:
    true = square() * soft
    losses = {shift: float(dice(true + shift * square(), true)) for shift in (-0.1, 0.0, 0.1)}
    assert min(losses, key=losses.__getitem__) == 0
    assert losses[0.0] == pytest.approx(0, abs=1e-6)


def test_dice_weighs_a_small_person_like_a_large_one_and_takes_empty_frames() -> None:
    small, large = torch.zeros(1, 1, 1, 64, 64), torch.zeros(1, 1, 1, 64, 64)
    small[..., :16, :16], large[..., :, :] = 1, 1
    torch.testing.assert_close(dice(small / 2, small), dice(large / 2, large), atol=2e-3, rtol=0)
    assert dice(small * 0, small * 0) == 0
    assert dice(small, small * 0) > 0.9


def test_composition_counts_an_error_by_how_much_it_shows() -> None:
    true = square()
    batch = batch_of(true)
    torch.testing.assert_close(composition(true * 0.5, batch), l1(true * 0.5, true))
    camouflage = ClipBatch(**{**batch, "bgr": batch["fgr"], "com": batch["fgr"]})
    assert composition(true * 0.5, camouflage) == 0


def test_the_unknown_band_lies_on_both_sides_of_the_edge() -> None:
    band = unknown_band(square(), radius=3)[0, 0, 0]
    assert band.sum() == 22**2 - 10**2
    assert band[24 - 3, 32] == band[24 + 2, 32] == 1
    assert band[24 - 4, 32] == band[24 + 3, 32] == band[0, 0] == 0
    soft = torch.full((1, 1, 1, 8, 8), 0.5)
    assert unknown_band(soft).eq(1).all()


def test_an_error_in_the_unknown_band_weighs_more() -> None:
    true = square()
    edge, away = true.clone(), true.clone()
    edge[..., 23, 30], away[..., 5, 5] = 0.5, 0.5
    plain, heavy = MattingLoss(), MattingLoss(unknown=4)
    assert plain(edge, batch_of(true))["l1"] == plain(away, batch_of(true))["l1"]
    torch.testing.assert_close(heavy(edge, batch_of(true))["l1"], 4 * heavy(away, batch_of(true))["l1"])


def test_l1_is_in_the_units_of_alpha() -> None:
    assert l1(torch.full((1, 2, 1, 4, 4), 0.75), torch.full((1, 2, 1, 4, 4), 0.5)) == 0.25


@pytest.mark.parametrize("pyramid", [laplacian, haar])
def test_a_pyramid_ignores_a_constant(pyramid: Callable[..., torch.Tensor]) -> None:
    true = torch.zeros(1, 1, 1, 64, 64)
    assert pyramid(true + 0.3, true) < 1e-6


def test_the_laplacian_sees_an_edge() -> None:
    true = torch.zeros(1, 1, 1, 64, 64)
    edge = true.clone()
    edge[..., 32:] = 1
    blurred = torch.nn.functional.avg_pool2d(edge[0], 9, 1, 4)[None]
    assert laplacian(edge, true) > laplacian(edge, blurred) > 0.001


@pytest.mark.parametrize("pyramid", [laplacian, haar])
@pytest.mark.parametrize("size", [(1, 1), (3, 5), (5, 64), (33, 47)])
def test_a_pyramid_takes_small_and_odd_sizes(pyramid: Callable[..., torch.Tensor], size: tuple[int, int]) -> None:
    assert pyramid(torch.rand(1, 1, 1, *size), torch.rand(1, 1, 1, *size)).isfinite()


def test_haar_weighs_a_pixel_by_its_distance_from_the_means_of_its_blocks() -> None:
    wrong = torch.zeros(1, 1, 1, 16, 16)
    wrong[..., 5, 6] = 1  # of 4 pixels of a block, then of 16, 64, 256
    shares = [2 * (1 - 1 / 4) / 256, 2 * (1 / 4) * (1 - 1 / 4) / 64, 2 * (1 / 16) * (1 - 1 / 4) / 16]
    shares += [2 * (1 / 64) * (1 - 1 / 4) / 4]
    expected = sum(2**level / 4 * share for level, share in enumerate(shares))
    assert haar(wrong, torch.zeros_like(wrong)).item() == pytest.approx(expected)


def test_harm_counts_what_became_worse_and_nothing_else() -> None:
    true, before = torch.tensor([0.0, 0.5, 1.0, 1.0]), torch.tensor([0.2, 0.5, 0.6, 0.6])
    torch.testing.assert_close(harm(torch.tensor([0.1, 0.5, 0.9, 0.6]), true, before), torch.tensor(0.0))
    torch.testing.assert_close(harm(torch.tensor([0.0, 0.1, 1.0, 0.4]), true, before), torch.tensor((0.4 + 0.2) / 4))


def test_harm_is_asked_of_what_corrects_an_alpha_and_of_nothing_else() -> None:
    true = square()
    loss = MattingLoss(harm=2)
    assert loss(true / 2, batch_of(true))["harm"] == 0
    torch.testing.assert_close(loss(true / 2, batch_of(true), true)["harm"], l1(true / 2, true) * 2)


def test_where_a_correction_is_right_as_often_as_wrong_harm_leaves_things_as_they_are() -> None:
    """Of alphas that nothing tells apart, 6 in 10 are 1 where the base says 0."""
    true, before = (torch.arange(10) < 6).float(), torch.zeros(10)
    costs = {
        a: {w: l1(torch.full_like(true, a), true) + w * harm(torch.full_like(true, a), true, before) for w in (0, 1)}
        for a in (0.0, 1.0)
    }
    assert costs[1.0][0] < costs[0.0][0]
    assert costs[1.0][1] > costs[0.0][1]


def test_the_temporal_loss_sees_flicker_and_not_a_steady_error() -> None:
    true = torch.rand(1, 4, 1, 8, 8)
    assert temporal(true + 0.2, true) < 1e-12
    flicker = torch.tensor([0.0, 0.1, 0.0, 0.1]).view(1, 4, 1, 1, 1)
    torch.testing.assert_close(temporal(true + flicker, true), torch.tensor(0.01))
    assert temporal(true[:, :1], true[:, :1]) == 0


def test_the_weights_scale_their_terms_and_zero_leaves_one_out() -> None:
    pred, true = torch.rand(1, 2, 1, 16, 16), torch.rand(1, 2, 1, 16, 16)
    terms = MattingLoss(l1=2, laplacian=0, temporal=0.5, cross_entropy=0)(pred, batch_of(true))
    assert terms.keys() == {"l1", "temporal"}
    torch.testing.assert_close(terms["l1"], 2 * l1(pred, true))
    torch.testing.assert_close(terms["temporal"], 0.5 * temporal(pred, true))


def test_a_loss_without_terms_is_refused() -> None:
    with pytest.raises(ConfigError, match="expected a loss with a weight other than 0, found 0 for all"):
        MattingLoss(l1=0, laplacian=0, temporal=0, cross_entropy=0)


def test_half_precision_is_taken_in_float32() -> None:
    pred, true = torch.rand(1, 2, 1, 16, 16, dtype=torch.bfloat16), torch.rand(1, 2, 1, 16, 16)
    loss = MattingLoss(dice=1, composition=1, unknown=2)
    expected = loss(pred.float(), batch_of(true))
    with torch.autocast("cpu", torch.bfloat16):
        terms = loss(pred, batch_of(true))
    assert all(term.dtype == torch.float32 for term in terms.values())
    torch.testing.assert_close(terms, expected, rtol=0, atol=0)


def test_the_composition_needs_backgrounds() -> None:
    batch = batch_of(torch.rand(1, 2, 1, 8, 8))
    del batch["bgr"]
    with pytest.raises(ConfigError, match=r"without their backgrounds in model\.loss\.composition"):
        composition(batch["pha"], batch)
