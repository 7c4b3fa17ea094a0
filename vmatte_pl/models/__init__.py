"""Backbones, adapters and what is built of them: plain PyTorch, frames in, alpha out."""

from vmatte_pl.models.adapter import Adapter
from vmatte_pl.models.base import Backbone, Frozen, MattingNetwork
from vmatte_pl.models.boosted import Boosted
from vmatte_pl.models.ensemble import Ensemble, Head, Members
from vmatte_pl.models.fba import FBA
from vmatte_pl.models.fbaunetpp import FBAUNetPP
from vmatte_pl.models.huggingface import TransformersNetwork
from vmatte_pl.models.onnx import OnnxNetwork
from vmatte_pl.models.p3m import P3M
from vmatte_pl.models.rvm import RVM
from vmatte_pl.models.tiny import TinyMatte
from vmatte_pl.models.torchscript import TorchScriptNetwork
from vmatte_pl.models.vmformer import VMFormer
from vmatte_pl.models.withtrimap import WithTrimap

__all__ = [
    "FBA",
    "P3M",
    "RVM",
    "Adapter",
    "Backbone",
    "Boosted",
    "Ensemble",
    "FBAUNetPP",
    "Frozen",
    "Head",
    "MattingNetwork",
    "Members",
    "OnnxNetwork",
    "TinyMatte",
    "TorchScriptNetwork",
    "TransformersNetwork",
    "VMFormer",
    "WithTrimap",
]
