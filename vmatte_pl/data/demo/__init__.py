"""Procedural footage of people and places, so that training starts without a download."""

from vmatte_pl.data.demo.writing import (
    FULL,
    TINY,
    VERSION,
    Recipe,
    default_cache,
    demo_footage,
    render_background,
    render_foreground,
)

__all__ = [
    "FULL",
    "TINY",
    "VERSION",
    "Recipe",
    "default_cache",
    "demo_footage",
    "render_background",
    "render_foreground",
]
