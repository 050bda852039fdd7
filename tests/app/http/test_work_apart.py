"""Work on hostile files ends in a process of its own, and says so."""

import os
from pathlib import Path

import pytest

from app.http.work_apart import TooMuchWork, call_apart
from app.infra.errors import Invalid

MEBIBYTE = 2**20


def count(words: list[str]) -> dict[str, int]:
    """Return how many words there are, and in which process they were counted."""
    return {"words": len(words), "process": os.getpid()}


def fill(mebibytes: int) -> int:
    """Fill the memory."""
    return len(bytearray(mebibytes * MEBIBYTE))


def refuse(file: Path) -> None:
    """Refuse a file."""
    raise Invalid(f"expected another file than {file}")


def crash() -> None:
    """End without an answer."""
    os.abort()


def test_a_function_answers_from_another_process() -> None:
    found = call_apart(count, {"words": ["a", "b"]}, what="words", memory_bytes=64 * MEBIBYTE)
    assert found["words"] == 2
    assert found["process"] != os.getpid()
    with pytest.raises(Invalid, match="expected another file than /x") as refused:
        call_apart(refuse, {"file": Path("/x")}, what="a file", memory_bytes=64 * MEBIBYTE)
    assert type(refused.value) is Invalid


def test_what_takes_too_much_or_crashes_is_refused() -> None:
    assert call_apart(fill, {"mebibytes": 32}, what="a file", memory_bytes=64 * MEBIBYTE) == 32 * MEBIBYTE
    with pytest.raises(TooMuchWork, match="expected a file that can be read in 64 MiB of memory"):
        call_apart(fill, {"mebibytes": 128}, what="a file", memory_bytes=64 * MEBIBYTE)
    with pytest.raises(TooMuchWork):
        call_apart(crash, {}, what="a file", memory_bytes=64 * MEBIBYTE)
