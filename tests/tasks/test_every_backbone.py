"""Every backbone that comes with vmatte trains adapters, in the precisions that a CPU has."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from pytorch_lightning import Trainer
from torch import Tensor, nn

from tests.models.filled import filled
from tests.models.graphs import grey, recurrent
from tests.models.vitmatte import tiny_vitmatte
from tests.tasks.toys import adapter, data
from vmatte_pl.models import (
    FBA,
    P3M,
    RVM,
    FBAUNetPP,
    MattingNetwork,
    OnnxNetwork,
    TinyMatte,
    TorchScriptNetwork,
    TransformersNetwork,
    VMFormer,
    WithTrimap,
)
from vmatte_pl.tasks import BwA


class Mean(nn.Module):
    """A network for images as a file might hold it: alpha is the mean of the colours."""

    def forward(self, image: Tensor) -> Tensor:
        return image.mean(1, keepdim=True)


def scripted(folder: Path) -> MattingNetwork:
    path = str(folder / "mean.pt")
    torch.jit.save(torch.jit.trace(Mean(), torch.rand(1, 3, 8, 8)), path)
    return TorchScriptNetwork(path)


BACKBONES: dict[str, Callable[[Path], MattingNetwork]] = {
    "TinyMatte": lambda _: TinyMatte(),
    "RVM": lambda _: filled(RVM(downsample_ratio=0.5)),
    "P3M": lambda _: filled(P3M()),
    "VMFormer": lambda _: filled(VMFormer(clip_length=2)),
    "VMFormer, August 2022": lambda _: filled(VMFormer(clip_length=2, generation="2022-08")),
    "FBA": lambda _: WithTrimap(filled(FBA()), TinyMatte()),
    "FBAUNetPP": lambda _: filled(FBAUNetPP()),
    "ONNX": lambda folder: OnnxNetwork(grey(folder / "grey.onnx")),
    "recurrent ONNX": lambda folder: OnnxNetwork(
        recurrent(folder / "recurrent.onnx"), constants={"downsample_ratio": 1.0}
    ),
    "TorchScript": scripted,
    "ViTMatte": lambda folder: WithTrimap(TransformersNetwork(str(tiny_vitmatte(folder))), TinyMatte()),
}


@pytest.mark.filterwarnings("ignore:`torch.jit")  # deprecated, but its files live on
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
@pytest.mark.parametrize("name", BACKBONES)
def test_an_adapter_trains_on(name: str, precision: str, footage: tuple[Path, Path], tmp_path: Path) -> None:
    torch.manual_seed(0)
    task = BwA(BACKBONES[name](tmp_path), [adapter()])
    before = {key: value.clone() for key, value in task.state_dict().items()}
    sha256 = task.network.base.fingerprint()
    trainer = Trainer(
        accelerator="cpu",
        precision=precision,  # type: ignore[arg-type]  # a str, of which it wants the literals
        max_steps=2,
        limit_val_batches=1,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        default_root_dir=tmp_path,
        log_every_n_steps=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(task, data(footage))
    moved = {key for key, value in task.state_dict().items() if not torch.equal(value, before[key])}
    assert trainer.global_step == 2
    assert moved
    assert all(key.startswith("network.adapter.") for key in moved)
    assert task.network.base.fingerprint() == sha256
    for metric in ("train/loss", "val/mad", "val/base/mad"):
        assert math.isfinite(trainer.callback_metrics[metric])
