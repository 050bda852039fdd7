"""The result of a measurement, and how time is measured.

If other programs share the cores, wall seconds mean little and the CPU seconds of a process and its children
are the better measure. Every figure has both; ratios are of CPU seconds unless it says otherwise. Two things
that are compared run in turns, and their ratio is the median over the turns.
"""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

Json = dict[str, Any]
CPU_RESOLUTION = 0.01
"""Seconds below which the system does not tell CPU times apart."""


@dataclass(frozen=True, kw_only=True)
class Spent:
    """Time that something took."""

    wall: float
    cpu: float
    """Of this process and of its children that have ended, user and system."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One line of the table."""

    part: str
    name: str
    value: float
    unit: str
    ratio: float | None = None
    """Of our rate over the rate of `against`; 1 = as fast."""
    against: str | None = None
    bar: str | None = None
    """What is asked for, as text."""
    limit: str | None = None
    """What bounds the figure: bytes, arithmetic, Python, database."""
    details: Json | None = None

    def as_json(self) -> Json:
        """Return what is not None."""
        return {name: value for name, value in asdict(self).items() if value is not None}


class Clock:
    """Starts when it is made."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), _cpu_seconds()

    def spent(self) -> Spent:
        """Return the time since the start."""
        return Spent(wall=time.perf_counter() - self._wall, cpu=_cpu_seconds() - self._cpu)


def _cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def timed(work: Callable[[], object]) -> Spent:
    """Do the work once."""
    clock = Clock()
    work()
    return clock.spent()


def in_turns(rounds: int, *works: Callable[[], object]) -> list[list[Spent]]:
    """Do the works one after the other, so many rounds; return the times of each work."""
    turns = [[timed(work) for work in works] for _ in range(rounds)]
    return [list(times) for times in zip(*turns, strict=True)]


def middle(times: Sequence[Spent]) -> Spent:
    """Return the medians of wall and CPU seconds."""
    return Spent(wall=median(each.wall for each in times), cpu=median(each.cpu for each in times))


def ratio(ours: Sequence[Spent], theirs: Sequence[Spent], *, scale: float = 1.0) -> float:
    """Return the median over the turns of their CPU seconds over ours, each for `scale` times our work."""
    pairs = zip(ours, theirs, strict=True)
    return median(their.cpu * scale / max(our.cpu, CPU_RESOLUTION) for our, their in pairs)


def table(figures: Sequence[Figure]) -> str:
    """Return the figures as a table in Markdown."""
    lines = ["| part | figure | value | ratio | asked for | limited by |", "|---|---|---|---|---|---|"]
    for each in figures:
        compared = "" if each.ratio is None else f"{each.ratio:.2f} of {each.against}"
        lines.append(
            f"| {each.part} | {each.name} | {each.value:,.4g} {each.unit} | {compared} "
            f"| {each.bar or ''} | {each.limit or ''} |"
        )
    return "\n".join(lines)
