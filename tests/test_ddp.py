"""Several processes, as on several GPUs."""

import subprocess
import sys
from pathlib import Path

import torch

CONFIG = Path(__file__).parent / "conf/bwa.yaml"

TWO_STAGES = """
model:
  init_args:
    adapters:
      - {class_path: vmatte_pl.models.Adapter, init_args: {window: 1}}
      - {class_path: vmatte_pl.models.Adapter, init_args: {window: 0}}
    keep_stages: true
trainer:
  max_epochs: 1
  devices: 2
  strategy: ddp
"""


def test_two_processes_fit_two_stages_together(footage: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "two.yaml").write_text(TWO_STAGES)
    (tmp_path / "vmatte.py").write_text("from vmatte_pl.cli import main\n\nraise SystemExit(main())\n")
    flags = ["--data.root", str(footage[0]), "--data.backgrounds", str(footage[1])]
    fit(tmp_path, flags)
    content = torch.load(tmp_path / "runs/bwa/version_0/checkpoints/last.ckpt", weights_only=True)
    assert content["stage"]["parts"] == [0, 1]
    assert content["global_step"] == 2  # 4 samples in batches of 2 over 2 processes: a step a stage
    assert [p.name for p in (tmp_path / "runs/bwa").iterdir()] == ["version_0"]
    last = "runs/bwa/version_0/checkpoints/last.ckpt"
    fit(tmp_path, [*flags, "--ckpt_path", last, "--model.epochs", "[1, 2]"])  # in a folder of its own
    first, second = (
        torch.load(tmp_path / f"runs/bwa/version_{i}/checkpoints/best.ckpt", weights_only=True)["stage"] for i in (0, 1)
    )
    assert second["parts"] == [0, 1]
    assert second["mad"] <= first["mad"]


def fit(folder: Path, flags: list[str]) -> None:
    """Fit in two processes."""
    done = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, "vmatte.py", "fit", "--config", CONFIG, "--config", "two.yaml", *flags],
        cwd=folder,
        env={"PYTHONPATH": str(CONFIG.parents[2]), "OMP_NUM_THREADS": "1", "PATH": "", "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "MEMBER: 2/2" in done.stderr
