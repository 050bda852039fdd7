"""How much of a device's memory the samples may take."""

import os
from pathlib import Path

import torch

RESIDENT_SHARE = 0.35
"""Samples are kept on the device while they take at most this share of its memory; else they are streamed."""
CONTROL_GROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


def resident_bytes_max(device: torch.device) -> int:
    """Return the bytes that samples kept on the device may take."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return int(free * RESIDENT_SHARE)
    return int(main_memory_bytes() * RESIDENT_SHARE)


def main_memory_bytes() -> int:
    """Return the machine's memory, or the container's limit where that is lower."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        return min(machine, int(CONTROL_GROUP_LIMIT.read_text()))
    except (OSError, ValueError):  # no control group, or its limit is the word "max"
        return machine
