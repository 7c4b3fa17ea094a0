"""Official weight files, as users download them: loaded strictly, and without running code in them."""

import argparse
import pickle
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from vmatte_pl.errors import CheckpointError

_NESTS = ("state_dict", "model", "model_state_dict", "params")
"""Where training scripts put a network's weights beside optimiser states and epoch counts."""


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """Read the tensors of a weight file: PyTorch's, nested or not, a Lightning checkpoint, or safetensors.

    Nothing in the file is executed (``weights_only=True``).

    Raises:
        CheckpointError: If there is no such file, or no weights in it that can be read safely.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(
            expected="a weight file",
            found="nothing",
            where=path,
            remedy="download the official file of this network and give its path",
        )
    content = _read(path)
    for nest in _NESTS:
        if isinstance(content, Mapping) and isinstance(content.get(nest), Mapping):
            content = content[nest]
            break
    weights = {key: value for key, value in _items(content) if isinstance(value, Tensor)}
    if not weights:
        raise CheckpointError(
            expected="tensors by name, at the top or under one of " + ", ".join(_NESTS),
            found=_brief(key for key, _ in _items(content)) or f"a {type(content).__name__}",
            where=path,
            remedy="give the file of weights that its authors published",
        )
    return weights


def load_official(network: nn.Module, weights: Mapping[str, Tensor], where: Path | str = "the weights") -> None:
    """Copy ``weights`` into ``network``: every key known, none missing, every shape the same.

    A prefix that all keys share and that ``network`` does not know is taken off first, such as the
    ``module.`` of ``DataParallel`` or the name a Lightning module had for its network.

    Args:
        network: The network to fill, in place.
        weights: The official state dict.
        where: The file it came from, for the error.

    Raises:
        CheckpointError: If a key is missing, unknown or of another shape; ``network`` is left as it was.
    """
    own = network.state_dict()
    weights = without_prefix(weights, {key.partition(".")[0] for key in own})
    misshapen = (
        f"{key} {tuple(weights[key].shape)} for {tuple(own[key].shape)}"
        for key in own
        if key in weights and weights[key].shape != own[key].shape
    )
    faults = {
        "missing": _brief(key for key in own if key not in weights),
        "unknown": _brief(key for key in weights if key not in own),
        "misshapen": _brief(misshapen),
    }
    if any(faults.values()):
        raise CheckpointError(
            expected=f"the {len(own)} tensors of {type(network).__name__}",
            found=", ".join(f"{kind}: {keys}" for kind, keys in faults.items() if keys),
            where=where,
            remedy="give the official file of this network",
        )
    network.load_state_dict(dict(weights))


def without_prefix(weights: Mapping[str, Tensor], known: Collection[str]) -> dict[str, Tensor]:
    """Take off the first parts that all keys share, up to one of the ``known`` names of a network's parts."""
    weights = dict(weights)
    while len(heads := {key.partition(".")[0] for key in weights}) == 1:
        head = heads.pop()
        if head in known or head in weights:
            break
        weights = {key.partition(".")[2]: value for key, value in weights.items()}
    return weights


def _read(path: Path) -> Any:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        # Training scripts store their parsed command line; a Namespace holds values and runs nothing.
        with torch.serialization.safe_globals([argparse.Namespace]):
            return torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, UnicodeDecodeError, SafetensorError) as error:
        raise CheckpointError(
            expected="a weight file that holds only tensors and plain values",
            found=str(error).partition("\n")[0][:120],
            where=path,
            remedy="download it again or, if you trust it, save its state_dict alone with torch.save",
        ) from error


def _items(content: Any) -> Iterable[tuple[str, Any]]:
    return ((str(key), value) for key, value in content.items()) if isinstance(content, Mapping) else ()


def _brief(names: Iterable[str], most: int = 3) -> str:
    names = list(names)
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
