"""Procedural footage of people and places, so that training starts without a download."""

from vmatte_pl.data.demo.writing import (
    EMPTY,
    FULL,
    TINY,
    VERSION,
    Recipe,
    demo_footage,
    render_background,
    render_foreground,
)

__all__ = [
    "EMPTY",
    "FULL",
    "TINY",
    "VERSION",
    "Recipe",
    "demo_footage",
    "render_background",
    "render_foreground",
]
