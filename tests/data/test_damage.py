import pickle

import numpy as np
import pytest

from tests.footage import blob
from vmatte_pl.data.damage import Damage, compose_bytes
from vmatte_pl.data.images import Pixels

SIZE, T = (48, 64), 5


def layers() -> tuple[Pixels, Pixels, Pixels]:
    """A disc of one colour whose foreground is black beyond it, before noise."""
    pha = np.stack([blob(SIZE, np.array((0.5, 0.5)))] * T)
    fgr = np.where(pha[..., None] > 0, (200, 120, 60), 0).astype(np.uint8)
    slope = np.linspace(40, 90, SIZE[1]).astype(np.uint8)
    bgr = np.broadcast_to(slope[:, None], (T, *SIZE, 3)).copy()
    return fgr, pha, bgr


def test_composition_rounds_to_the_nearest_level() -> None:
    fgr, pha, bgr = layers()
    share = pha[..., None] / 255
    exact = fgr * share + bgr * (1 - share)
    assert np.abs(compose_bytes(fgr, pha, bgr) - exact).max() <= 0.5


def test_one_seed_one_damage() -> None:
    damage = Damage(1.0)
    one, same = (damage(*layers(), np.random.default_rng(3)) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(one, same, strict=True))
    again = pickle.loads(pickle.dumps(damage))(*layers(), np.random.default_rng(3))  # noqa: S301 - our own bytes
    assert all(np.array_equal(a, b) for a, b in zip(one, again, strict=True))


def test_what_a_codec_does_touches_the_composition_alone() -> None:
    seen = 0
    for seed in range(12):
        fgr, pha, bgr, com = Damage(1.0)(*layers(), np.random.default_rng(seed))
        difference = np.abs(com.astype(int) - compose_bytes(fgr, pha, bgr))
        seen += bool(difference.max())
        assert difference.mean() < 20
    assert 3 < seen < 12


@pytest.mark.parametrize("seed", range(12))
def test_a_blurred_subject_keeps_its_colour_and_its_share(seed: int) -> None:
    fgr, pha, _ = layers()
    blurred, alpha, _, _ = Damage(3.0)(*layers(), np.random.default_rng(seed))
    assert np.abs(alpha.mean() - pha.mean()) < 0.5
    inside = alpha > 8
    assert np.abs(blurred[inside].astype(int) - (200, 120, 60)).max() <= 2  # no black from beyond the edge
    assert blurred.shape == fgr.shape


def test_focus_is_pulled_smoothly() -> None:
    moved = 0
    for seed in range(20):
        alpha = Damage(3.0)(*layers(), np.random.default_rng(seed))[1].astype(float)
        steps = np.abs(np.diff(alpha, axis=0)).max(axis=(1, 2))
        moved += bool(steps.max())
        assert steps.max() < 40
    assert moved > 5


def test_little_damage_is_possible() -> None:
    *_, com = Damage(0.05)(*layers(), np.random.default_rng(0))
    assert com.shape == (T, *SIZE, 3)
