"""The processes that a training started: this process's children without the tests' own."""

import psutil


def find_rank_processes() -> list[psutil.Process]:
    """Return this process's children, ended ones that nobody collected included."""
    return [child for child in psutil.Process().children() if not _is_of_tests(child)]


def _is_of_tests(child: psutil.Process) -> bool:
    """Return whether it is the watchdog of the tests or their PostgreSQL."""
    if child.status() == psutil.STATUS_ZOMBIE:
        return False
    return child.name() == "postgres" or any(part.endswith("run_folder.py") for part in child.cmdline())
