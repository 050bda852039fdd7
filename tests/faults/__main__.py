"""`python -m tests.faults`: every fault, one after the other, and a table of what happened."""

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from app.client import Client
from app.embedded.local_stack import LocalStack
from tests import run_folder
from tests.case_runner import Case, interrupt_on_sigterm, print_outcome, print_report, run_cases, select_cases
from tests.faults import embedded, invariants, services, workers
from tests.faults.world import OVERRIDES, World, create_service_engine, write_small_csv

CASES = [*workers.CASES, *services.CASES, *embedded.CASES]
DISK_BYTES = 192 * 2**20


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Path | None]:
    """Yield a file system of its own that can be filled, where this user may mount one; else None."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode:
        yield None
        return
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)  # noqa: S607


@contextlib.contextmanager
def world_of(folder: Path, disk: Path | None) -> Iterator[World]:
    """Yield a service with a dataset and the result of an undisturbed audit."""
    overrides = OVERRIDES | ({"LIMIT_AUDIT_STORAGE_DIR": str(disk / "files")} if disk else {})
    with LocalStack(folder / "service", overrides=overrides) as stack, Client(stack.url) as client:
        world = World(stack=stack, client=client, engine=create_service_engine(stack), disk=disk)
        try:
            world.dataset = world.upload(write_small_csv(folder / "small.csv"))
            ready = world.until_read(world.dataset)
            assert ready["status"] == "ready", ready["error"]
            audit = world.audit()
            world.succeeded(audit)
            world.undisturbed = world.ranking_digest(audit)
            yield world
        finally:
            world.engine.dispose()


def _can_run(case: Case[World], disk: Path | None) -> bool:
    """Return whether this user may do what a case needs: fill a disk of its own, start as another user."""
    if case.name.startswith("disk full"):
        return disk is not None
    return case.name != embedded.SECOND_USER or os.geteuid() == 0


def main() -> int:
    """Run the cases that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", help="cases whose names match this pattern")
    parser.add_argument("--out", type=Path, help="write the outcomes as JSON")
    asked = parser.parse_args()
    interrupt_on_sigterm()
    run_folder.join_or_open()
    with contextlib.ExitStack() as closing:
        folder = Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="limit-audit-faults-")))
        disk = closing.enter_context(small_disk(folder / "disk"))
        cases = [case for case in select_cases(CASES, asked.only) if _can_run(case, disk)]
        world = closing.enter_context(world_of(folder, disk))
        outcomes = run_cases(cases, world, afterwards=invariants.check, on_outcome=print_outcome)
    return print_report("Faults", outcomes, out=asked.out)


if __name__ == "__main__":
    sys.exit(main())
