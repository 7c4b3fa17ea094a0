"""From the tensors of a step to pictures."""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from vmatte_pl.pictures import Shot
from vmatte_pl.types import ClipBatch, StepOutput


def shot(batch: ClipBatch, outputs: StepOutput, b: int, t: int) -> Shot:
    """Bring frame t of window b to the CPU as 8-bit pictures."""
    base = outputs["base"]
    return Shot(
        clip=batch["clip"][b],
        frame=int(batch["start"][b]) + t,
        com=uint8(batch["com"][b, t]),
        true=uint8(batch["pha"][b, t])[..., 0],
        boosted=uint8(outputs["alpha"][b, t])[..., 0],
        base=None if base is None else uint8(base[b, t])[..., 0],
    )


def frame_errors(batch: ClipBatch, outputs: StepOutput) -> Tensor:
    """Return each frame's mean absolute error, of the base where there is one.

    Shape:
        - output: (B, T) float32 in [0, 1].
    """
    first = outputs["base"] if outputs["base"] is not None else outputs["alpha"]
    return (first.float() - batch["pha"]).abs().mean(dim=(2, 3, 4))


def uint8(picture: Tensor) -> NDArray[np.uint8]:
    """(C, H, W) in [0, 1] to (H, W, C); rounded on the device, so that a quarter of the bytes travel."""
    levels = picture.detach().float().clamp(0, 1).mul(255).round().byte()
    return np.ascontiguousarray(levels.permute(1, 2, 0).cpu().numpy())
