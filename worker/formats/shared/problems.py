"""Errors that refuse an upload, and problems of single samples."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from models.reading.archive_names import hide_queries, hide_query


class IngestError(ValueError):
    """The upload is refused; `code` is snake_case, the text says what was expected and found."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return self.message


class SampleError(Exception):
    """One sample cannot be used; the reader skips it."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What is wrong with one sample or file of an accepted upload."""

    key: str
    """The sample's key, or the file's name if there is no sample."""
    code: str
    """snake_case; docs/formats.md lists them."""
    detail: str


@dataclass(kw_only=True)
class ProblemLog:
    """Counts every problem and keeps the first `max_listed` of them."""

    max_listed: int
    listed: list[Problem] = field(default_factory=list)
    by_code: Counter[str] = field(default_factory=Counter)
    hides_queries: bool = False
    """Whether files are named by their addresses, whose queries may be signed and are not shown."""

    def add(self, key: str, code: str, detail: str) -> None:
        """Count a problem and list it while there is room."""
        self.by_code[code] += 1
        if len(self.listed) < self.max_listed:
            if self.hides_queries:
                key, detail = hide_query(key), hide_queries(detail)
            self.listed.append(Problem(key=make_printable(key), code=code, detail=make_printable(detail)))

    def merge(self, other: ProblemLog) -> None:
        """Append the problems of another log."""
        self.by_code.update(other.by_code)
        self.listed.extend(other.listed[: self.max_listed - len(self.listed)])

    @property
    def count(self) -> int:
        """All problems, listed or not."""
        return self.by_code.total()

    def summarise(self) -> str:
        """Summarise the problems in a few words, for the message of an IngestError."""
        if not self.listed:
            return "no problems listed"
        counts = ", ".join(f"{count} x {code}" for code, count in self.by_code.most_common(4))
        first = self.listed[0]
        return f"problems: {counts}; first: {first.key}: {first.detail}"


def make_printable(text: str) -> str:
    """Make a text storable: escape lone surrogates, replace NULs, keep at most 1,000 characters."""
    return text[:1000].replace("\x00", "\ufffd").encode("utf-8", "backslashreplace").decode("utf-8")
