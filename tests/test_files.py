from pathlib import Path

import pytest

from vmatte_pl.files import atomic


def test_what_was_there_survives_an_interrupted_write(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text("old")

    def interrupted() -> None:
        with atomic(path) as part:
            part.write_text("ha")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_finished_write_replaces_and_makes_folders(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "results.json"
    for text in ("first", "second"):
        with atomic(path) as part:
            part.write_text(text)
            assert part.suffix == path.suffix
    assert path.read_text() == "second"
    assert list(path.parent.iterdir()) == [path]
