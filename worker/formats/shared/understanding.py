"""What a reader understood of an upload: what it found, what it left out, and what it guessed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from models.reading.archive_names import hide_queries
from worker.formats.shared.problems import make_printable

if TYPE_CHECKING:
    from collections.abc import Iterable

_LISTED = 200
_TEXT_LENGTH = 400


@dataclass(kw_only=True)
class Understanding:
    """Grows while an upload is read; shown to the user before anything is trained."""

    facts: dict[str, Any] = field(default_factory=dict)
    """JSON: how the upload was read, by name."""
    notes: list[dict[str, str | None]] = field(default_factory=list)
    """What was guessed or is unusual: code, text, and the option of the upload that changes it."""
    left_out: list[dict[str, str]] = field(default_factory=list)
    """Columns that are not used: column and reason."""
    hides_queries: bool = False
    """Whether files are named by their addresses, whose queries may be signed and are not shown."""

    def note(self, code: str, text: str, *, option: str | None = None) -> None:
        """Add a note; the same one is added once."""
        text = hide_queries(text) if self.hides_queries else text
        entry = {"code": code, "text": make_printable(text)[:_TEXT_LENGTH], "option": option}
        if entry not in self.notes and len(self.notes) < _LISTED:
            self.notes.append(entry)

    def note_all(self, code: str, texts: Iterable[str], *, option: str | None = None) -> None:
        """Add a note for each text."""
        for text in texts:
            self.note(code, text, option=option)

    def take_notes(self, other: Understanding) -> None:
        """Add the notes of another understanding."""
        for entry in other.notes:
            self.note(str(entry["code"]), str(entry["text"]), option=entry["option"])

    def leave_out(self, column: str, reason: str) -> None:
        """Say that a column is not used."""
        entry = {"column": make_printable(column)[:_TEXT_LENGTH], "reason": reason}
        if entry not in self.left_out and len(self.left_out) < _LISTED:
            self.left_out.append(entry)

    def describe(self) -> dict[str, Any]:
        """Return everything as JSON."""
        return {**self.facts, "left_out": self.left_out, "notes": self.notes}
