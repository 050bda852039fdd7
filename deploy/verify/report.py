"""Report of the checks: one line each, and at the end what cannot be checked here."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Report:
    """Prints checks when they end and counts failures."""

    failed: int = 0
    passed: int = 0
    notes: list[str] = field(default_factory=list)

    @contextmanager
    def check(self, name: str) -> Iterator[list[str]]:
        """Run a check, which passes unless it raises; facts appended to the list are printed with it."""
        facts: list[str] = []
        started = time.monotonic()
        try:
            yield facts
        except Exception as error:  # noqa: BLE001 - any error is the result of the check
            self.failed += 1
            facts.append(f"{type(error).__name__}: {error}")
            self._print_line("FAILED", name, started, facts)
        else:
            self.passed += 1
            self._print_line("ok", name, started, facts)

    def skip(self, what: str) -> None:
        """Add something that cannot be checked on this machine."""
        self.notes.append(what)

    def close(self) -> int:
        """Print what was not checked and the totals; return the exit code."""
        for note in self.notes:
            print(f"{'not checked':12}{note}")
        print(f"{self.passed} passed, {self.failed} failed, {len(self.notes)} not checked here")
        return 1 if self.failed else 0

    @staticmethod
    def _print_line(word: str, name: str, started: float, facts: list[str]) -> None:
        beside = f"  [{'; '.join(facts)}]" if facts else ""
        print(f"{word:12}{name}  ({time.monotonic() - started:.1f} s){beside}", flush=True)
