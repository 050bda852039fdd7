"""What a configuration may depend on of the device that trains it."""

from dataclasses import dataclass

CPU_BFLOAT16 = ("amx_bf16", "avx512_bf16")
"""Capabilities with which a CPU multiplies in bf16 itself."""


@dataclass(frozen=True, kw_only=True)
class DeviceTraits:
    """A device, as far as choices depend on it."""

    kind: str
    """As torch calls it: "cpu", "cuda"."""
    has_fast_bfloat16: bool
    """Whether bf16 products are faster than fp32 there: GPUs since Ampere, CPUs with AMX or AVX-512 BF16.

    By capability and not by timing, so that a machine always gets the same numbers. On other CPUs bf16 is
    emulated, and measured 8 times slower than fp32 (bench/defaults/RESULTS.md).
    """

    @property
    def is_accelerator(self) -> bool:
        """Whether large networks are affordable."""
        return self.kind != "cpu"


TYPICAL = {
    "cpu": DeviceTraits(kind="cpu", has_fast_bfloat16=False),
    "gpu": DeviceTraits(kind="cuda", has_fast_bfloat16=True),
}
"""Traits by which a service judges what a worker of either class would accept: the precision, in which the
devices of a class differ, never decides whether a configuration is valid."""


def read_traits(device: str) -> DeviceTraits:
    """Return the traits of a device of this machine, such as "cpu" or "cuda:0"."""
    import torch  # noqa: PLC0415 - only where something trains: a service judges by TYPICAL, without torch

    kind = torch.device(device).type
    if kind == "cuda":
        has_fast = bool(torch.cuda.is_bf16_supported(including_emulation=False))
    else:
        has_fast = any(torch.cpu.get_capabilities().get(name, False) for name in CPU_BFLOAT16)
    return DeviceTraits(kind=kind, has_fast_bfloat16=has_fast)
