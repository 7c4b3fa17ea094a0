"""Where files are kept, and how they appear whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yield a hidden sibling of ``path`` to write to, and move it there once the block has succeeded.

    A reader, or a run that was interrupted, thus never meets half a file. The sibling keeps the suffix,
    by which encoders choose their format. Missing parent folders are made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def cache_folder() -> Path:
    """``$VMATTE_CACHE``, or else ``vmatte`` in ``$XDG_CACHE_HOME`` or ``~/.cache``."""
    if own := os.environ.get("VMATTE_CACHE"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vmatte"
