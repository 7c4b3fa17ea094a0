"""Robust Video Matting: recurrent, and in need of neither a trimap nor a picture of the background."""

from vmatte_pl.models.rvm.network import RVM

__all__ = ["RVM"]
