"""The memory that samples can take on a device."""

import os
from pathlib import Path

import torch

RESIDENT_SHARE = 0.35
"""Samples are kept on the device if they take at most this share of its memory; else they are streamed."""
CONTROL_GROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


def limit_resident_bytes(device: torch.device) -> int:
    """Return the most bytes that samples on the device can take."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return int(free * RESIDENT_SHARE)
    return int(measure_main_memory() * RESIDENT_SHARE)


def measure_main_memory() -> int:
    """Return the machine's memory in bytes, or the container's limit if that is lower."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        return min(machine, int(CONTROL_GROUP_LIMIT.read_text()))
    except (OSError, ValueError):  # there is no control group, or its limit is the word "max"
        return machine
