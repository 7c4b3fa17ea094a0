import pytest
import torch

from vmatte_pl.models.colours import CLUES, colour_clues, known_colours


def halves(height: int = 40, width: int = 64) -> tuple[torch.Tensor, torch.Tensor]:
    """A red foreground on the left of a blue background, with a soft edge of 8 pixels, and its alpha."""
    alpha = ((width / 2 + 4 - torch.arange(width)) / 8).clamp(0, 1).expand(1, 1, height, width).clone()
    red, blue = (torch.tensor(colour).view(1, 3, 1, 1) for colour in ([0.9, 0.1, 0.2], [0.1, 0.2, 0.8]))
    return torch.lerp(blue, red, alpha), alpha


def test_known_colours_stay_and_are_carried_on() -> None:
    frames, alpha = halves()
    known = (alpha > 0.95).float()
    carried = known_colours(frames * known + torch.rand_like(frames) * (1 - known), known)
    red = frames[..., :1].expand_as(frames)
    torch.testing.assert_close(carried, red, atol=0.03, rtol=0)


def test_each_pixel_gets_the_known_colour_that_is_near_it() -> None:
    frames = torch.zeros(1, 3, 64, 256)
    frames[..., 128:] = 1
    known = torch.ones(1, 1, 64, 256)
    known[..., 40:60], known[..., 200:220] = 0, 0
    carried = known_colours(frames, known)
    assert carried[..., 45:55].max() < 0.05
    assert carried[..., 205:215].min() > 0.95


def test_nothing_known_is_grey() -> None:
    frames = torch.rand(1, 3, 20, 30)
    torch.testing.assert_close(known_colours(frames, torch.zeros(1, 1, 20, 30)), torch.full_like(frames, 0.5))


def test_the_mixture_tells_the_true_alpha_where_the_given_one_is_hard() -> None:
    frames, alpha = halves()
    hard = (alpha > 0.5).float()
    hard[..., 30:36] = 0.5  # unsure where the edge is
    mixture = (colour_clues(frames, hard)[:, :1] + 1) / 2
    torch.testing.assert_close(mixture, alpha, atol=0.06, rtol=0)


def test_the_clues_are_those_of_any_colours() -> None:
    frames, alpha = halves()
    turned = frames[:, [2, 0, 1]]  # another person before another wall
    torch.testing.assert_close(colour_clues(frames, alpha)[:, :4], colour_clues(turned, alpha)[:, :4])


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (64, 17), (90, 161)])
@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_any_size_and_any_alpha_give_finite_clues(size: tuple[int, int], level: float) -> None:
    clues = colour_clues(torch.rand(2, 3, *size), torch.full((2, 1, *size), level))
    assert clues.shape == (2, CLUES, *size)
    assert clues.isfinite().all()
    assert clues.abs().max() <= 4
