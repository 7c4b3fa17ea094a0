"""Where things lie: configs by name, and the folders of runs with their checkpoints and configs."""

from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
import yaml

from vmatte_pl.errors import CheckpointError, ConfigError

RUNS = Path("runs")
"""Where the shipped configs put their runs, below the folder that ``vmatte`` is called from."""

BEST, LAST = "checkpoints/best.ckpt", "checkpoints/last.ckpt"
"""Within a run's folder, the best checkpoint and the last one; a run that ended before it was validated has no best."""


def find_config(name: str) -> Path:
    """Return the path of a config: ``name`` itself, or one of that name in ``configs/`` or of those shipped.

    Raises:
        ConfigError: There is none.
    """
    package = Path(str(files("vmatte_pl")))
    # an installed package holds the configs, a checkout has them beside it
    folders = [Path(), Path("configs"), package / "configs", package.parent / "configs"]
    for folder in folders:
        path = folder / name
        if path.is_file():
            return path
    shipped = {p.relative_to(folder) for folder in folders[1:] for p in folder.glob("**/*.yaml")}
    whole = sorted(str(p) for p in shipped if len(p.parts) == 1)  # in folders below lie parts of configs
    raise ConfigError(
        expected="a config file, or the name of one that comes with vmatte",
        found="none",
        where=name,
        remedy=f"choose one of {', '.join(whole)}",
    )


def newest_checkpoint(runs: Path = RUNS) -> Path:
    """Return the best checkpoint of the run in ``runs`` that wrote one last, or its last one if it has no best.

    Raises:
        CheckpointError: No run has one.
    """
    found = [path for name in (BEST, LAST) for path in runs.glob(f"**/{name}")]
    if not found:
        raise CheckpointError(
            expected=f"a run with {BEST}",
            found="none",
            where=runs.resolve(),
            remedy="train one with `vmatte fit --config bwa.yaml`, or pass --ckpt_path",
        )
    newest = max(found, key=lambda path: path.stat().st_mtime)
    best = newest.with_name(Path(BEST).name)
    return best if best.is_file() else newest


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Return the content of a checkpoint, which may hold tensors and plain values only.

    Raises:
        CheckpointError: It does not exist or cannot be read.
    """
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise CheckpointError(
            expected="a checkpoint", found="no file", where=path, remedy="check the path, or leave --ckpt_path out"
        ) from error
    except Exception as error:  # torch.load raises whatever the unpickler meets
        raise CheckpointError(
            expected="a checkpoint that vmatte wrote",
            found=f"one that cannot be read ({(str(error) or type(error).__name__).splitlines()[0][:100]})",
            where=path,
            remedy="give the .ckpt file of a vmatte run",
        ) from error
    return content


_SOURCES = {"encoder_weights", "checkpoints"}
"""Settings that name what trained weights once started from."""


def config_text(checkpoint: Path) -> str:
    """Return the config, as YAML, that makes the network of a checkpoint anew.

    It is that of the checkpoint's run, but for the files and downloads that its trained parts started from: the
    checkpoint has their weights, and those files may be gone.

    Raises:
        CheckpointError: The checkpoint cannot be read or says nothing of its config.
    """
    text = read_checkpoint(checkpoint).get("config")
    if not isinstance(text, str):
        raise CheckpointError(
            expected="a checkpoint that holds its config",
            found="none",
            where=checkpoint,
            remedy="pass the config of its run with --config",
        )
    return str(yaml.safe_dump(_without_sources(yaml.safe_load(text)), sort_keys=False))


def _without_sources(config: Any) -> Any:
    """Set all sources to null, except those of a base: a checkpoint does not hold its weights."""
    if isinstance(config, list):
        return [_without_sources(item) for item in config]
    if not isinstance(config, dict):
        return config
    return {
        key: None if key in _SOURCES else value if key == "base" else _without_sources(value)
        for key, value in config.items()
    }
