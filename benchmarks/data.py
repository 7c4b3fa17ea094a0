"""How fast footage arrives: frames a second, the share of training spent waiting, and what indexing takes.

    python benchmarks/data.py [frames] [waiting] [index]

``frames`` compares, in one run, at 512x288, 15 frames a sample, 2 workers: this data module with augmentation and
without, and a plain pipeline of PIL and torchvision that decodes, moves, crops, flips, recolours and grains frame by
frame, as training scripts of video matting do. The footage is the built-in one, enlarged to 768x432 with grain, as JPEG
of quality 95 over 1280x720 backgrounds. ``waiting`` profiles a fit of the demo's config. ``index`` scans a tree of
240,000 frames, of which only the first of each clip is a real image, as a fit does.
"""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytorch_lightning as pl
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import functional as F

from vmatte_pl.data.backgrounds import find_backgrounds
from vmatte_pl.data.compose import compose
from vmatte_pl.data.datamodule import MattingData
from vmatte_pl.data.demo import demo_footage
from vmatte_pl.data.layouts import find_clips
from vmatte_pl.data.loading import calm_worker
from vmatte_pl.memory import keep_freed_memory
from vmatte_pl.models import Adapter, TinyMatte
from vmatte_pl.tasks import BwA

SIZE, T, BATCH, WORKERS = (288, 512), 15, 4, 2
SOURCE, GROUND = (432, 768), (720, 1280)
CLIPS, FRAMES, BATCHES = 12, 24, 8


def write_footage(root: Path) -> None:
    """Write clips as large as VideoMatte240K_SD's, and HD backgrounds."""
    rng = np.random.default_rng(0)
    demo, grounds = demo_footage()
    for i, clip in enumerate(find_clips(demo, "test")[:1] * CLIPS):
        for t in range(FRAMES):
            fgr = cv2.resize(clip.fgr.rgb(t), SOURCE[::-1], interpolation=cv2.INTER_CUBIC)[..., ::-1]
            pha = cv2.resize(clip.pha.grey(t), SOURCE[::-1], interpolation=cv2.INTER_CUBIC)
            fgr = np.where(pha[..., None] > 0, fgr, 0).astype(np.uint8)  # as VideoMatte240K has them
            for layer, pixels in (("fgr", fgr), ("pha", pha)):
                write_jpeg(root / "fgr" / "train" / layer / f"{i:04}" / f"{t:05}.jpg", pixels)
    for i, ground in enumerate(find_backgrounds(grounds, "train")[:CLIPS]):
        for t in range(min(len(ground), FRAMES)):
            pixels = cv2.resize(ground.rgb(t), GROUND[::-1], interpolation=cv2.INTER_CUBIC)
            noisy = np.clip(pixels + rng.normal(0, 4, pixels.shape), 0, 255)[..., ::-1].astype(np.uint8)
            name = f"{i:04}.jpg" if len(ground) == 1 else f"{i:04}/{t:04}.jpg"
            write_jpeg(root / "bgr" / "train" / name, noisy)
    for layer in ("fgr", "pha"):
        shutil.copytree(root / "fgr/train" / layer / "0000", root / "fgr/valid" / layer / "0000")
    (root / "bgr/valid").mkdir()
    write_jpeg(root / "bgr/valid/0000.jpg", noisy)


def write_jpeg(path: Path, pixels: np.ndarray) -> None:
    """Write an image at quality 95."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), pixels, [cv2.IMWRITE_JPEG_QUALITY, 95])


class PlainWindows(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """Windows by PIL and torchvision: every frame decoded whole, every step on float tensors."""

    def __init__(self, root: Path, augment: bool) -> None:
        self.clips, self.augment = find_clips(root / "fgr", "train"), augment
        self.grounds = find_backgrounds(root / "bgr", "train")

    def __len__(self) -> int:
        return 10_000

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        rng = np.random.default_rng(index)
        clip, ground = self.clips[index % len(self.clips)], self.grounds[int(rng.integers(len(self.grounds)))]
        start = int(rng.integers(len(clip) - T + 1))
        fgr = self.read([Path(clip.fgr.where(start + t)) for t in range(T)], "RGB")
        pha = self.read([Path(clip.pha.where(start + t)) for t in range(T)], "L")
        moments = [min(t, len(ground) - 1) for t in range(T)]
        bgr = self.read([Path(ground.where(t)) for t in moments], "RGB")
        if self.augment:
            both = self.move(torch.cat([fgr, pha], 1), rng)
            fgr, pha, bgr = self.light(both[:, :3], rng), both[:, 3:], self.light(self.move(bgr, rng), rng)
            grain = rng.uniform(0, 6 / 255) * torch.randn_like(fgr)
            fgr, bgr = (fgr + grain).clamp(0, 1), (bgr + grain).clamp(0, 1)
        return fgr, pha, bgr

    def read(self, paths: list[Path], mode: str) -> Tensor:
        """Decode images and fit them to the size."""
        frames = []
        for path in paths:
            with Image.open(path) as image:
                scale = max(SIZE[0] / image.height, SIZE[1] / image.width)
                size = [round(image.height * scale), round(image.width * scale)]
                frames.append(F.to_tensor(F.resize(image.convert(mode), size)))
        return F.center_crop(torch.stack(frames), list(SIZE))

    def move(self, frames: Tensor, rng: np.random.Generator) -> Tensor:
        """Move, turn, zoom, crop and flip."""
        angle, dx, dy, zoom = rng.normal(0, (2, 20, 10, 0.1))
        steps = np.linspace(0.5, 1, len(frames))
        moved = [
            F.affine(frame, angle * s, [int(dx * s), int(dy * s)], 1 + zoom * s, [0.0], F.InterpolationMode.BILINEAR)
            for frame, s in zip(frames, steps, strict=True)
        ]
        share = rng.uniform(0.6, 1)
        height, width = int(SIZE[0] * share), int(SIZE[1] * share)
        top, left = int(rng.integers(SIZE[0] - height + 1)), int(rng.integers(SIZE[1] - width + 1))
        cropped = F.resized_crop(torch.stack(moved), top, left, height, width, list(SIZE))
        return F.hflip(cropped) if rng.random() < 0.5 else cropped

    def light(self, frames: Tensor, rng: np.random.Generator) -> Tensor:
        """Change brightness, contrast, saturation and gamma."""
        brightness, contrast, saturation, gamma = np.exp(rng.normal(0, 0.2, 4))
        lit = []
        for frame, s in zip(frames, np.linspace(0.5, 1, len(frames)), strict=True):
            frame = F.adjust_brightness(frame, brightness**s)
            frame = F.adjust_contrast(frame, contrast**s)
            frame = F.adjust_saturation(frame, saturation**s)
            lit.append(F.adjust_gamma(frame, gamma**s))
        return torch.stack(lit)


def plain(root: Path, augment: bool) -> Iterator[Any]:
    """Compose the plain pipeline's batches."""
    loader = DataLoader(PlainWindows(root, augment), BATCH, num_workers=WORKERS, worker_init_fn=calm_worker)
    for fgr, pha, bgr in loader:
        yield compose(fgr, pha, bgr)


