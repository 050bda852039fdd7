"""Finished runs, one JSON line each; they are not trained again."""

import json
import os
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

Line = Mapping[str, Any]


class Results:
    """The lines of one experiment's file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = path.read_text().splitlines() if path.exists() else []
        self._lines: dict[str, Line] = {_name(line["key"]): line for line in map(json.loads, lines)}

    def get(self, key: Mapping[str, Any]) -> Line | None:
        """Return the line of a finished run, or None."""
        return self._lines.get(_name(key))

    def add(self, key: Mapping[str, Any], figures: Mapping[str, Any]) -> None:
        """Append a finished run in one write, so that several processes may share the file."""
        line = {"key": key, **figures}
        self._lines[_name(key)] = line
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        os.write(descriptor, (json.dumps(line) + "\n").encode())
        os.close(descriptor)

    def lines(self) -> list[Line]:
        """Return all finished runs."""
        return list(self._lines.values())


def best_of_search(lines: Iterable[Line]) -> list[Line]:
    """Return of each row, setup and split the line with the best validation accuracy."""
    groups: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        groups[_name({name: value for name, value in line["key"].items() if name != "settings"})].append(line)
    return [max(group, key=lambda line: float(line["validation_accuracy"])) for group in groups.values()]


def mean_and_deviation(values: list[float]) -> tuple[float, float | None]:
    """Return mean and sample standard deviation; of a single value there is none."""
    return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None


def _name(key: Mapping[str, Any]) -> str:
    return json.dumps(key, sort_keys=True)
