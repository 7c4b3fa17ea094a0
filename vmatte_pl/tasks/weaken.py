"""Damage to a backbone's alpha, so that an adapter learns to mend more than it meets in training."""

import torch
import torch.nn.functional as F
from torch import Tensor

CELL = 24
"""Pixels between the nodes of the noise that shapes the damage: about the size of a hand or a face."""


def weaken(alpha: Tensor, probability: float) -> Tensor:
    """Cut soft holes into some of the windows' alphas and put soft patches beside them, steady over the frames.

    A backbone does better on footage it was trained on than on what it meets later: there it loses parts of people
    and takes parts of the background for them. An adapter trained on the former alone would never see that.

    Args:
        alpha: The backbone's.
        probability: That a window is damaged at all.

    Shape:
        - alpha, output: (B, T, 1, H, W) in [0, 1].
    """
    B, _, _, H, W = alpha.shape
    nodes = torch.rand(2, B, 1, -(-H // CELL) + 1, -(-W // CELL) + 1, device=alpha.device)
    noise = F.interpolate(nodes.flatten(0, 1), (H, W), mode="bicubic").unflatten(0, (2, B)).unsqueeze(2)
    # a window's own threshold, from hardly any damage to about a fifth of the picture
    threshold = torch.empty(2, B, 1, 1, 1, 1, device=alpha.device).uniform_(0.7, 1.0)
    patches = ((noise - threshold) * 12 + 0.5).clamp(0, 1)
    hit = (torch.rand(B, 1, 1, 1, 1, device=alpha.device) < probability).to(alpha.dtype)
    holes, additions = patches * hit
    return torch.lerp(alpha * (1 - holes), torch.ones_like(alpha), additions * (1 - holes))
