import numpy as np
import pytest
import torch

from vmatte_pl.data.compose import compose
from vmatte_pl.data.demo import Recipe, render_background, render_foreground
from vmatte_pl.models import TinyMatte


@torch.no_grad()
def test_the_shipped_weights_tell_people_from_places() -> None:
    recipe = Recipe(frames=(1, 1, 1))
    fgr, pha = render_foreground("train", 0, recipe)
    bgr = render_background("train", 0, recipe)
    true = torch.from_numpy(pha[:1, None] / np.float32(255))
    com = compose(*(torch.from_numpy(x).movedim(-1, -3) / 255 if x.ndim == 4 else true for x in (fgr, pha, bgr)))
    alpha, state = TinyMatte().eval()(com[None])
    assert state is None
    assert (alpha[0] - true).abs().mean() < 0.5 * true.mean()
    assert alpha[0][true > 0.99].mean() > 0.7


@pytest.mark.parametrize("size", [(32, 32), (33, 65), (7, 90)])
@torch.no_grad()
def test_any_size_goes(size: tuple[int, int]) -> None:
    alpha, _ = TinyMatte(pretrained=False).eval()(torch.rand(1, 2, 3, *size))
    assert alpha.shape == (1, 2, 1, *size)
    assert alpha.min() >= 0
    assert alpha.max() <= 1


def test_the_shipped_weights_are_small() -> None:
    assert sum(p.numel() for p in TinyMatte(pretrained=False).parameters()) * 4 < 5e6
