import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmatte_pl.data.views import Fit, Subject, Views, find_subject, fit_view, warp

SIZE = (48, 64)
UNCUT = Subject(20, 10, 40, 30, cut_left=False, cut_top=False, cut_right=False, cut_bottom=False)


def corners(views: Views, size: tuple[int, int]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """(T, 4, 2) outer corners of the views in the layer's pixels, edges at 0 and width."""
    height, width = size
    ends = np.array([[x, y, 1] for x in (-0.5, width - 0.5) for y in (-0.5, height - 0.5)])
    return np.asarray(np.einsum("tij,cj->tci", views.matrices(size), ends) + 0.5)


def test_a_subject_is_found_with_the_edges_that_cut_it() -> None:
    pha = np.zeros((2, 40, 60), np.uint8)
    pha[0, 10:20, 5:15] = 255
    pha[1, 30:40, 25:35] = 255
    assert find_subject(list(pha)) == Subject(5, 10, 35, 40, False, False, False, True)


def test_without_a_subject_the_whole_frame_counts() -> None:
    assert find_subject([np.full(SIZE, 3, np.uint8)]) == Subject.whole(SIZE)


def test_looking_at_the_whole_frame_changes_nothing() -> None:
    frames = list(np.random.default_rng(0).integers(0, 255, (2, *SIZE, 3)).astype(np.uint8))
    views = fit_view("crop", SIZE, SIZE, UNCUT, 2)
    np.testing.assert_array_equal(warp(frames, views, SIZE, cv2.BORDER_CONSTANT), frames)


def test_a_mirrored_view_swaps_left_and_right_exactly() -> None:
    frame = np.random.default_rng(0).integers(0, 255, SIZE).astype(np.uint8)
    views = Views(np.array([[32.0, 24.0]]), np.array([[64.0, 48.0]]), np.zeros(1), mirror=True)
    np.testing.assert_array_equal(warp([frame], views, SIZE, cv2.BORDER_CONSTANT)[0], frame[:, ::-1])


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_shrinking_averages(factor: int) -> None:
    frame = np.random.default_rng(0).integers(0, 255, (24 * factor, 32 * factor)).astype(np.uint8)
    views = fit_view("crop", (24 * factor, 32 * factor), (24, 32), Subject.whole((24, 32)), 1)
    expected = frame.reshape(24, factor, 32, factor).mean(axis=(1, 3))
    assert np.abs(warp([frame], views, (24, 32), cv2.BORDER_CONSTANT)[0] - expected).max() <= 1


@pytest.mark.parametrize("frame", [(48, 64), (90, 40), (30, 100)])
@pytest.mark.parametrize("fit", ["crop", "pad"])
def test_fitting_keeps_the_pixels_square(fit: Fit, frame: tuple[int, int]) -> None:
    width, height = fit_view(fit, frame, SIZE, UNCUT, 1).extent[0]
    assert width / height == pytest.approx(64 / 48)
    assert (width <= frame[1] + 1e-6 and height <= frame[0] + 1e-6) == (fit == "crop" or frame == SIZE)


def test_a_crop_follows_the_subject_and_keeps_the_head() -> None:
    left = Subject(0, 10, 20, 48, False, False, False, True)
    assert corners(fit_view("crop", (48, 160), SIZE, left, 1), SIZE)[0, :, 0].min() == pytest.approx(0)
    standing = Subject(5, 20, 35, 118, False, False, False, False)
    tops = corners(fit_view("crop", (120, 40), SIZE, standing, 1), SIZE)[0, :, 1]
    assert 10 < tops.min() < 20


@given(
    x=st.floats(-50, 120),
    y=st.floats(-50, 120),
    tall=st.floats(5, 200),
    angle=st.floats(-0.5, 0.5),
    cuts=st.tuples(*[st.booleans()] * 4),
)
def test_no_view_crosses_an_edge_that_cuts_the_subject(
    x: float, y: float, tall: float, angle: float, cuts: tuple[bool, bool, bool, bool]
) -> None:
    views = Views(np.array([[x, y]]), np.array([[tall * 4 / 3, tall]]), np.array([angle]))
    subject = Subject(20, 10, 40, 30, *cuts)
    found = corners(views.clear_of_cuts(subject, SIZE, margin=1), SIZE)[0]
    low, high = found.min(axis=0), found.max(axis=0)
    tolerance = 1e-6
    assert not subject.cut_left or low[0] >= 1 - tolerance
    assert not subject.cut_top or low[1] >= 1 - tolerance
    assert not subject.cut_right or high[0] <= SIZE[1] - 1 + tolerance
    assert not subject.cut_bottom or high[1] <= SIZE[0] - 1 + tolerance


def test_views_that_cross_no_cut_stay_as_they_are() -> None:
    views = Views(np.array([[-5.0, 70.0]]), np.array([[80.0, 60.0]]), np.array([0.1]))
    kept = views.clear_of_cuts(UNCUT, SIZE, margin=1)
    np.testing.assert_array_equal(kept.centre, views.centre)
    np.testing.assert_array_equal(kept.extent, views.extent)
