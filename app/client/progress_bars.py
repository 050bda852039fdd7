"""A progress bar of plain text, on a terminal and in a notebook; elsewhere it stays silent."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from app.client.answer_types import Json

WIDTH = 30


class TextBar:
    """One line that is written over and over."""

    def __init__(self, title: str, *, is_shown: bool) -> None:
        self._title, self._is_shown, self._longest = title, is_shown, 0

    def show(self, share: float, note: str = "") -> None:
        """Draw the share done, in [0, 1]."""
        if not self._is_shown:
            return
        filled = round(min(max(share, 0.0), 1.0) * WIDTH)
        line = f"{self._title:<7} {'█' * filled}{'░' * (WIDTH - filled)} {share:4.0%}  {note}"
        self._longest = max(self._longest, len(line))
        sys.stdout.write(f"\r{line:<{self._longest}}")
        sys.stdout.flush()

    def end(self) -> None:
        """Leave the line."""
        if self._longest:
            sys.stdout.write("\n")


@contextmanager
def show_text_bar(title: str, *, wanted: bool) -> Iterator[TextBar]:
    """Show a bar while the block runs, where somebody can see it."""
    is_seen = sys.stdout.isatty() or "ipykernel" in sys.modules
    bar = TextBar(title, is_shown=wanted and is_seen)
    try:
        yield bar
    finally:
        bar.end()


def describe_ingestion(dataset: Json) -> tuple[float, str]:
    """Return how much of a dataset is read, and a note."""
    if dataset["status"] == "ready":
        return 1.0, f"{dataset['sample_count']} samples, {len(dataset['class_names'])} classes"
    progress = dataset["progress"] or {}
    total = progress.get("total")
    return (progress["samples"] / total, f"{progress['samples']} samples") if total else (0.0, "")


def describe_training(audit: Json) -> tuple[float, str]:
    """Return how much of an audit is done, and a note."""
    run = next((run for run in audit["runs"] if run["status"] == "running"), None)
    held_up = next((run["waiting"]["detail"] for run in audit["runs"] if run.get("waiting")), None)
    note = held_up or audit["status"]
    if run and run["progress"]:
        at = run["progress"]
        note = f"{at['stage']}, epoch {at['epoch']}/{at['epochs']}"
        if at["samples_per_second"]:
            note += f", {at['samples_per_second']:,.0f} samples/s, {at['eta_seconds']:.0f} s left"
    return audit["fraction"], note
