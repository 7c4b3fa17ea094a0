from itertools import pairwise
from statistics import NormalDist

import numpy as np
import pytest
from numpy.typing import NDArray

from vmatte_pl.data.light import Grain, Light, ease, relight

FRAMES = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3)).astype(np.uint8)


def test_without_strength_light_changes_nothing() -> None:
    light = Light.draw(3, 0.0, np.random.default_rng(0))
    np.testing.assert_array_equal(relight(FRAMES, [light, light]), FRAMES)


def test_a_brighter_light_brightens_and_no_saturation_is_grey() -> None:
    bright = Light(np.full((3, 3), 1.5), gamma=1, contrast=1, saturation=1)
    np.testing.assert_allclose(relight(FRAMES, [bright]), np.minimum(FRAMES * 1.5, 255), atol=0.51)
    grey = relight(FRAMES, [Light(np.ones((3, 3)), gamma=1, contrast=1, saturation=0)])
    assert (grey == grey[..., :1]).all()


def test_exposure_eases_over_the_frames() -> None:
    exposure = Light.draw(5, 1.0, np.random.default_rng(1)).gain[:, 0]
    steps = np.diff(exposure)
    assert (steps > 0).all() or (steps < 0).all()
    assert abs(exposure[-1] / exposure[0] - 1) < 0.3


def test_easing_goes_from_0_to_1() -> None:
    path = ease(6, np.random.default_rng(2))
    assert path[0] == 0
    assert path[-1] == 1
    assert (np.diff(path) > 0).all()


def grain_of(shape: tuple[int, ...], deviation: float) -> NDArray[np.int64]:
    """What a grain changes of a middle grey."""
    grain = Grain.draw(shape, deviation, np.random.default_rng(0))
    return np.asarray(grain.on(np.full(shape, 128, np.uint8)), np.int64) - 128


def test_grain_is_new_in_every_frame_and_normal() -> None:
    grain = grain_of((2, 64, 64, 3), 5.0)
    assert not np.array_equal(grain[0], grain[1])
    assert abs(grain.mean()) < 0.1
    assert 4.8 < grain.std() < 5.2
    assert (np.abs(grain) <= 5).mean() == pytest.approx(NormalDist(0, 5).cdf(5.5) * 2 - 1, abs=0.02)


@pytest.mark.parametrize("level", [0, 2, 253, 255])
def test_grain_stays_in_range(level: int) -> None:
    shape = (2, 32, 32, 3)
    grain = Grain.draw(shape, 5.0, np.random.default_rng(0)).on(np.full(shape, level, np.uint8))
    np.testing.assert_array_equal(grain, np.clip(level + grain_of(shape, 5.0), 0, 255))


def test_no_two_frames_share_their_grain() -> None:
    grain = grain_of((15, 36, 64, 3), 6.0)
    assert len({frame.tobytes() for frame in grain}) == 15
    neighbours = [abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) for one, other in pairwise(grain)]
    assert max(neighbours) < 0.06
    np.testing.assert_allclose(grain.std(axis=(1, 2, 3)), 6, rtol=0.1)
