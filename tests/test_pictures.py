from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vmatte_pl.pictures import (
    FLAT,
    GROUND,
    Picture,
    Shot,
    comparison,
    contact_sheet,
    error_map,
    over_flat,
    panel_box,
    save_png,
    strip,
)


def make_shot(height: int = 90, width: int = 160, clip: str = "0000") -> Shot:
    com = np.full((height, width, 3), (200, 100, 50), np.uint8)
    true = np.zeros((height, width), np.uint8)
    true[:, width // 2 :] = 255
    return Shot(clip, 3, com, true, boosted=true // 2 + 64, base=255 - true)


def alpha(*levels: int) -> Picture:
    return np.array([levels], np.uint8)


def test_error_colours_tell_sign_and_size() -> None:
    none, little, half, too_much, too_little = error_map(alpha(0, 13, 128, 255, 0), alpha(0, 0, 0, 0, 255))[0]
    assert too_much[0] > too_much[2] + 100  # warm
    assert too_little[2] > too_little[0] + 100  # cool
    assert int(none[0]) < little[0] < half[0] < too_much[0]
    assert little[0] - int(none[0]) > 20  # 5 % can be seen


def test_cut_out_shows_the_subject_where_opaque_and_the_flat_colour_elsewhere() -> None:
    com = np.full((1, 3, 3), (200, 100, 50), np.uint8)
    clear, half, opaque = over_flat(com, alpha(0, 128, 255))[0]
    assert tuple(clear) == tuple(FLAT)
    assert tuple(opaque) == (200, 100, 50)
    assert np.abs(half - (np.array((200, 100, 50)) + FLAT) / 2).max() <= 1


@pytest.mark.parametrize("size", [(90, 160), (1080, 1920), (422, 326)], ids=["small", "HD", "portrait"])
def test_panels_have_their_width_whatever_the_footage(size: tuple[int, int]) -> None:
    box = panel_box(make_shot(*size), 320)
    assert box[0] == 320
    assert 180 <= box[1] <= 240


def test_sheet_has_six_columns_with_a_base_and_four_without() -> None:
    shot = make_shot()
    six, four = contact_sheet([shot], 320), contact_sheet([replace(shot, base=None)], 320)
    assert six.dtype == np.uint8
    assert six.shape[1] - four.shape[1] == 2 * (320 + 8)
    assert tuple(six[0, 0]) == GROUND


def test_sheet_shows_each_picture_in_its_column() -> None:
    shot = make_shot()
    sheet = contact_sheet([shot], 320)
    row = np.flatnonzero((sheet[:, 16 + 20] == (200, 100, 50)).all(axis=1))
    y, pitch = row[len(row) // 2], 328
    assert len(row) == 180
    left = [int(sheet[y, 16 + i * pitch + 20].max()) for i in range(1, 4)]
    right = [int(sheet[y, 16 + i * pitch + 300].max()) for i in range(1, 4)]
    assert left == [0, 255, 64]
    assert right == [255, 0, 191]


def test_sheet_grows_by_a_row_for_each_clip_of_any_size() -> None:
    shots = [make_shot(), make_shot(clip="0001"), make_shot(422, 326, "0002")]
    heights = [contact_sheet(shots[:n]).shape[0] for n in (1, 2, 3)]
    assert heights[2] - heights[1] == heights[1] - heights[0] + 60  # 4:3 at most, instead of 16:9


def test_text_is_drawn() -> None:
    shot = make_shot()
    assert not np.array_equal(contact_sheet([shot]), contact_sheet([replace(shot, clip="another")]))
    assert not np.array_equal(contact_sheet([shot]), contact_sheet([shot], note="noted"))


@pytest.mark.parametrize("base", [True, False])
def test_video_frames_have_one_size_whatever_the_clips(base: bool) -> None:
    shots = [make_shot(), make_shot(422, 326), make_shot(180, 320)]
    shots = shots if base else [replace(shot, base=None) for shot in shots]
    box = panel_box(shots[0], 200)
    assert len({comparison(shot, box).shape for shot in shots}) == 1


def test_strip_is_one_row_of_mattes() -> None:
    shot = make_shot()
    assert strip(shot, 100).shape[1] - strip(replace(shot, base=None), 100).shape[1] == 104


def test_a_shot_is_made_smaller_but_never_larger() -> None:
    shot = make_shot(200, 400)
    small = shot.within((100, 100))
    assert small.com.shape == (50, 100, 3)
    assert small.base is not None
    assert small.base.shape == small.true.shape == small.boosted.shape == (50, 100)
    assert shot.within((400, 300)) is shot


def test_png_comes_back_as_it_was(tmp_path: Path) -> None:
    sheet = contact_sheet([make_shot()])
    save_png(sheet, tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as image:
        assert np.array_equal(np.asarray(image), sheet)
