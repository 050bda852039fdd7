"""Which device a training worker uses."""

import platform

import torch


def choose() -> str:
    """Return the torch device of this process: the first GPU it may see, else the CPU."""
    return "cuda:0" if torch.cuda.is_available() else "cpu"


def name(device: str) -> str:
    """Return what a person would call a device."""
    if device == "cpu":
        return f"CPU {platform.machine()}, {torch.get_num_threads()} threads"
    return str(torch.cuda.get_device_name(device))
