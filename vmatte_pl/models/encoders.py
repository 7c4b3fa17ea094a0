"""Segmentation networks by name, whatever weights their encoders start from."""

import warnings
from pathlib import Path
from typing import Any

import segmentation_models_pytorch as smp
import timm
import torch
from segmentation_models_pytorch.encoders import get_preprocessing_params
from torch import Tensor, nn

from vmatte_pl.errors import CheckpointError, ConfigError
from vmatte_pl.models.checkpoints import read_weights
from vmatte_pl.models.fine import FineUnet

IMAGENET = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
"""Mean and standard deviation of ImageNet's colours."""

_FILES = {".safetensors", ".pth", ".pt", ".bin"}


def segmentation_network(
    architecture: str, encoder: str | None, weights: str | None, channels: int, options: dict[str, Any]
) -> Any:
    """Build a network with one output, of segmentation_models_pytorch or ours; its first 3 channels are I(t)'s colours.

    Raises:
        ConfigError: The architecture, the encoder or the weights are not known to smp; or one without an encoder to
            choose was given one.
        CheckpointError: The weight file is missing, or another encoder's.
    """
    if architecture == FineUnet.__name__:
        return _fine_unet(encoder, weights, channels, options)
    published: str | bool | None = None if _is_file(weights) else weights
    if published and encoder and encoder.startswith("tu-"):
        published = True  # smp takes no other name for these, and warns
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "`timm-` encoders are deprecated")
            network = smp.create_model(
                architecture,
                encoder_name=encoder,
                encoder_weights=published,
                in_channels=channels,
                classes=1,
                **options,
            )
    except (AttributeError, KeyError, OSError, RuntimeError, TypeError, ValueError) as error:
        raise ConfigError(
            expected="an architecture, encoder and weights that segmentation_models_pytorch knows",
            found=f"{architecture}, {encoder}, {weights}, {options} ({(str(error).splitlines() or [''])[0][:150]})",
            where="adapter",
            remedy="see smp.encoders.get_encoder_names() and timm.list_models()",
        ) from error
    if published is not None:
        start_from_the_current_frame(network, channels)
    elif weights is not None:
        load_encoder(network.encoder, weights, channels)
    network.to(memory_format=torch.channels_last)
    return network


def _fine_unet(encoder: str | None, weights: str | None, channels: int, options: dict[str, Any]) -> Any:
    if encoder is not None or weights is not None or options.keys() - {"width", "negative_slope"}:
        raise ConfigError(
            expected="FineUnet without encoder and weights, and no options but width and negative_slope",
            found=f"{encoder}, {weights}, {options}",
            where="adapter",
            remedy="set encoder and encoder_weights to null",
        )
    return FineUnet(channels, **options).to(memory_format=torch.channels_last)


def start_from_the_current_frame(network: nn.Module, channels: int) -> None:
    """Give the pre-trained filters to I(t) alone; the earlier frames and the alpha start at zero.

    smp and timm repeat the RGB filters over all channels, scaled down by 3 / channels, so that a pre-trained encoder
    would see the mean of all frames and take the alpha for a red picture. Some encoders look at it in several ways
    side by side; what tells their first filters from later ones with as many channels is that they repeat themselves.
    """
    wide = (m for m in network.modules() if isinstance(m, nn.Conv2d) and m.weight.shape[1] == channels)
    with torch.no_grad():
        for weight in (m.weight for m in wide if torch.equal(m.weight[:, 3], m.weight[:, 0])):
            weight[:, :3] *= channels / 3
            weight[:, 3:] = 0


def load_encoder(encoder: nn.Module, path: str, channels: int) -> None:
    """Start an encoder from a published weight file: its RGB filters for I(t), zero for all other channels.

    Every tensor of the encoder must be in the file. The file's classifier, which an encoder lacks, is left out.

    Raises:
        CheckpointError: There is no such file, or it is not this encoder's.
    """
    inner = getattr(encoder, "model", encoder)  # smp wraps timm's encoders
    own: dict[str, Tensor] = inner.state_dict()
    given = {_canonical(name): tensor for name, tensor in read_weights(path).items()}
    found = {name: _widened(given.get(_canonical(name)), tensor, channels) for name, tensor in own.items()}
    wrong = [name for name, tensor in found.items() if tensor is None and not name.endswith("num_batches_tracked")]
    if wrong:
        raise CheckpointError(
            expected=f"the {len(own)} tensors of the encoder",
            found=f"{len(wrong)} missing or of another shape, such as {wrong[0]}",
            where=path,
            remedy="give the weights that were published for this very encoder, of smp or of timm",
        )
    inner.load_state_dict({name: own[name] if tensor is None else tensor for name, tensor in found.items()})


def normalisation(encoder: str | None, weights: str | None) -> tuple[list[float], list[float]]:
    """Return the mean and standard deviation of RGB in [0, 1] that the encoder expects: ImageNet's, if unknown."""
    if encoder is None:
        return IMAGENET
    if encoder.startswith("tu-"):
        config = timm.get_pretrained_cfg(encoder.removeprefix("tu-"))
        return (list(config.mean), list(config.std)) if config and weights else IMAGENET
    if weights is None or _is_file(weights):  # smp would ask a hub
        return IMAGENET
    params = get_preprocessing_params(encoder, weights)
    scale = max(params["input_range"])  # a few encoders count colours up to 255
    return [m / scale for m in params["mean"]], [s / scale for s in params["std"]]


def _is_file(weights: str | None) -> bool:
    return weights is not None and Path(weights).suffix in _FILES


def _canonical(name: str) -> str:
    """Return what a tensor is called wherever it lies: timm flattens ``stages.0`` to ``stages_0`` in an encoder."""
    return name.removeprefix("encoder.").removeprefix("model.").replace(".", "_")


def _widened(given: Tensor | None, own: Tensor, channels: int) -> Tensor | None:
    """Return ``given`` in the shape of ``own``, filters of RGB filled up with zeros; None if it does not fit."""
    if given is None or given.shape == own.shape:
        return given
    if own.ndim != 4 or given.shape != (own.shape[0], 3, *own.shape[2:]) or own.shape[1] != channels:
        return None
    wide = torch.zeros_like(own)
    wide[:, :3] = given
    return wide
