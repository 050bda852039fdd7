"""Work on hostile files ends in a process of its own, and says so."""

import errno
import io
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from structlog.testing import capture_logs

from app.http import work_apart
from app.http.work_apart import Failed, TooMuchWork, Unreadable, call_apart
from app.infra.errors import Invalid, NoSpace, Unavailable

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


def write(file: Path, mebibytes: int) -> int:
    """Write a file."""
    with file.open("wb") as opened:
        for _ in range(mebibytes):
            opened.write(bytes(MEBIBYTE))
    return file.stat().st_size


def write_on_a_full_disk() -> None:
    """Find that the disk is full."""
    raise OSError(errno.ENOSPC, "No space left on device")


def read_a_damaged_file() -> None:
    """Find nothing that can be read."""
    raise ValueError("timestamp 99999999999 is out of range")


def read_an_index_that_leads_nowhere() -> None:
    """Find a category that is not there; Arrow has an error of its own for it."""
    indices, categories = pa.array([3]), pa.array(["a"])
    pa.DictionaryArray.from_arrays(indices, categories)


def read_a_header_that_is_no_tuple() -> None:
    """Find a header that NumPy's parser gives up on, with an error of Python's own."""
    packed = io.BytesIO(b"\x93NUMPY\x01\x00\x08\x00((((   \n")
    np.lib.format.read_magic(packed)
    np.lib.format.read_array_header_1_0(packed)


def read_a_damaged_block() -> None:
    """Find what a library of columns cannot decompress."""
    raise OSError("Corrupt snappy compressed data.")


def mistake() -> None:
    """Fail as code with a mistake does."""
    raise KeyError("column")


def work_long() -> None:
    """Wait."""
    time.sleep(60)


def test_a_function_answers_from_another_process() -> None:
    found = call_apart(count, {"words": ["a", "b"]}, what="words", memory_bytes=64 * MEBIBYTE)
    assert found["words"] == 2
    assert found["process"] != os.getpid()
    with pytest.raises(Invalid, match="expected another file than /x") as refused:
        call_apart(refuse, {"file": Path("/x")}, what="a file", memory_bytes=64 * MEBIBYTE)
    assert type(refused.value) is Invalid


def test_what_takes_too_much_or_crashes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert call_apart(fill, {"mebibytes": 32}, what="a file", memory_bytes=64 * MEBIBYTE) == 32 * MEBIBYTE
    with pytest.raises(TooMuchWork, match="expected a file that can be read in 64 MiB of memory"):
        call_apart(fill, {"mebibytes": 128}, what="a file", memory_bytes=64 * MEBIBYTE)
    with pytest.raises(TooMuchWork):
        call_apart(crash, {}, what="a file", memory_bytes=64 * MEBIBYTE)
    monkeypatch.setattr(work_apart, "WAIT_FACTOR", 0.1)
    with pytest.raises(TooMuchWork, match="not done after 1 seconds"):
        call_apart(work_long, {}, what="a file", memory_bytes=64 * MEBIBYTE, cpu_seconds=10)


def test_what_writes_more_than_it_may_is_refused(tmp_path: Path) -> None:
    file, limits = tmp_path / "written", {"what": "a file", "memory_bytes": 64 * MEBIBYTE}
    arguments = {"file": file, "mebibytes": 4}
    assert call_apart(write, arguments, **limits, file_bytes=4 * MEBIBYTE) == 4 * MEBIBYTE  # type: ignore[arg-type]
    with pytest.raises(TooMuchWork, match="files of at most 3 MiB; found more: a longer file"):
        call_apart(write, arguments, **limits, file_bytes=3 * MEBIBYTE)  # type: ignore[arg-type]
    assert file.stat().st_size <= 3 * MEBIBYTE


@pytest.mark.parametrize(
    ("function", "kind", "match"),
    [
        (write_on_a_full_disk, NoSpace, "no room on the disk"),
        (read_a_damaged_file, Unreadable, "ValueError: timestamp 99999999999 is out of range"),
        (read_an_index_that_leads_nowhere, Unreadable, "out of bounds"),
        (read_a_header_that_is_no_tuple, Unreadable, "expected a file that can be read"),
        (read_a_damaged_block, Unreadable, "Corrupt snappy"),
        (mistake, Failed, "which was logged"),
    ],
)
def test_other_errors_are_told_as_what_they_are(
    function: Callable[[], None], kind: type[Exception], match: str
) -> None:
    with capture_logs() as logged, pytest.raises(kind, match=match):
        call_apart(function, {}, what="a file", memory_bytes=64 * MEBIBYTE)
    assert logged
    if kind is Failed:
        assert "KeyError: 'column'" in logged[0]["traceback"]
        assert logged[0]["log_level"] == "error"


def test_a_process_that_cannot_be_started_is_tried_later(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "run", fail)
    with pytest.raises(Unavailable, match="no process can be started"):
        call_apart(count, {"words": []}, what="words", memory_bytes=64 * MEBIBYTE)
