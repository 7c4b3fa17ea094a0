"""Promises of the demo footage."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from vmatte_pl.data.demo import (
    TINY,
    Recipe,
    demo_footage,
    render_background,
    render_foreground,
)
from vmatte_pl.data.demo.canvas import unfold
from vmatte_pl.files import cache_folder

SMALL = Recipe(width=128, height=72, frames=(2, 2, 2))


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return demo_footage(tmp_path_factory.mktemp("cache"), TINY, workers=1)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_same_clip_has_the_same_bytes() -> None:
    fgr, pha = render_foreground("test", 3, TINY)
    fgr_again, pha_again = render_foreground("test", 3, TINY)
    assert fgr.tobytes() == fgr_again.tobytes()
    assert pha.tobytes() == pha_again.tobytes()
    assert render_background("test", 3, TINY).tobytes() == render_background("test", 3, TINY).tobytes()


def test_clips_and_splits_differ() -> None:
    mattes = [render_foreground(split, i, TINY)[1] for split in ("train", "valid", "test") for i in (0, 1)]
    places = [render_background(split, 0, TINY) for split in ("train", "valid", "test")]
    assert len({matte.tobytes() for matte in mattes}) == 6
    assert len({place.tobytes() for place in places}) == 3


def test_people_and_odd_backgrounds_move_and_even_backgrounds_are_stills() -> None:
    _, pha = render_foreground("train", 1, TINY)
    assert np.abs(pha[0].astype(int) - pha[-1]).mean() > 0.5
    moving, still = render_background("train", 1, TINY), render_background("train", 0, TINY)
    assert len(moving) == TINY.frames[0]
    assert np.abs(moving[0].astype(int) - moving[-1]).mean() > 1
    assert len(still) == 1


def test_the_folders_are_laid_out_as_videomatte240k(footage: tuple[Path, Path]) -> None:
    foregrounds, backgrounds = footage
    splits = zip(("train", "valid", "test"), TINY.frames, TINY.clips, TINY.grounds, strict=True)
    for split, frames, clips, number in splits:
        for kind in ("fgr", "pha"):
            folders = foregrounds / split / kind
            assert names(folders) == [f"{i:04d}" for i in range(clips)]
            assert names(folders / "0000") == [f"{i:05d}.jpg" for i in range(frames)]
        assert names(backgrounds / split) == [f"{i:04d}" if i % 2 else f"{i:04d}.jpg" for i in range(number)]
        assert names(backgrounds / split / "0001") == [f"{i:04d}.jpg" for i in range(frames)]


def test_files_hold_what_was_rendered(footage: tuple[Path, Path]) -> None:
    fgr, pha = render_foreground("train", 1, TINY)
    root = footage[0] / "train"
    read_fgr = cv2.imread(str(root / "fgr/0001/00002.jpg"), cv2.IMREAD_UNCHANGED)
    read_pha = cv2.imread(str(root / "pha/0001/00002.jpg"), cv2.IMREAD_UNCHANGED)
    assert read_fgr is not None
    assert read_pha is not None
    assert read_fgr.shape == (TINY.height, TINY.width, 3)
    assert read_pha.shape == (TINY.height, TINY.width)  # one channel
    assert np.abs(read_fgr[..., ::-1].astype(int) - fgr[2]).mean() < 6
    assert np.abs(read_pha.astype(int) - pha[2]).mean() < 3


def test_edges_are_soft_but_most_of_the_picture_is_not() -> None:
    alpha = np.concatenate([render_foreground("train", i, SMALL)[1] for i in range(8)]) / 255
    soft = ((alpha > 0.05) & (alpha < 0.95)).mean()
    assert 0.01 < soft < 0.08
    assert 0.08 < (alpha > 0.95).mean() < 0.5
    assert (alpha < 0.02).mean() > 0.4


def test_the_foreground_keeps_its_colour_beyond_the_silhouette() -> None:
    """No dark rim: where alpha falls off, fgr is about as bright as the opaque pixels next to it."""
    for index in range(4):
        fgr, pha = render_foreground("valid", index, SMALL)
        bright, alpha = fgr[0].mean(-1), pha[0] / 255
        inside = (alpha > 0.95).astype(np.float64)
        near = cv2.blur(bright * inside, (9, 9)) / np.maximum(cv2.blur(inside, (9, 9)), 1e-6)
        rim = (alpha > 0.05) & (alpha < 0.5) & (cv2.blur(inside, (9, 9)) > 0.1)
        assert rim.sum() > 50
        assert 0.8 < bright[rim].mean() / near[rim].mean() < 1.2


def test_unfolding_takes_premultiplied_colour_apart() -> None:
    alpha = np.zeros((16, 16), np.float32)
    alpha[4:12, 4:12] = 1
    alpha[8, 12:] = 0.25
    colour = np.array([0.8, 0.4, 0.2], np.float32)
    straight, taken = unfold(np.dstack([alpha[..., None] * colour, alpha]))
    np.testing.assert_allclose(straight, np.broadcast_to(colour, straight.shape), atol=2e-3)
    np.testing.assert_array_equal(taken, alpha)


def test_whole_footage_is_not_made_again(footage: tuple[Path, Path]) -> None:
    frame = footage[0] / "train/fgr/0000/00000.jpg"
    before = frame.stat().st_mtime_ns
    assert demo_footage(footage[0].parents[1], TINY, workers=1) == footage
    assert frame.stat().st_mtime_ns == before


def test_what_a_killed_run_left_is_neither_used_nor_kept(tmp_path: Path) -> None:
    recipe = Recipe(width=32, height=18, frames=(1, 1, 1), clips=(1, 0, 0), grounds=(1, 0, 0))
    leftover = tmp_path / f"{recipe.name}.part-killed"
    (leftover / "foregrounds/train/fgr/0000").mkdir(parents=True)
    foregrounds, _ = demo_footage(tmp_path, recipe, workers=1)
    assert not leftover.exists()
    assert names(foregrounds / "train/fgr/0000") == ["00000.jpg"]


def test_a_run_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run_out_of_space(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("vmatte_pl.data.demo.writing._save_jpeg", run_out_of_space)
    with pytest.raises(OSError, match="no space left"):
        demo_footage(tmp_path, TINY, workers=1)
    assert [path for path in tmp_path.iterdir() if path.is_dir()] == []


def test_two_that_ask_at_once_both_get_the_whole(tmp_path: Path) -> None:
    recipe = Recipe(width=32, height=18, frames=(1, 1, 1), clips=(2, 0, 0), grounds=(2, 0, 0))
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: demo_footage(tmp_path, recipe, workers=1), range(2)))
    assert answers[0] == answers[1]
    assert names(answers[0][0] / "train/pha") == ["0000", "0001"]
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == [recipe.name]


def test_several_processes_render_from_a_script_without_a_file(tmp_path: Path) -> None:
    """Fresh worker processes must not need an importable main module."""
    code = (
        "import sys; from pathlib import Path; from vmatte_pl.data.demo import Recipe, demo_footage\n"
        "recipe = Recipe(32, 18, (1, 1, 1), (1, 0, 0), (1, 0, 0))\n"
        "print(demo_footage(Path(sys.argv[1]), recipe, workers=2)[1])"
    )
    run = subprocess.run(  # noqa: S603 - our own interpreter and code
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True, timeout=120
    )
    assert names(Path(run.stdout.strip()) / "train") == ["0000.jpg"]


def test_a_script_that_its_own_processes_would_run_again_is_refused_and_does_not_hang(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from pathlib import Path; from vmatte_pl.data.demo import Recipe, demo_footage\n"
        f"demo_footage(Path({str(tmp_path)!r}), Recipe(32, 18, (1, 1, 1), (2, 0, 0), (2, 0, 0)), workers=2)"
    )
    run = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False, timeout=120)  # noqa: S603 - ours
    assert run.returncode == 1
    assert 'put it under `if __name__ == "__main__":`' in run.stderr


def test_the_cache_is_where_the_environment_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.delenv("VMATTE_CACHE", raising=False)
    assert cache_folder() == tmp_path / "xdg/vmatte"
    monkeypatch.setenv("VMATTE_CACHE", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own"


def test_dummies_stand_in_places_that_are_otherwise_the_same() -> None:
    empty = Recipe(TINY.width, TINY.height, TINY.frames, TINY.clips, TINY.grounds, dummies=False)
    changed = []
    for index in range(6):
        with_dummies, without = (render_background("train", index, r).astype(int) for r in (TINY, empty))
        assert with_dummies.shape == without.shape
        changed.append(np.abs(with_dummies - without).max(-1) > 16 + 8)  # more than grain
    shares = [float(change.mean()) for change in changed]
    assert 0.02 < np.mean(shares) < 0.5
    assert empty.name != TINY.name
