"""The dependencies of the package point one way, and Lightning stays where it belongs."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "vmatte_pl"
MODULES = sorted(PACKAGE.rglob("*.py"))

LEAVES = {"data", "models", "losses", "metrics", "video"}
"""Parts that know types and errors, and not each other."""

ROOT = {"types", "errors", "files", "cores", "memory", "__init__"}
ABOVE = {"tasks", "callbacks", "commands", "cli"}
LIGHTNING = {"data/datamodule.py", "cli.py"}
"""Besides all of tasks/ and callbacks/."""


def imports(path: Path) -> set[str]:
    """Return the dotted names of all modules that a file imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def parts_used(path: Path) -> set[str]:
    own = {name.split(".")[1] for name in imports(path) if name.startswith("vmatte_pl.")}
    return {name for name in own if (PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").is_file()}


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_dependencies_point_one_way(path: Path) -> None:
    part, used = part_of(path), parts_used(path)
    if part in LEAVES:
        assert used <= ROOT | {part}
    elif part in ROOT:
        assert used <= ROOT
    elif part in {"tasks", "callbacks"}:
        assert not used & {"commands", "cli"}
    elif part not in ABOVE:  # what the parts above share: results, pictures, hardware, runs
        assert not used & ABOVE


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_lightning_stays_in_its_places(path: Path) -> None:
    if part_of(path) in {"tasks", "callbacks"} or str(path.relative_to(PACKAGE)) in LIGHTNING:
        return
    assert not any(name.split(".")[0] in {"pytorch_lightning", "lightning"} for name in imports(path))
