"""The memory layout of tensors with which convolutions are fastest."""

import torch


def choose_memory_format(device: torch.device) -> torch.memory_format:
    """Return channels last for GPUs and for CPUs with AVX-512, else the contiguous format.

    On CPUs with only AVX2, channels last measured 5 to 15 % slower (bench/defaults/RESULTS.md).
    """
    has_avx512 = torch.cpu.get_capabilities().get("avx512_f", False)
    return torch.channels_last if device.type == "cuda" or has_avx512 else torch.contiguous_format
