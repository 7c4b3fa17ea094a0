import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from vmatte_pl.data.images import Pixels
from vmatte_pl.data.mattes import redraw_edges


@pytest.fixture
def disc() -> Pixels:
    """Two frames of a disc with an edge of a few pixels."""
    frames = [cv2.circle(np.zeros((64, 96), np.uint8), (40 + t, 32), 20, 255, -1, cv2.LINE_AA) for t in range(2)]
    return np.stack([cv2.GaussianBlur(frame, (0, 0), 1.5) for frame in frames])


def test_edges_become_softer_and_harder_and_wider_and_narrower(disc: Pixels) -> None:
    redrawn = [redraw_edges(disc, np.random.default_rng(seed)) for seed in range(60)]
    size = np.array([alpha.mean() for alpha in redrawn]) / disc.mean()
    soft = np.array([((alpha > 12) & (alpha < 243)).sum() for alpha in redrawn]) / ((disc > 12) & (disc < 243)).sum()
    assert size.min() < 0.95
    assert size.max() > 1.02
    assert soft.min() < 0.8
    assert soft.max() > 1.05


@pytest.mark.parametrize("softest", [0.0, 3.0])
@pytest.mark.parametrize("seed", range(8))
def test_what_is_sure_stays(disc: Pixels, seed: int, softest: float) -> None:
    alpha = redraw_edges(disc, np.random.default_rng(seed), softest)
    assert alpha.dtype == np.uint8
    assert not alpha[disc == 0].any()  # there is no colour to show
    inside = np.stack([cv2.erode(frame, np.ones((9, 9))) == 255 for frame in disc])
    assert (alpha[inside] == 255).all()


def test_the_frames_of_a_window_are_redrawn_alike(disc: Pixels) -> None:
    alpha = redraw_edges(disc, np.random.default_rng(3))
    assert np.array_equal(alpha[0, :, :-1], alpha[1, :, 1:])


def _sides(alpha: Pixels) -> NDArray[np.float64]:
    """Return how wide the disc's edge is to its left, right, top and bottom, in pixels."""
    soft = ((alpha > 12) & (alpha < 243)).astype(float)
    across, down = soft[28:36].mean(0), soft[:, 36:44].mean(1)
    return np.array([across[:40].sum(), across[40:].sum(), down[:32].sum(), down[32:].sum()])


def test_patches_of_edges_become_softer_than_the_others(disc: Pixels) -> None:
    alike, patched = (
        [redraw_edges(disc, np.random.default_rng(seed), softest)[0] for seed in range(40)] for softest in (0.0, 8.0)
    )
    assert max(np.ptp(_sides(alpha)) for alpha in alike) < 1
    assert np.mean([np.ptp(_sides(alpha)) > 2 for alpha in patched]) > 0.1
