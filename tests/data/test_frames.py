from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.footage import write_image
from vmatte_pl.data.frames import ImageFrames, frame_id
from vmatte_pl.data.images import image_size
from vmatte_pl.errors import DataError

RED = np.full((4, 6, 3), (255, 0, 0), np.uint8)


def test_frames_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for number in (10, 9, 100):
        write_image(tmp_path / f"shot2_{number}.png", np.full((4, 6), number, np.uint8))
    frames = ImageFrames.of_folder(tmp_path)
    assert frames.ids == [9, 10, 100]
    assert [int(frames.grey(t)[0, 0]) for t in range(3)] == [9, 10, 100]


def test_colour_is_rgb(tmp_path: Path) -> None:
    write_image(tmp_path / "0.png", RED)
    np.testing.assert_array_equal(ImageFrames.of_folder(tmp_path).rgb(0), RED)


def test_hidden_and_other_files_are_no_frames(tmp_path: Path) -> None:
    write_image(tmp_path / "0.png", RED)
    (tmp_path / "._0.png").write_bytes(b"")
    (tmp_path / "notes1.txt").write_text("")
    assert len(ImageFrames.of_folder(tmp_path)) == 1


def test_the_size_is_that_of_the_upright_picture(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side, as telephones store portraits
    Image.fromarray(RED).save(tmp_path / "0.jpg", exif=exif)
    frames = ImageFrames.of_folder(tmp_path)
    assert frames.size == frames.rgb(0).shape[:2] == (6, 4)


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
@pytest.mark.parametrize("kept", [0.0, 0.5, 0.98])
def test_a_truncated_file_is_named(tmp_path: Path, suffix: str, kept: float) -> None:
    path = tmp_path / f"00000{suffix}"
    write_image(path, np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8))
    path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
    with pytest.raises(DataError, match=f"00000{suffix}"):
        ImageFrames.of_folder(tmp_path).rgb(0)


def test_a_file_that_is_no_image_is_named(tmp_path: Path) -> None:
    (tmp_path / "7.png").write_text("not an image")
    with pytest.raises(DataError, match=r"7\.png"):
        image_size(tmp_path / "7.png")


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="image files"):
        ImageFrames.of_folder(tmp_path)


def test_two_files_for_one_frame_are_refused(tmp_path: Path) -> None:
    write_image(tmp_path / "1.png", RED)
    write_image(tmp_path / "01.png", RED)
    with pytest.raises(DataError, match="both frame 1"):
        ImageFrames.of_folder(tmp_path)


def test_a_name_without_a_number_is_refused() -> None:
    with pytest.raises(DataError, match=r"cover\.png"):
        frame_id("cover.png", Path())


def test_a_photograph_with_a_film_behind_it_is_read(tmp_path: Path) -> None:
    write_image(tmp_path / "0.jpg", np.full((16, 16, 3), 90, np.uint8))
    whole = (tmp_path / "0.jpg").read_bytes()
    (tmp_path / "0.jpg").write_bytes(whole + b"film" * 10_000)
    assert abs(int(ImageFrames.of_folder(tmp_path).rgb(0).mean()) - 90) <= 2
