"""Reading an upload in a process of its own: what it may take, and what its end means."""

import errno
import gzip
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import patience
from tests.builders.pictures import write_digits_zip
from worker.ingest.pack_building import IngestError, IngestLimits, IngestOptions, IngestResult
from worker.ingest.process_limits import count_cpu_seconds
from worker.ingest.reading_process import Bounds, read_in_child

GIBIBYTE = 2**30
NO_LIMITS = IngestLimits()


def read(
    file: Path,
    tmp_path: Path,
    *,
    memory_bytes: int = GIBIBYTE,
    seconds: float = 100,
    silent_seconds: float = 100,
    limits: IngestLimits = NO_LIMITS,
    on_progress: Callable[[int, int | None], None] = lambda *_: None,
) -> IngestResult:
    destination = tmp_path / "out"
    destination.mkdir()
    return read_in_child(
        [file],
        options=IngestOptions(),
        limits=limits,
        destination=destination,
        bounds=Bounds(memory_bytes=memory_bytes, seconds=seconds, silent_seconds=silent_seconds),
        on_progress=on_progress,
    )


@pytest.fixture
def digits(tmp_path: Path) -> Path:
    return write_digits_zip(tmp_path / "digits.zip")


def in_child(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Have the reader run this instead of itself."""
    monkeypatch.setattr("worker.ingest.reading_process.subprocess.Popen", popen_of(code, subprocess.Popen))


def popen_of(code: str, popen: type) -> Callable[..., object]:
    def start(command: list[str], **arguments: object) -> object:
        return popen([command[0], "-c", code], **arguments)

    return start


def test_the_child_gives_what_the_reader_found(digits: Path, tmp_path: Path) -> None:
    seen: list[int] = []
    ingested = read(digits, tmp_path, on_progress=lambda done, _: seen.append(done))
    assert (ingested.format, ingested.sample_count, ingested.shape) == ("class_folders", 120, (8, 8, 1))
    assert ingested.pack_path.stat().st_size > 120 * 64
    assert seen[-1] == 120


def test_a_refusal_comes_through(tmp_path: Path) -> None:
    file = tmp_path / "x.zip"
    file.write_bytes(b"PK\x03\x04 and nothing")
    with pytest.raises(IngestError) as refused:
        read(file, tmp_path)
    assert refused.value.code == "broken_container"
    assert list((tmp_path / "out").iterdir()) == []


def test_memory_is_bounded(digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hungry = (
        "import worker.ingest.reading_process as r\nr.build_pack = lambda *_, **__: bytes(1 << 30)\nr.main()"
    )
    in_child(monkeypatch, hungry)
    with pytest.raises(IngestError) as refused:
        read(digits, tmp_path, memory_bytes=GIBIBYTE // 2)
    assert refused.value.code == "too_much_memory"


@pytest.mark.parametrize("bounds", [{"seconds": 0.3}, {"silent_seconds": 0.3}])
def test_time_is_bounded(
    digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bounds: dict[str, Any]
) -> None:
    in_child(monkeypatch, "import time; time.sleep(60)")
    started = time.monotonic()
    with pytest.raises(IngestError) as refused:
        read(digits, tmp_path, **bounds)
    assert refused.value.code == "too_slow"
    assert time.monotonic() - started < patience.scale(30)


def working(block: str) -> str:
    """Return the code of a reader that works in a block without an end."""
    return (
        "from contextlib import nullcontext\n"
        "import worker.ingest.reading_process as r, worker.formats.pictures.decoding_clock as clock\n"
        f"def work(*_, **__):\n with {block}:\n  while True: pass\n"
        "r.build_pack = work\nr.main()"
    )


@pytest.mark.parametrize(
    ("block", "limits", "named"),
    [
        ("nullcontext()", {"max_cpu_seconds": 3, "cpu_seconds_per_mebibyte": 1}, "in 3 seconds"),
        ("clock.measure()", {"max_picture_seconds": 1}, "each picture in 1 seconds"),
    ],
)
def test_processor_time_is_bounded(  # noqa: PLR0917 - fixtures
    digits: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    block: str,
    limits: dict[str, int],
    named: str,
) -> None:
    in_child(monkeypatch, working(block))
    with pytest.raises(IngestError, match=named) as refused:
        read(digits, tmp_path, seconds=patience.scale(60), limits=IngestLimits(**limits))
    assert refused.value.code == "too_slow"


def test_larger_uploads_get_more_time() -> None:
    limits = IngestLimits(max_cpu_seconds=600, cpu_seconds_per_mebibyte=10)
    assert [count_cpu_seconds(size, limits) for size in (0, 10 << 20, 1 << 30)] == [600, 700, 10_840]


def test_a_long_upload_steps_behind_others(
    digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nice = tmp_path / "nice"
    code = (
        "import os, time, threading, worker.ingest.reading_process as r, worker.ingest.process_limits as p\n"
        "p.LONG_SECONDS = p.LOOK_SECONDS = 0.05\n"
        "def work(*_, **__):\n while not os.getpriority(os.PRIO_PROCESS, threading.get_native_id()): pass\n"
        f" open({str(nice)!r}, 'w').write(str(os.getpriority(os.PRIO_PROCESS, 0))); raise MemoryError\n"
        "r.build_pack = work\nr.main()"
    )
    in_child(monkeypatch, code)
    with pytest.raises(IngestError):
        read(digits, tmp_path, seconds=patience.scale(60))
    assert nice.read_text() == "5"


@pytest.mark.parametrize(("number", "code"), [("SIGSEGV", "reader_crashed"), ("SIGKILL", "too_much_memory")])
def test_a_reader_that_dies_is_a_refusal(
    digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: str, code: str
) -> None:
    in_child(monkeypatch, f"import os, signal; os.kill(os.getpid(), signal.{number})")
    with pytest.raises(IngestError) as refused:
        read(digits, tmp_path)
    assert refused.value.code == code


def test_an_interruption_ends_the_child(
    digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted = tmp_path / "pid"
    in_child(
        monkeypatch, f"import os, time; open({str(noted)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    )

    def interrupt(*_: object) -> None:
        if noted.exists() and noted.read_text():
            raise KeyError("cancelled")

    with pytest.raises(KeyError):
        read(digits, tmp_path, on_progress=interrupt)
    with pytest.raises(ProcessLookupError):
        os.kill(int(noted.read_text()), signal.SIGCONT)


def test_a_full_disk_is_no_damaged_upload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "rows.csv.gz"
    file.write_bytes(gzip.compress(b"a,label\n1,x\n" * 100))
    full = (
        "import errno, worker.formats.archives.uploaded_files as u, worker.ingest.reading_process as r\n"
        "def alive(*_): raise OSError(errno.ENOSPC, 'No space left on device')\n"
        "u.check_total = alive\n"
        "r.main()"
    )
    in_child(monkeypatch, full)
    with pytest.raises(OSError, match="No space left") as caught:
        read(file, tmp_path)
    assert caught.value.errno == errno.ENOSPC
