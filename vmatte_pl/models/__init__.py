"""Backbones, adapters and what is built of them: plain PyTorch, frames in, alpha out."""

from vmatte_pl.models.base import Frozen, MattingNetwork
from vmatte_pl.models.huggingface import TransformersNetwork
from vmatte_pl.models.onnx import OnnxNetwork
from vmatte_pl.models.p3m import P3M
from vmatte_pl.models.rvm import RVM
from vmatte_pl.models.torchscript import TorchScriptNetwork

__all__ = [
    "P3M",
    "RVM",
    "Frozen",
    "MattingNetwork",
    "OnnxNetwork",
    "TorchScriptNetwork",
    "TransformersNetwork",
]
