from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import Tensor

from vmatte_pl.errors import DataError
from vmatte_pl.models.trimap import (
    distance_to,
    read_trimaps,
    trimap_from_alpha,
    trimap_from_classes,
    trimap_from_thresholds,
)

masks = arrays(bool, (9, 12)).map(torch.from_numpy)


def nearest(mask: Tensor) -> Tensor:
    """The distance to the nearest pixel of a mask, by looking at them all."""
    h, w = mask.shape
    pixels = torch.stack(torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij"), -1).float()
    if not mask.any():
        return torch.full((h, w), torch.inf)
    return torch.cdist(pixels.flatten(0, 1), pixels[mask]).amin(1).view(h, w)


@given(masks)
@settings(deadline=None, max_examples=50)
def test_distances_are_exact(mask: Tensor) -> None:
    torch.testing.assert_close(distance_to(mask), nearest(mask))


def test_frames_do_not_see_each_other() -> None:
    masks = torch.zeros(2, 3, 1, 9, 12, dtype=torch.bool)
    masks[0, 1, 0, 4, 5] = masks[1, 2, 0, 0, 0] = True
    distances = distance_to(masks)
    for frame, mask in zip(distances.flatten(0, 2), masks.flatten(0, 2), strict=True):
        torch.testing.assert_close(frame, nearest(mask))


@given(arrays(np.float32, (9, 12), elements=st.sampled_from([0, 0.25, 1])).map(torch.from_numpy))
@settings(deadline=None, max_examples=50)
def test_what_is_known_is_sure_of_everything_around_it(alpha: Tensor) -> None:
    trimap = trimap_from_alpha(alpha[None], width=0.25)[0]  # 2.25 pixels
    assert torch.equal(trimap == 1, nearest(alpha < 1) > 2.25)
    assert torch.equal(trimap == 0, nearest(alpha > 0) > 2.25)
    assert set(trimap.flatten().tolist()) <= {0.0, 0.5, 1.0}


def test_the_band_is_as_wide_in_a_larger_picture() -> None:
    alpha = torch.zeros(1, 64, 96)
    alpha[:, :, 48:] = 1
    small = trimap_from_alpha(alpha, 0.05)
    large = trimap_from_alpha(alpha.repeat_interleave(2, 1).repeat_interleave(2, 2), 0.05)
    assert (small == 0.5).float().mean() == pytest.approx((large == 0.5).float().mean())
    assert (small[0, 0] == 0.5).nonzero().flatten().tolist() == [45, 46, 47, 48, 49, 50]


def test_a_soft_segmentation_is_trusted_from_its_thresholds_on() -> None:
    alpha = torch.tensor([0.02, 0.04, 0.5, 0.97, 1.0])[None]
    assert trimap_from_thresholds(alpha, 0.03, 0.97).tolist() == [[0, 0.5, 0.5, 1, 1]]
    wide = alpha.repeat_interleave(5, 1)[None]
    assert (trimap_from_alpha(wide, 0.0, low=0.03, high=0.97)[0, 0, 2::5]).tolist() == [0, 0.5, 0.5, 1, 1]


def test_classes_come_in_the_order_of_opacity() -> None:
    logits = torch.eye(3)[None, :, None]  # (1, 3, 1, 3)
    assert trimap_from_classes(logits).tolist() == [[[[0, 0.5, 1]]]]


def test_a_folder_gives_a_trimap_a_frame(tmp_path: Path) -> None:
    for name, values in {"0001.png": [0, 127, 255], "0000.png": [255, 128, 1]}.items():
        cv2.imwrite(str(tmp_path / name), np.array([values], np.uint8))
    (tmp_path / ".DS_Store").touch()
    assert read_trimaps(tmp_path).tolist() == [[[[1, 0.5, 0.5]]], [[[0, 0.5, 1]]]]
    assert read_trimaps(tmp_path / "0001.png").tolist() == [[[[0, 0.5, 1]]]]


def test_trimaps_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="an empty folder"):
        read_trimaps(tmp_path)
    cv2.imwrite(str(tmp_path / "0000.png"), np.zeros((2, 3), np.uint8))
    cv2.imwrite(str(tmp_path / "0001.png"), np.zeros((3, 3), np.uint8))
    with pytest.raises(DataError, match=r"size \(3, 2\), found \(3, 3\) in .*0001\.png"):
        read_trimaps(tmp_path)
    (tmp_path / "0001.png").write_text("no image")
    with pytest.raises(DataError, match=r"8-bit image.*0001\.png"):
        read_trimaps(tmp_path)
