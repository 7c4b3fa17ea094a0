"""Backbones, adapters and what is built of them: plain PyTorch, frames in, alpha out."""

from vmatte_pl.models.adapter import Adapter
from vmatte_pl.models.base import Backbone, Frozen, MattingNetwork
from vmatte_pl.models.boosted import Boosted
from vmatte_pl.models.ensemble import Ensemble, Head, Members
from vmatte_pl.models.fba import FBA
from vmatte_pl.models.fbaunetpp import FBAUNetPP
from vmatte_pl.models.tiny import TinyMatte
from vmatte_pl.models.vmformer import VMFormer

__all__ = [
    "FBA",
    "Adapter",
    "Backbone",
    "Boosted",
    "Ensemble",
    "FBAUNetPP",
    "Frozen",
    "Head",
    "MattingNetwork",
    "Members",
    "TinyMatte",
    "VMFormer",
]
