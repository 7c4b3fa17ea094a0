"""How functions are compiled."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

_Function = TypeVar("_Function", bound=Callable[..., Any])

_njit: Any = njit
_OPTIONS = {"nogil": True, "error_model": "numpy", "fastmath": {"reassoc", "contract", "nsz"}}


def kernel(function: _Function) -> _Function:
    """Compile a function when it is first called."""
    try:
        return cast("_Function", _njit(cache=True, **_OPTIONS)(function))
    except RuntimeError:  # no folder to keep it in
        return cast("_Function", _njit(**_OPTIONS)(function))


def part(function: _Function) -> _Function:
    """Compile a function into the kernels that call it."""
    return cast("_Function", _njit(inline="always", **_OPTIONS)(function))
