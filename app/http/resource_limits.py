"""What a process of its own may take: memory beside its libraries, time, disk, its place behind others.

Nothing else of the service is imported, so that such a process starts quickly.
"""

import os
import resource
from pathlib import Path

KIBIBYTE = 1024
NICENESS = 5


def limit_memory(memory_bytes: int) -> None:
    """Limit the data of this process on top of what its libraries have reserved, most of it never used."""
    status = Path("/proc/self/status")
    reserved = 0
    if status.exists():
        found = status.read_text(encoding="ascii").partition("VmData:")[2]
        reserved = int(found.split()[0]) * KIBIBYTE
    memory = reserved + memory_bytes
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))


def limit_files(file_bytes: int) -> None:
    """Limit the length of each file that this process writes; writing more is an OSError with EFBIG."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))


def limit_process(memory_bytes: int, cpu_seconds: int) -> None:
    """Limit this process, and let requests go first; SIGXCPU ends it when its processor time is used up."""
    limit_memory(memory_bytes)
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 1))
    os.nice(NICENESS)
