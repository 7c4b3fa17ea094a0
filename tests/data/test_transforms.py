import numpy as np
import pytest

from tests.footage import blob
from vmatte_pl.data.transforms import Augment, Layers, fit_layers
from vmatte_pl.data.views import find_subject

SIZE, T = (36, 64), 4


def layers(centre: tuple[float, float] = (0.5, 0.5), frame: tuple[int, int] = (90, 120)) -> Layers:
    """A foreground whose red channel equals its alpha, over noise."""
    pha = np.stack([blob(frame, np.array(centre))] * T)
    fgr = np.stack([pha, np.full_like(pha, 90), np.full_like(pha, 90)], axis=-1)
    bgr = np.random.default_rng(0).integers(0, 255, (T, 50, 70, 3)).astype(np.uint8)
    return Layers(fgr, pha, bgr)


def unlit() -> Augment:
    return Augment(SIZE, light=0.0, noise=0.0)


@pytest.mark.parametrize("seed", range(20))
def test_foreground_and_alpha_share_their_geometry(seed: int) -> None:
    out = unlit()(*layers(), np.random.default_rng(seed))
    assert np.abs(out.fgr[..., 0].astype(int) - out.pha).max() <= 1


def test_colour_and_noise_never_touch_the_alpha() -> None:
    for seed in range(10):
        plain = unlit()(*layers(), np.random.default_rng(seed))
        lit = Augment(SIZE, light=2.0, noise=20.0)(*layers(), np.random.default_rng(seed))
        np.testing.assert_array_equal(lit.pha, plain.pha)
        assert not np.array_equal(lit.fgr, plain.fgr)


def test_motion_is_smooth() -> None:
    moving = Augment(SIZE, still=0.0, light=0.0, noise=0.0)
    for seed in range(10):
        pha = moving(*layers(), np.random.default_rng(seed)).pha.astype(float)
        y, x = np.mgrid[: SIZE[0], : SIZE[1]]
        path = np.array([[(frame * x).sum(), (frame * y).sum()] for frame in pha]) / pha.sum(axis=(1, 2))[:, None]
        steps = np.linalg.norm(np.diff(path, axis=0), axis=1)
        assert 0 < steps.max() < 0.15 * SIZE[0]


def test_the_subject_stays_in_the_picture() -> None:
    shares = [float((unlit()(*layers((0.2, 0.6)), np.random.default_rng(seed)).pha > 128).mean()) for seed in range(40)]
    assert min(shares) > 0.01


def test_a_cut_subject_stays_cut_outside_of_the_picture() -> None:
    """A disc across the frame's lower edge must reach down to the picture's lower edge."""
    for seed in range(40):
        pha = unlit()(*layers((0.5, 0.9)), np.random.default_rng(seed)).pha
        solid = (pha > 250).sum(axis=2)
        assert (solid[:, -1] > 0.5 * solid.max(axis=1)).all()


def figure(bottom: int) -> Layers:
    """A body with a small red head above its left side, in a frame of 120 rows."""
    fgr, pha, bgr = layers(frame=(120, 160))
    fgr[:], pha[:] = 0, 0
    pha[:, 20:34, 52:64] = pha[:, 34:bottom, 50:110] = 255
    fgr[:, 20:34, 52:64, 0] = 255
    return Layers(fgr, pha, bgr)


def share_of_head(bottom: int, closeups: float, seed: int) -> float:
    still = Augment(SIZE, still=1.0, light=0.0, noise=0.0, closeups=closeups)
    return float((still(*figure(bottom), np.random.default_rng(seed)).fgr[..., 0] > 128).mean())


def test_closeups_are_of_the_heads_of_whole_figures() -> None:
    far, near = ([share_of_head(110, closeups, seed) for seed in range(20)] for closeups in (0.0, 1.0))
    assert np.median(near) > 3 * np.median(far)
    assert min(near) > 0.03


def test_there_are_no_closeups_of_who_is_cut_below() -> None:
    far, near = (Augment(SIZE, closeups=c)(*figure(120), np.random.default_rng(0)) for c in (0.0, 1.0))
    np.testing.assert_array_equal(far.pha, near.pha)


def test_closeups_of_nobody_are_empty() -> None:
    fgr, pha, bgr = layers()
    assert not Augment(SIZE, closeups=1.0)(fgr, np.zeros_like(pha), bgr, np.random.default_rng(0)).pha.any()


def test_one_seed_one_result() -> None:
    augment = Augment(SIZE)
    one, same, other = (augment(*layers(), np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert all(np.array_equal(a, b) for a, b in zip(one, same, strict=True))
    assert not np.array_equal(one.pha, other.pha)


def test_padding_shows_the_background_beside_the_frame() -> None:
    tall = layers(frame=(120, 60))
    full = Layers(tall.fgr, np.full_like(tall.pha, 255), tall.bgr)
    out = fit_layers(*full, SIZE, "pad", find_subject(tall.pha))
    assert (out.pha[:, :, SIZE[1] // 2] == 255).all()
    assert (out.pha[:, :, [0, -1]] == 0).all()


def test_enlarging_leaves_no_rim_at_an_edge_that_cuts() -> None:
    small = np.full((T, 12, 20), 255, np.uint8)
    bgr = np.zeros((T, 30, 30, 3), np.uint8)
    out = fit_layers(np.stack([small] * 3, axis=-1), small, bgr, SIZE, "stretch", find_subject(small))
    assert (out.pha == 255).all()


def test_backgrounds_of_several_sizes_show_the_same_share_of_each() -> None:
    fgr, pha, _ = layers()
    slopes = [np.tile(np.linspace(0, 255, 12 * k, dtype=np.uint8)[None, :, None], (9 * k, 1, 3)) for k in (1, 40, 3)]
    size = (36, 48)
    for order in (slopes, slopes[::-1]):
        whole = fit_layers(fgr[:3], pha[:3], order, size, "crop", find_subject(pha)).bgr
        assert np.ptp(whole.astype(int), axis=0).max() <= 12  # half a step between the 12 columns
        assert whole.min() <= 2
        assert whole.max() >= 253
        moved = Augment(size, light=0, noise=0, still=1)(fgr[:3], pha[:3], order, np.random.default_rng(0)).bgr
        assert np.ptp(moved.astype(int), axis=0).max() <= 12
