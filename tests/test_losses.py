import pytest
import torch

from vmatte_pl.losses import MattingLoss, l1, laplacian, temporal


def test_equal_alphas_cost_nothing() -> None:
    alpha = torch.rand(1, 3, 1, 20, 30)
    assert all(term == 0 for term in MattingLoss()(alpha, alpha.clone()).values())


def test_l1_is_in_the_units_of_alpha() -> None:
    assert l1(torch.full((1, 2, 1, 4, 4), 0.75), torch.full((1, 2, 1, 4, 4), 0.5)) == 0.25


def test_the_laplacian_ignores_a_constant_and_sees_an_edge() -> None:
    true = torch.zeros(1, 1, 1, 64, 64)
    assert laplacian(true + 0.3, true) < 1e-6
    edge = true.clone()
    edge[..., 32:] = 1
    blurred = torch.nn.functional.avg_pool2d(edge[0], 9, 1, 4)[None]
    assert laplacian(edge, true) > laplacian(edge, blurred) > 0.001


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (5, 64), (33, 47)])
def test_the_laplacian_takes_small_and_odd_sizes(size: tuple[int, int]) -> None:
    assert laplacian(torch.rand(1, 1, 1, *size), torch.rand(1, 1, 1, *size)).isfinite()


def test_the_temporal_loss_sees_flicker_and_not_a_steady_error() -> None:
    true = torch.rand(1, 4, 1, 8, 8)
    assert temporal(true + 0.2, true) < 1e-12
    flicker = torch.tensor([0.0, 0.1, 0.0, 0.1]).view(1, 4, 1, 1, 1)
    torch.testing.assert_close(temporal(true + flicker, true), torch.tensor(0.01))
    assert temporal(true[:, :1], true[:, :1]) == 0


def test_the_weights_scale_their_terms_and_zero_leaves_one_out() -> None:
    pred, true = torch.rand(1, 2, 1, 16, 16), torch.rand(1, 2, 1, 16, 16)
    terms = MattingLoss(l1=2, laplacian=0, temporal=0.5)(pred, true)
    assert terms.keys() == {"l1", "temporal"}
    torch.testing.assert_close(terms["l1"], 2 * l1(pred, true))
    torch.testing.assert_close(terms["temporal"], 0.5 * temporal(pred, true))


def test_half_precision_is_taken_in_float32() -> None:
    pred, true = torch.rand(1, 2, 1, 16, 16, dtype=torch.bfloat16), torch.rand(1, 2, 1, 16, 16)
    assert all(term.dtype == torch.float32 for term in MattingLoss()(pred, true).values())
