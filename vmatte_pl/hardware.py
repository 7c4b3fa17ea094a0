"""What runs fastest on the machine at hand."""

import torch


def fastest_precision(accelerator: str = "auto") -> str:
    """Return the Trainer's fastest precision for ``accelerator`` here that trains as well as float32.

    bfloat16 keeps float32's range, so it needs no loss scaling: it is chosen on GPUs that have it, and on processors
    with AMX or AVX-512 bf16, where it halves the time of a training step. Losses and metrics stay in float32.
    """
    if accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available():
        return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "16-mixed"
    if accelerator in ("auto", "gpu", "mps") and torch.backends.mps.is_available():
        return "32-true"
    return "bf16-mixed" if has_bfloat16() else "32-true"


def has_bfloat16() -> bool:
    """Tell whether the processor calculates in bfloat16 itself; others emulate it, which is slower than float32."""
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
