"""Reads the CPU time and memory of other processes from /proc."""

import os
from collections.abc import Iterator
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
MEBIBYTE = 2**20


def family(pid: int) -> Iterator[int]:
    """Yield a process and all that descend from it."""
    yield pid
    try:
        children = [(task / "children").read_text() for task in Path(f"/proc/{pid}/task").iterdir()]
    except OSError:  # it has just ended
        return
    for child in " ".join(children).split():
        yield from family(int(child))


def cpu_seconds(pid: int) -> float:
    """Return the user and system seconds of a process and of all that descend from it, ended ones too."""
    return sum(_of_one(each) for each in family(pid))


def _of_one(pid: int) -> float:
    try:
        # The second field is the program's name in brackets, which may hold spaces.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / TICKS


def highest_memory_mb(pid: int) -> float:
    """Return the largest resident size that a process has had, in MiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    kibibytes = next(line.split()[1] for line in lines if line.startswith("VmHWM"))
    return int(kibibytes) * 1_024 / MEBIBYTE
