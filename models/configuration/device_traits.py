"""The traits of a device on which a configuration depends."""

from dataclasses import dataclass

CPU_BFLOAT16 = ("amx_bf16", "avx512_bf16")
"""CPU capabilities with native bf16 products."""


@dataclass(frozen=True, kw_only=True)
class DeviceTraits:
    """The traits of a device."""

    kind: str
    """torch's device type: "cpu", "cuda"."""
    has_fast_bfloat16: bool
    """Whether bf16 products are faster than fp32: GPUs since Ampere, CPUs with AMX or AVX-512 BF16.

    Decided by capability and not by timing, so that a machine always gets the same numbers. Other CPUs
    emulate bf16, measured 8 times slower than fp32 (bench/defaults/RESULTS.md).
    """

    @property
    def is_accelerator(self) -> bool:
        """Whether large networks are affordable."""
        return self.kind != "cpu"


TYPICAL = {
    "cpu": DeviceTraits(kind="cpu", has_fast_bfloat16=False),
    "gpu": DeviceTraits(kind="cuda", has_fast_bfloat16=True),
}
"""Traits with which the API checks a configuration for a class of workers. Devices of a class differ only in
precision, which never decides whether a configuration is valid."""


def read_traits(device: str) -> DeviceTraits:
    """Return the traits of a device of this machine, such as "cpu" or "cuda:0"."""
    import torch  # noqa: PLC0415 - only workers call this; the API uses TYPICAL and never loads torch

    kind = torch.device(device).type
    if kind == "cuda":
        has_fast = bool(torch.cuda.is_bf16_supported(including_emulation=False))
    else:
        has_fast = any(torch.cpu.get_capabilities().get(name, False) for name in CPU_BFLOAT16)
    return DeviceTraits(kind=kind, has_fast_bfloat16=has_fast)
