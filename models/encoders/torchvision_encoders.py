"""Encoders of torchvision: its networks without their heads, and where it keeps downloaded weights."""

from pathlib import Path
from typing import Any
from urllib.error import URLError

import torch
from torch import nn
from torchvision.models import get_model_weights

from models.catalogue.encoders import DownloadFailed, EncoderFacts
from models.catalogue.networks import BACKBONES
from models.networks.pretrained import build_headless


def build_torchvision(facts: EncoderFacts, state: dict[str, Any]) -> nn.Module:
    """Return a network without its head, with the weights of the complete network.

    Raises:
        ValueError: the tensors are not those of this network.

    """
    head = BACKBONES[facts.model].head
    network = build_headless(facts.model)
    try:
        network.load_state_dict(
            {name: value for name, value in state.items() if not name.startswith(f"{head}.")}
        )
    except RuntimeError as error:
        raise ValueError(str(error)) from error
    return network


def locate_cached(facts: EncoderFacts) -> Path | None:
    """Return the file in torch's cache that torchvision downloaded earlier; None: there is none."""
    path = _name_cached(facts)
    return path if path.is_file() else None


def download(facts: EncoderFacts) -> Path:
    """Download torchvision's weights to torch's cache; their names contain the start of their SHA-256.

    Raises:
        DownloadFailed: the network or its answer fails.

    """
    path = _name_cached(facts)
    url = get_model_weights(facts.model).DEFAULT.url
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        prefix = path.stem.rpartition("-")[2]
        torch.hub.download_url_to_file(url, str(path), hash_prefix=prefix, progress=False)
    except (URLError, OSError, RuntimeError) as error:
        raise DownloadFailed(f"{url} could not be downloaded: {getattr(error, 'reason', error)}.") from error
    return path


def _name_cached(facts: EncoderFacts) -> Path:
    url: str = get_model_weights(facts.model).DEFAULT.url
    return Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]
