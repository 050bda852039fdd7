"""`python -m tests.faults`: every fault, one after the other, and a table of what happened."""

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from app.client import Client
from app.embedded.local_stack import LocalStack
from tests import run_folder
from tests.case_runner import Case, interrupt_on_sigterm, print_outcome, print_report, run_cases, select_cases
from tests.faults import embedded, invariants, machines, services, strikes, workers
from tests.faults.moments import KILLS, MOMENTS, SEED
from tests.faults.world import OVERRIDES, World, create_service_engine, write_small_csv

CASES = [*workers.CASES, *services.CASES, *strikes.CASES, *embedded.CASES, *machines.CASES]
ALONE = ("embedded:", "machine:", "strike: up")
"""Begins the names of cases with installations of their own, which need no running service."""
NO_WORLD = cast("World", None)
DISK_BYTES = 2**30


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


def _explain_impossible(case: Case[World], disk: Path | None) -> str | None:
    """Return what a case needs and this user or machine does not have; None: it can be run."""
    if case.name.startswith("disk full") and disk is None:
        return "root, for a small file system"
    if case.name == embedded.SECOND_USER and os.geteuid() != 0:
        return "root, to start as another user"
    return machines.explain_impossible(case.name)


def _list_possible(cases: list[Case[World]], disk: Path | None) -> list[Case[World]]:
    """Return the cases that can be run here, and print the others with what they need."""
    possible = []
    for case in cases:
        reason = _explain_impossible(case, disk)
        if reason is None:
            possible.append(case)
        else:
            sys.stderr.write(f"left out        {case.name}: needs {reason}\n")
    return possible


def main() -> int:
    """Run the cases that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", help="cases whose names match this pattern")
    parser.add_argument("--out", type=Path, help="write the outcomes as JSON")
    parser.add_argument("--seed", type=int, default=SEED, help="of the random moments of kills")
    parser.add_argument("--kills", type=int, default=KILLS, help="how often each kill is repeated")
    asked = parser.parse_args()
    MOMENTS.seed, MOMENTS.kills = asked.seed, asked.kills
    sys.stderr.write(f"kills: {MOMENTS.words()}\n")
    interrupt_on_sigterm()
    run_folder.join_or_open()
    with contextlib.ExitStack() as closing:
        folder = Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="limit-audit-faults-")))
        disk = closing.enter_context(small_disk(folder / "disk"))
        cases = _list_possible(select_cases(CASES, asked.only), disk)
        alone = [case for case in cases if case.name.startswith(ALONE)]
        outcomes = run_cases(alone, NO_WORLD, on_outcome=print_outcome)
        together = [case for case in cases if case not in alone]
        if together:
            world = closing.enter_context(world_of(folder, disk))
            outcomes += run_cases(together, world, afterwards=invariants.check, on_outcome=print_outcome)
    return print_report("Faults", outcomes, out=asked.out)


if __name__ == "__main__":
    sys.exit(main())
