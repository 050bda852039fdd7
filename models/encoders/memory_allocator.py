"""Memory that a process keeps between the batches of an encoder, with glibc's allocator."""

import ctypes

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""The numbers of these options in glibc's malloc.h."""
KEPT_BYTES = 1 << 30
"""Above the memory of one step of a CPU, whose maps take some hundred MiB at 224 pixels."""


def keep_freed_memory() -> None:
    """Keep up to 1 GiB of freed memory for the next step, where the allocator is glibc's.

    By default glibc returns large maps to the system at once and asks for them again, page by page, in every
    layer: EfficientNet-Lite0 then encodes a third as many pictures a second (docs/photographs.md).
    """
    change = getattr(ctypes.CDLL(None), "mallopt", None)
    if change is not None:
        change(MMAP_THRESHOLD, KEPT_BYTES)
        change(TRIM_THRESHOLD, KEPT_BYTES)
