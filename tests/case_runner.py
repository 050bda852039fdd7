"""Running cases one after the other against the service, each in bounded time, and printing what happened."""

import json
import re
import signal
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Generic, TypeVar

from rich.console import Console
from rich.table import Table

from tests import patience

World = TypeVar("World")


@dataclass(frozen=True, kw_only=True)
class Case(Generic[World]):
    """Something that is done to the service."""

    name: str
    run: Callable[[World], str]
    """Does it and returns what happened; AssertionError where that should not have happened."""
    seconds: int = 300
    """After which the case has failed."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a case."""

    name: str
    is_good: bool
    happened: str
    seconds: float


class OutOfTime(Exception):
    """A case took longer than it may."""


def run_cases(
    cases: Sequence[Case[World]],
    world: World,
    *,
    afterwards: Callable[[World], None] = lambda _: None,
    on_outcome: Callable[[Outcome], None] = lambda _: None,
) -> list[Outcome]:
    """Run cases in order, each followed by `afterwards`, whose AssertionError is the case's as well."""
    outcomes = []
    for case in cases:
        outcomes.append(_outcome(case, world, afterwards))
        on_outcome(outcomes[-1])
    return outcomes


def _outcome(case: Case[World], world: World, afterwards: Callable[[World], None]) -> Outcome:
    started = time.monotonic()
    try:
        with _at_most(round(patience.scale(case.seconds))):
            happened = case.run(world)
            afterwards(world)
        is_good = True
    except Exception as error:  # noqa: BLE001 - whatever went wrong is the case's outcome
        place = traceback.extract_tb(error.__traceback__)[-1]
        happened = f"{type(error).__name__}: {error} ({Path(place.filename).name}:{place.lineno})"
        is_good = False
    return Outcome(
        name=case.name, is_good=is_good, happened=happened, seconds=round(time.monotonic() - started, 3)
    )


@contextmanager
def _at_most(seconds: int) -> Iterator[None]:
    def end(_: int, __: FrameType | None) -> None:
        raise OutOfTime(f"not done after {seconds} seconds")

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def interrupt_on_sigterm() -> None:
    """Let SIGTERM end the program as Ctrl-C does, so that the service it started is stopped."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def select_cases(cases: Sequence[Case[World]], pattern: str | None) -> list[Case[World]]:
    """Return the cases whose names match a pattern, all without one."""
    return [case for case in cases if pattern is None or re.search(pattern, case.name)]


def print_outcome(outcome: Outcome) -> None:
    """Print a line for a case as it ends."""
    Console(stderr=True).print(
        f"{'ok    ' if outcome.is_good else 'FAILED'} {outcome.seconds:6.1f} s  {outcome.name}",
        highlight=False,
    )
    if not outcome.is_good:
        Console(stderr=True).print(outcome.happened, highlight=False, markup=False)


def print_report(title: str, outcomes: Sequence[Outcome], *, out: Path | None) -> int:
    """Print the table, write it as JSON if asked, and return the exit code."""
    table = Table("", "case", "seconds", "what happened", title=title, title_justify="left")
    for outcome in outcomes:
        mark = "[green]ok[/green]" if outcome.is_good else "[red]FAILED[/red]"
        table.add_row(mark, outcome.name, f"{outcome.seconds:.1f}", outcome.happened)
    console = Console(width=160)
    console.print(table)
    failed = [outcome for outcome in outcomes if not outcome.is_good]
    seconds = sum(outcome.seconds for outcome in outcomes)
    console.print(f"{len(outcomes)} cases, {len(failed)} failed, {seconds:.0f} seconds")
    if out is not None:
        out.write_text(
            json.dumps([asdict(outcome) for outcome in outcomes], indent=1) + "\n", encoding="utf-8"
        )
    return 1 if failed or not outcomes else 0
