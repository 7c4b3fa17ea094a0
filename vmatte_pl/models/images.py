"""What most networks do to images before their first layer."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor


def imagenet_normalised(image: Tensor) -> Tensor:
    """Subtract ImageNet's mean colour and divide by its standard deviation.

    Shape:
        - image: (*, 3, H, W) RGB in [0, 1].
        - output: as ``image``, about zero mean and unit variance.
    """
    mean = image.new_tensor((0.485, 0.456, 0.406)).view(3, 1, 1)
    std = image.new_tensor((0.229, 0.224, 0.225)).view(3, 1, 1)
    return (image - mean) / std


def padded(image: Tensor, multiple: int) -> Tensor:
    """Repeat the last row and column until both sides are multiples of ``multiple``.

    Shape:
        - image: (N, C, H, W).
        - output: (N, C, H', W') with H' >= H and W' >= W; crop it with ``[..., :H, :W]``.
    """
    h, w = image.shape[-2:]
    return F.pad(image, (0, -w % multiple, 0, -h % multiple), mode="replicate")


def groups(*images: Tensor, pixels: int = 2**20) -> Iterator[tuple[Tensor, ...]]:
    """Split images into groups that have about ``pixels`` in all, for a network that works image by image.

    Small images share a call, and many large ones need no more memory than one.

    Shape:
        - images: each (N, C, H, W), with its own C.
        - output: the same for each group, with fewer N.
    """
    h, w = images[0].shape[-2:]
    size = max(1, pixels // (h * w))
    return zip(*(torch.split(image, size) for image in images), strict=True)
