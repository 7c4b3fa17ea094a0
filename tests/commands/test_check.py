from pathlib import Path

import numpy as np
import pytest

from tests.footage import write_backgrounds, write_footage, write_image
from vmatte_pl.cli import main


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VMATTE_CACHE", str(tmp_path / "cache"))


def test_whole_footage_is_listed(footage: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(footage[0]), "--workers", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{footage[0]}: pairs"
    assert lines[2].split() == ["train", "2", "14", "64x48", "unknown"]
    assert lines[-1] == "nothing is wrong"


def test_faults_are_counted_and_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_footage(tmp_path / "root", splits=("train",))
    (root / "train/pha/0001/00002.png").unlink()
    write_image(root / "train/pha/0000/00004.png", np.zeros((48, 64), np.uint8))
    assert main(["check", str(root), "--quick", "true"]) == 1
    assert "frame without partner: 1 frame(s) in 1 place(s)" in capsys.readouterr().out
    assert main(["check", str(root), "--workers", "1"]) == 1
    out = capsys.readouterr().out
    assert "wrong: expected something in every alpha, found 1 frame(s) of empty alpha in " in out
    assert "empty alpha: 1 frame(s) in 1 place(s), the first in " in out


def test_backgrounds_are_told_from_clips(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_backgrounds(tmp_path)
    assert main(["check", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{tmp_path}: backgrounds"
    assert lines[2].split()[:4] == ["train", "2", "1", "5"]


def test_a_folder_without_footage_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(tmp_path)]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_unreadable_backgrounds_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_image(tmp_path / "0.jpg", np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8))
    whole = (tmp_path / "0.jpg").read_bytes()
    (tmp_path / "1.jpg").write_bytes(whole[: len(whole) // 2])
    assert main(["check", str(tmp_path)]) == 1
    assert "unreadable background: 1 frame(s) in 1 place(s), the first in " in capsys.readouterr().out
    assert main(["check", str(tmp_path), "--quick", "true"]) == 0


def test_faults_are_told_where_they_leave_no_clip(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_footage(tmp_path / "root", splits=("train", "valid"))
    (root / "train/pha/0001/00002.png").unlink()
    for clip in (root / "valid/pha").iterdir():
        for frame in clip.iterdir():
            write_image(frame, np.full((9, 9), 128, np.uint8))
    assert main(["check", str(root)]) == 1
    out = capsys.readouterr().out
    assert "frame without partner: 1 frame(s)" in out
    assert "found 9x9" in out
    assert "wrong: expected clips in the layout pairs, found none in " in out
