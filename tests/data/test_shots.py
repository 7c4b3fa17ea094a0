from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.footage import blob, write_image
from vmatte_pl.data.clips import Clip
from vmatte_pl.data.dataset import TrainWindows, WholeClips
from vmatte_pl.data.frames import ImageFrames
from vmatte_pl.data.images import Pixels
from vmatte_pl.data.shots import Shot, stream
from vmatte_pl.data.transforms import Augment, Layers
from vmatte_pl.data.views import Views, warp
from vmatte_pl.errors import DataError

SIZE, T = (36, 64), 4


def smooth(size: tuple[int, int], seed: int = 0) -> Pixels:
    """A picture without detail finer than some ten pixels."""
    coarse = np.random.default_rng(seed).integers(30, 226, (8, 12, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC), np.uint8)


def stills(folder: Path, size: tuple[int, int], count: int = 1, suffix: str = ".jpg") -> ImageFrames:
    for t in range(count):
        write_image(folder / f"{t:04}{suffix}", smooth(size, t))
    return ImageFrames.of_folder(folder)


def clip_of(folder: Path, size: tuple[int, int]) -> Clip:
    """A disc of one colour that moves."""
    for t in range(T):
        pha = blob(size, np.array((0.4 + 0.05 * t, 0.5)))
        write_image(folder / "pha" / f"{t:04}.png", pha)
        write_image(folder / "fgr" / f"{t:04}.jpg", np.stack([pha, 255 - pha, pha], axis=-1))
    fgr, pha_frames = (ImageFrames.of_folder(folder / layer) for layer in ("fgr", "pha"))
    return Clip("0000", fgr, pha_frames, size)


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Note by how much each image is reduced that is decoded from now on."""
    noted: list[int] = []
    decode = ImageFrames.rgb

    def rgb(self: ImageFrames, t: int, reduced: int = 1) -> Pixels:
        noted.append(reduced)
        return decode(self, t, reduced)

    monkeypatch.setattr(ImageFrames, "rgb", rgb)
    return noted


@pytest.mark.parametrize("size", [(144, 256), (145, 251), (149, 263)])
@pytest.mark.parametrize("part", [2, 4, 8])
def test_a_reduced_jpeg_shows_the_same_in_the_same_place(tmp_path: Path, size: tuple[int, int], part: int) -> None:
    """A ramp tells where each pixel lies: a shift by a tenth of a small pixel would show."""
    across = np.arange(size[1]) * 0.9
    write_image(tmp_path / "0.jpg", np.broadcast_to(across[:, None], (*size, 3)).astype(np.uint8))
    frames = ImageFrames.of_folder(tmp_path)
    small = frames.rgb(0, part)
    assert small.shape == (-(-size[0] // part), -(-size[1] // part), 3)
    inner = slice(1, size[1] // part - 1)
    expected = across[: size[1] // part * part].reshape(-1, part).mean(axis=1) - 0.5
    assert abs(float((small[..., 0].mean(axis=0)[inner] - expected[inner]).mean())) < 0.09 * part


@pytest.mark.parametrize("size", [(216, 384), (217, 381)])
def test_colour_and_alpha_are_reduced_to_the_same_pixels(tmp_path: Path, size: tuple[int, int]) -> None:
    pha = blob(size, np.array((0.45, 0.55)))
    write_image(tmp_path / "0.jpg", np.stack([pha] * 3, axis=-1))
    shot = Shot(ImageFrames.of_folder(tmp_path), [0], size, reducible=True)
    for part in (2, 4):
        ((_, colour),) = stream(shot, part)
        ((_, alpha),) = stream([pha], part)
        assert colour.shape[:2] == alpha.shape
        assert np.abs(colour[..., 0].astype(int) - alpha).mean() < 1


@pytest.mark.parametrize("seed", range(8))
def test_reduced_layers_look_as_whole_ones(tmp_path: Path, seed: int, parts: list[int]) -> None:
    clip, ground = clip_of(tmp_path, (217, 381)), stills(tmp_path / "bgr", (305, 401))
    pha = [clip.pha.grey(t) for t in range(T)]

    def layers(reducible: bool) -> Layers:
        fgr, bgr = Shot(clip.fgr, range(T), reducible=reducible), Shot(ground, [0] * T, reducible=reducible)
        parts.clear()
        return Augment(SIZE, light=0.0, noise=0.0)(fgr, pha, bgr, np.random.default_rng(seed))

    whole = layers(reducible=False)
    assert set(parts) == {1}
    reduced = layers(reducible=True)
    assert max(parts) > 1
    for one, other in zip(reduced, whole, strict=True):
        assert np.abs(one.astype(int) - other).mean() < 2
    seen = reduced.pha > 0
    assert np.abs(reduced.fgr[..., 0].astype(int) - reduced.pha)[seen].mean() < 2  # red is the alpha


@pytest.mark.parametrize(("extent", "part"), [(60, 1), (127, 1), (129, 2), (250, 2), (260, 4), (600, 8), (5000, 8)])
def test_a_layer_is_never_reduced_below_what_is_sampled(extent: float, part: int) -> None:
    views = Views.still((0, 0), (extent, extent * 36 / 64), 2)
    assert views.reduction(SIZE) == part


def test_a_view_that_zooms_in_decides_for_all_frames() -> None:
    extent = np.array([[300.0, 300 * 36 / 64], [100.0, 100 * 36 / 64]])
    assert Views(np.zeros((2, 2)), extent, np.zeros(2)).reduction(SIZE) == 1


def test_views_see_the_same_of_a_reduced_layer() -> None:
    frame = np.repeat(np.repeat(smooth((60, 90)), 2, axis=0), 2, axis=1)
    views = Views(np.array([[80.0, 60.0]]), np.array([[128.0, 72.0]]), np.array([0.1]), mirror=True)
    whole, reduced = (warp([frame], views, SIZE, cv2.BORDER_REFLECT_101, part) for part in (1, 2))
    assert np.abs(whole.astype(int) - reduced).max() <= 2


@pytest.mark.parametrize("augment", [True, False])
def test_training_decodes_small_and_evaluation_whole(tmp_path: Path, augment: bool, parts: list[int]) -> None:
    clip, ground = clip_of(tmp_path, (216, 384)), stills(tmp_path / "bgr", (432, 768), count=6)
    training = TrainWindows([clip], [ground], window=T, size=SIZE, augment=augment)
    training[0]
    assert max(parts) > 1
    parts.clear()
    WholeClips([clip], [ground], chunk=T, size=SIZE)[0]
    assert set(parts) == {1}


def test_only_jpegs_are_reduced(tmp_path: Path) -> None:
    for suffix in (".png", ".jpg"):
        frames = stills(tmp_path / suffix, (40, 60), suffix=suffix)
        assert Shot(frames, [0], reducible=True).reducible == (suffix == ".jpg")
        assert not Shot(frames, [0]).reducible


def test_each_frame_of_a_shot_is_decoded_once(tmp_path: Path, parts: list[int]) -> None:
    shot = Shot(stills(tmp_path, (40, 60), count=3), [2, 0, 0, 2, 1])
    frames = list(shot)
    assert len(parts) == 3
    for t, frame in zip(shot.times, frames, strict=True):
        np.testing.assert_array_equal(frame, shot.frames.rgb(t))


def test_a_reduced_frame_of_another_size_is_named(tmp_path: Path) -> None:
    frames = stills(tmp_path, (40, 60), count=2)
    write_image(tmp_path / "0001.jpg", smooth((44, 60)))
    with pytest.raises(DataError, match=r"60x40, found 60x44 in .*0001\.jpg"):
        list(Shot(frames, [0, 1], (40, 60), reducible=True).stream(2))
