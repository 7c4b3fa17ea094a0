"""Backbones, adapters and what is built of them: plain PyTorch, frames in, alpha out."""

from vmatte_pl.models.adapter import Adapter
from vmatte_pl.models.base import Frozen, MattingNetwork
from vmatte_pl.models.boosted import Boosted
from vmatte_pl.models.tiny import TinyMatte

__all__ = ["Adapter", "Boosted", "Frozen", "MattingNetwork", "TinyMatte"]