def ours(root: Path, **settings: Any) -> Iterator[Any]:
    """Compose this data module's batches."""
    data = MattingData(
        str(root / "fgr"),
        str(root / "bgr"),
        size=SIZE,
        window=T,
        batch_size=BATCH,
        workers=WORKERS,
        samples_per_epoch=10_000,
        **settings,
    )
    data.setup("fit")
    for batch in data.train_dataloader():
        yield data.on_after_batch_transfer(batch, 0)["com"]


def frames_per_second(batches: Iterator[Any]) -> float:
    """Time some batches, after as many as are loaded ahead."""
    for _ in range(2 * WORKERS):
        next(batches)
    start = time.perf_counter()
    for _ in range(BATCHES):
        next(batches)
    return BATCHES * BATCH * T / (time.perf_counter() - start)


def measure_frames() -> None:
    """Print the table of frames a second."""
    keep_freed_memory()  # as the command does
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_footage(root)
        pipelines = {
            "PIL and torchvision, augmented": lambda: plain(root, augment=True),
            "PIL and torchvision": lambda: plain(root, augment=False),
            "vmatte, augmented": lambda: ours(root),
            "vmatte, augmented, damage and tempo": lambda: ours(root, damage=1.0, tempo=1.0),
            "vmatte": lambda: ours(root, augment=False),
        }
        speeds = {name: frames_per_second(make()) for name, make in pipelines.items()}
    print(f"{SIZE[1]}x{SIZE[0]}, T={T}, {WORKERS} workers, {cores()}")
    peer = speeds["PIL and torchvision, augmented"]
    for name, speed in speeds.items():
        print(f"{name:38}{speed:8.1f} frames/s {speed / peer:6.2f} x")


def measure_waiting() -> None:
    """Profile a fit of the demo's config."""
    keep_freed_memory()
    adapter = Adapter(window=2, scale=0.5, options={"decoder_channels": [128, 64, 32, 16, 8]})
    trainer = pl.Trainer(
        max_steps=40,
        profiler="simple",
        precision="bf16-mixed",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        limit_val_batches=0,
    )
    trainer.fit(BwA(TinyMatte(), [adapter]), MattingData(batch_size=8, workers=WORKERS))
    durations = trainer.profiler.recorded_durations  # type: ignore[attr-defined]  # the simple profiler has them
    waits = next(times for name, times in durations.items() if "train_dataloader_next" in name)[5:40]
    steps = durations["run_training_batch"][5:40]
    share = sum(waits) / (sum(waits) + sum(steps))
    print(f"demo: {np.mean(steps) * 1e3:.0f} ms a step, {share:.1%} of the time waiting for data, {cores()}")


def measure_index(frames: int = 240_000, clips: int = 480) -> None:
    """Print the time and memory of scanning a large tree."""
    with tempfile.TemporaryDirectory() as folder:
        image = np.zeros((432, 768), np.uint8)
        for layer in ("fgr", "pha"):
            for clip in range(clips):
                place = Path(folder, "train", layer, f"{clip:04}")
                write_jpeg(place / "00000.jpg", image)
                for t in range(1, frames // clips):
                    (place / f"{t:05}.jpg").touch()
        subprocess.run([sys.executable, __file__, "scan", folder], check=True)  # noqa: S603 - this file


def scan(root: Path) -> None:
    """Scan a tree, in a process whose memory nothing else has filled."""
    before, start, used = memory(), time.perf_counter(), time.process_time()
    data = MattingData(str(root), workers=0)
    clips = data.sources().clips("train") + data.sources().clips("valid")
    seconds, used = time.perf_counter() - start, time.process_time() - used
    frames = sum(map(len, clips))
    print(f"index: {frames} frames in {seconds:.1f} s ({used:.1f} s of a core), {memory() - before:.0f} MB")


def memory() -> float:
    """Return the most memory that this process has had, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def cores() -> str:
    """Say how many cores may be used."""
    return f"{len(os.sched_getaffinity(0))} core(s)"


if __name__ == "__main__":
    if sys.argv[1:2] == ["scan"]:
        scan(Path(sys.argv[2]))
    else:
        parts = {"frames": measure_frames, "waiting": measure_waiting, "index": measure_index}
        for name in sys.argv[1:] or parts:
            parts[name]()
