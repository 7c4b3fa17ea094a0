"""Packages that only some networks need, and that ``pip install 'vmatte[...]'`` brings."""

import importlib
from typing import Any

from vmatte_pl.errors import ConfigError


def extra(package: str, name: str) -> Any:
    """Import ``package``, which the optional dependencies called ``name`` bring.

    Raises:
        ConfigError: If it is not installed.
    """
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        raise ConfigError(
            expected=f"the package {package}",
            found="none",
            where="this Python's packages",
            remedy=f"run: pip install 'vmatte[{name}]'",
        ) from error
