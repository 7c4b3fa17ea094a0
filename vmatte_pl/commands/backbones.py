"""``vmatte backbones``: the networks that can be boosted, what each needs, costs and is licensed under."""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from textwrap import indent
from typing import Any

MEASURED = "backbones.json"
"""What ``python -m benchmarks.backbones --save`` measured, beside this file."""


@dataclass(frozen=True)
class Backbone:
    """A network with a config of its own.

    Args:
        name: What its authors call it; what is measured goes by it.
        config: Its file in ``configs/backbones``.
        code: The licence of the code that runs.
        weights: The licence of the weights.
        file: Where they are.
        needs: What it takes besides frames, or asks of the installation.
    """

    name: str
    config: str
    code: str
    weights: str
    file: str
    needs: str = "frames alone"


_OURS = "MIT, written anew"

BACKBONES = (
    Backbone("TinyMatte", "tiny.yaml", "MIT", "MIT", "comes with vmatte"),
    Backbone(
        "RVM",
        "rvm.yaml",
        _OURS,
        "GPL-3.0",
        "https://github.com/PeterL1n/RobustVideoMatting/releases/download/v1.0.0/rvm_mobilenetv3.pth",
        "frames in order: it remembers",
    ),
    Backbone(
        "RVM, published ONNX",
        "rvm-onnx.yaml",
        "GPL-3.0",
        "GPL-3.0",
        "https://github.com/PeterL1n/RobustVideoMatting/releases/download/v1.0.0/rvm_mobilenetv3_fp32.onnx",
        "frames in order: it remembers; vmatte[onnx]",
    ),
    Backbone(
        "VMFormer",
        "vmformer.yaml",
        _OURS,
        "MIT",
        "linked from https://github.com/SHI-Labs/VMFormer",
        "whole clips, 20 frames long",
    ),
    Backbone("P3M-Net", "p3m.yaml", _OURS, "MIT", "linked from https://github.com/JizhiziLi/P3M"),
    Backbone(
        "FBA",
        "fba.yaml",
        _OURS,
        "non-commercial",
        "linked from https://github.com/MarcoForte/FBA_Matting",
        "a trimap: the config draws it around what RVM finds",
    ),
    Backbone(
        "FBAUNet++",
        "fbaunetpp.yaml",
        _OURS,
        "non-commercial",
        "FBA's; the thesis's own UNet++ and trimap branch were never published: bring a UNet++",
    ),
    Backbone(
        "ViTMatte",
        "vitmatte.yaml",
        "Apache-2.0",
        "Apache-2.0",
        "the Hugging Face hub has hustvl/vitmatte-small-composition-1k",
        "a trimap: the config draws it around what RVM finds; vmatte[transformers]",
    ),
    Backbone(
        "MODNet",
        "modnet.yaml",
        "Apache-2.0",
        "Apache-2.0",
        "https://github.com/ZHKKKe/MODNet exports it",
        "frames alone; vmatte[onnx]",
    ),
    Backbone(
        "IS-Net",
        "isnet.yaml",
        "Apache-2.0",
        "Apache-2.0",
        "https://github.com/danielgatis/rembg/releases/download/v0.0.0/isnet-general-use.onnx",
        "frames alone; vmatte[onnx]",
    ),
    Backbone(
        "BiRefNet",
        "birefnet.yaml",
        "MIT",
        "MIT",
        "https://github.com/danielgatis/rembg/releases/download/v0.0.0/BiRefNet-general-epoch_244.onnx",
        "frames alone; vmatte[onnx]",
    ),
)


def main(args: Sequence[str] | None = None) -> int:
    """Run ``vmatte backbones`` with the words after it, by default those of the command line."""
    argparse.ArgumentParser("vmatte backbones", description="List the networks that can be boosted.").parse_args(args)
    print(listing(measured()))  # noqa: T201 - what the user asked for
    return 0


def measured() -> dict[str, Any]:
    """Return what was measured of the backbones, and where: see ``benchmarks/backbones.py``."""
    content: dict[str, Any] = json.loads(files("vmatte_pl.commands").joinpath(MEASURED).read_text())
    return content


def listing(measured: Mapping[str, Any]) -> str:
    """Return the list as text."""
    height, width = measured["size"]
    return "\n".join(
        [
            "Networks that can be boosted, or scored by themselves:",
            "  vmatte fit --config bwa.yaml --model.base backbones/rvm.yaml --model.base.weights FILE",
            "  vmatte test --config base.yaml --model.backbone backbones/rvm.yaml --model.backbone.weights FILE",
            "",
            *(_entry(backbone, measured["backbones"].get(backbone.name)) for backbone in BACKBONES),
            f"Measured at {width}x{height}, frame after frame, on {measured['machine']}, "
            f"{measured['threads']} thread(s), torch {measured['torch']}, {measured['date']}.",
            "Any other network fits by a config of its own: OnnxNetwork and TorchScriptNetwork run files, and a",
            "subclass of MattingNetwork whatever you write.",
        ]
    )


def _entry(backbone: Backbone, measured: Mapping[str, Any] | None) -> str:
    rows = {
        "needs": backbone.needs,
        "code": backbone.code,
        "weights": f"{backbone.weights}; {backbone.file}",
        "size": "not measured" if measured is None else _cost(measured),
    }
    text = "\n".join(f"{what:9}{value}" for what, value in rows.items())
    return f"{backbone.name}: backbones/{backbone.config}\n{indent(text, '  ')}\n"


def _cost(measured: Mapping[str, Any]) -> str:
    ways = measured["ms"]
    plain, bf16 = min(ms for way, ms in ways.items() if way != "bf16"), ways.get("bf16")
    faster = f", {bf16:.0f} ms in bfloat16" if bf16 is not None and bf16 < plain else ""
    # the parameters within a file are not counted
    size = f"{measured['parameters'] / 1e6:.1f} M parameters; " if measured["parameters"] else ""
    return f"{size}{plain:.0f} ms a frame{faster}"
