import os
from pathlib import Path

import numpy as np
import pytest

from tests.footage import write_footage, write_image
from vmatte_pl.data import inspection
from vmatte_pl.data.clips import Clip
from vmatte_pl.data.faults import Faults
from vmatte_pl.data.inspection import Finding, clean, inspect
from vmatte_pl.data.layouts import find_clips
from vmatte_pl.errors import DataError

KINDS = {1: "unreadable frame", 3: "empty alpha", 4: "full alpha", 6: "frame of another size"}


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VMATTE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def clip(tmp_path: Path) -> Clip:
    """A clip of nine frames, four of them faulty."""
    root = write_footage(tmp_path, splits=("test",), clips=1, frames=9)
    fgr, pha = root / "test/fgr/0000", root / "test/pha/0000"
    truncated = fgr / "00001.png"
    truncated.write_bytes(truncated.read_bytes()[:300])
    write_image(pha / "00003.png", np.full((48, 64), 9, np.uint8))
    write_image(pha / "00004.png", np.full((48, 64), 250, np.uint8))
    write_image(fgr / "00006.png", np.zeros((24, 32, 3), np.uint8))
    return find_clips(root, "test")[0]


@pytest.mark.parametrize("workers", [1, 2])
def test_every_faulty_frame_is_found(clip: Clip, workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspection, "_CHUNK", 2)
    ((*findings,),) = inspect([clip], workers)
    assert {finding.position: finding.kind for finding in findings} == KINDS
    assert findings[0].where.endswith("fgr/0000/00001.png")


def test_what_was_found_is_remembered_until_a_file_changes(clip: Clip, monkeypatch: pytest.MonkeyPatch) -> None:
    first = inspect([clip], 1)
    with monkeypatch.context() as patch:
        patch.setattr(inspection, "_faulty", lambda *_: [Finding("looked again", 0, "")])
        assert inspect([clip], 1) == first
        os.utime(clip.fgr.where(0), (1e9, 3e9))
        assert [finding.kind for finding in inspect([clip], 1)[0]] == ["looked again"]


def test_a_clip_is_taken_apart_at_its_faulty_frames(clip: Clip) -> None:
    faults = Faults("skip")
    parts = clean([clip], faults, workers=1)
    assert [(part.name, part.fgr.ids, part.pha.ids) for part in parts] == [
        ("0000", [0], [0]),
        ("0000_00002", [2], [2]),
        ("0000_00005", [5], [5]),
        ("0000_00007", [7, 8], [7, 8]),
    ]
    assert sorted(fault.kind for fault in faults.noted) == sorted(KINDS.values())


def test_faults_can_be_refused(clip: Clip) -> None:
    with pytest.raises(DataError, match=r"found 1 frame\(s\) of empty alpha in .*pha/0000/00003\.png"):
        clean([clip], Faults(), workers=1)
