"""What a folder of composed clips was made of."""

import json
from pathlib import Path
from typing import NotRequired, TypedDict

from vmatte_pl.errors import DataError
from vmatte_pl.files import atomic

MANIFEST = "manifest.json"


class Source(TypedDict):
    """What one composed clip was made of."""

    split: str
    name: str
    frames: int
    fgr: str
    pha: str
    first: int  # the number of the first frame on disk
    background: NotRequired[str]  # where there is one for the whole clip
    mirrored: bool


class Backbone(TypedDict):
    """The network whose alphas lie in ``base/``; ``sha256`` is its fingerprint."""

    name: str
    sha256: str


class Manifest(TypedDict):
    """All that a composed folder's frames depend on."""

    settings: dict[str, str | int | float | bool | list[int] | None]
    backbone: Backbone | None
    clips: list[Source]


def read_manifest(root: Path) -> Manifest | None:
    """Read a folder's manifest, if it has one.

    Raises:
        DataError: If it cannot be read.
    """
    path = root / MANIFEST
    if not path.is_file():
        return None
    try:
        manifest: Manifest = json.loads(path.read_text())
    except ValueError as error:
        raise DataError(
            expected="the manifest of a composed folder",
            found="a damaged file",
            where=path,
            remedy="remove it and run `vmatte compose` again: frames that are there are kept",
        ) from error
    return manifest


def write_manifest(root: Path, manifest: Manifest) -> None:
    """Write a folder's manifest."""
    with atomic(root / MANIFEST) as part:
        part.write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n")
