"""A plain-text progress bar for terminals and notebooks; silent elsewhere."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from app.client.service.answer_types import Json
from app.infra.unseen_characters import show_unseen

WIDTH = 30


class TextBar:
    """One line of text that is rewritten in place."""

    def __init__(self, title: str, *, is_shown: bool) -> None:
        self._title, self._is_shown, self._longest = title, is_shown, 0

    def show(self, share: float, note: str = "") -> None:
        """Draw the completed share, in [0, 1]."""
        if not self._is_shown:
            return
        filled = round(min(max(share, 0.0), 1.0) * WIDTH)
        line = f"{self._title:<7} {'█' * filled}{'░' * (WIDTH - filled)} {share:4.0%}  {show_unseen(note)}"
        self._longest = max(self._longest, len(line))
        sys.stdout.write(f"\r{line:<{self._longest}}")
        sys.stdout.flush()

    def end(self) -> None:
        """End the line."""
        if self._longest:
            sys.stdout.write("\n")


@contextmanager
def show_text_bar(title: str, *, enabled: bool) -> Iterator[TextBar]:
    """Show a bar while the block runs, on a terminal or in a notebook."""
    is_visible = sys.stdout.isatty() or "ipykernel" in sys.modules
    bar = TextBar(title, is_shown=enabled and is_visible)
    try:
        yield bar
    finally:
        bar.end()


def describe_ingestion(dataset: Json) -> tuple[float, str]:
    """Return the share of a dataset that is ingested, and a note."""
    if dataset["status"] == "ready":
        understood = dataset.get("understood") or {}
        sets = understood.get("set_count")
        count = understood["class_count"] if sets else len(dataset["class_names"])
        return 1.0, f"{dataset['sample_count']} samples, {count} classes{f' in {sets} sets' if sets else ''}"
    progress = dataset["progress"] or {}
    total = progress.get("total")
    return (progress["samples"] / total, f"{progress['samples']} samples") if total else (0.0, "")


def describe_training(audit: Json) -> tuple[float, str]:
    """Return the completed share of an audit, and a note."""
    if audit.get("features"):
        return audit["fraction"], _describe_features(audit["features"]) + _describe_left(audit)
    run = next((run for run in audit["runs"] if run["status"] == "running"), None)
    waiting = next((run["waiting"]["detail"] for run in audit["runs"] if run.get("waiting")), None)
    note = waiting or audit["status"]
    if run and run["progress"]:
        progress = run["progress"]
        note = f"{progress['stage']}, epoch {progress['epoch']}/{progress['epochs']}"
        if progress["samples_per_second"]:
            note += f", {progress['samples_per_second']:,.0f} samples/s"
    return audit["fraction"], note + _describe_left(audit)


def _describe_features(features: Json) -> str:
    note = f"features by {features['encoder']}, {features['done']} of {features['total']}"
    if features["samples_per_second"]:
        note += f", {features['samples_per_second']:,.0f} samples/s"
    return note


def _describe_left(audit: Json) -> str:
    """Return the time that is left of all parts of an audit."""
    left = audit.get("eta_seconds")
    return "" if left is None else f", about {left:.0f} s left"
