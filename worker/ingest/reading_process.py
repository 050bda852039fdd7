"""Reading of an upload in a child process with limits on memory and time (`worker.ingest.process_limits`).

`python -m worker.ingest.reading_process` is the child: it reads a task from its standard input and answers in
lines of JSON, first progress, at the end the outcome. A hostile file can crash only this process.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from worker.ingest import process_limits
from worker.ingest.pack_building import (
    IngestError,
    IngestLimits,
    IngestOptions,
    IngestResult,
    Problem,
    build_pack,
)
from worker.jobs.child_lines import read_lines

if TYPE_CHECKING:
    from app.places.place_access import Access
    from worker.ingest.placed_reading import PlacedUpload

TOO_SLOW = "too_slow"
TOO_MUCH_MEMORY = "too_much_memory"


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """Limits of reading one upload."""

    memory_bytes: int
    """Data of the process, without the files it reads."""
    seconds: float
    """From start to end."""
    silent_seconds: float
    """Without progress."""


@dataclass(frozen=True, kw_only=True)
class ListedPlace:
    """A place that is read instead of uploaded files."""

    access: "Access"
    listing: Path
    """The list of its files (`app.places.originals.write_listing`)."""
    total_bytes: int
    """Of all files, as far as that is known; more get more processor time."""


def read_in_child(
    files: list[Path],
    *,
    options: IngestOptions,
    limits: IngestLimits,
    destination: Path,
    bounds: Bounds,
    on_progress: Callable[[int, int | None], None],
    place: ListedPlace | None = None,
) -> IngestResult:
    """Run `build_pack` in a child, over files or a place.

    `on_progress` is called several times a second and can raise to stop.

    Raises:
        IngestError: the upload cannot be used, takes too much memory or time, or crashes the reader.
        OSError: the reader failed on one, such as a full disk.

    """
    task = {
        "files": [str(file) for file in files],
        "options": asdict(options),
        "limits": asdict(limits),
        "destination": str(destination),
        "memory_bytes": bounds.memory_bytes,
        "place": None if place is None else asdict(place),
    }
    size = sum(file.stat().st_size for file in files) if place is None else place.total_bytes
    with _start_reader(task) as process:
        outcome = _follow_reader(process, bounds, on_progress)
        process.wait()
    if outcome is None:
        seconds = process_limits.count_cpu_seconds(size, limits)
        raise IngestError(*_explain_end(process.returncode, seconds))
    if "errno" in outcome:
        raise OSError(outcome["errno"], outcome["detail"])
    if "code" in outcome:
        raise IngestError(outcome["code"], outcome["detail"])
    return _parse_outcome(outcome)


@contextmanager
def _start_reader(task: dict[str, Any]) -> Iterator[subprocess.Popen[bytes]]:
    """Start the reader; it is killed at the end of this block."""
    command = [sys.executable, "-m", "worker.ingest.reading_process"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:  # noqa: S603 - our own module
        try:
            assert process.stdin is not None
            with contextlib.suppress(BrokenPipeError):  # it died at once; its exit code tells why
                process.stdin.write(json.dumps(task, default=str).encode() + b"\n")
                process.stdin.flush()
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
            yield process
        finally:
            process.kill()


def _follow_reader(
    process: subprocess.Popen[bytes], bounds: Bounds, on_progress: Callable[[int, int | None], None]
) -> dict[str, Any] | None:
    """Report progress until the outcome comes, and return it; None if the reader ended without one."""
    started = last_line = time.monotonic()
    done: tuple[int, int | None] = (0, None)
    for line in read_lines(process):
        now = time.monotonic()
        if line is not None:
            last_line = now
            message = json.loads(line)
            if "progress" not in message:
                return dict(message)
            done = tuple(message["progress"])
        if now - started > bounds.seconds or now - last_line > bounds.silent_seconds:
            raise IngestError(
                TOO_SLOW,
                f"expected to read the upload within {bounds.seconds:g} seconds and with progress every "
                f"{bounds.silent_seconds:g} seconds; it was at sample {done[0]} after {now - started:.0f} "
                "seconds (split the upload, or send smaller pictures)",
            )
        on_progress(*done)
    return None


def _explain_end(returncode: int, cpu_seconds: int) -> tuple[str, str]:
    """Return a code and a sentence for a reader that ended without an outcome."""
    if returncode == -signal.SIGXCPU:
        return TOO_SLOW, (
            f"expected to read an upload of this size in {cpu_seconds} seconds of processor time "
            "(max_cpu_seconds and cpu_seconds_per_mebibyte of LIMIT_AUDIT_INGEST_LIMITS); it needs more"
        )
    if returncode == -signal.SIGKILL:
        return TOO_MUCH_MEMORY, (
            "expected to read the upload within the memory of this host; the system killed the reader, most "
            "likely because it used too much"
        )
    name = signal.Signals(-returncode).name if returncode < 0 else f"exit code {returncode}"
    return "reader_crashed", (
        f"expected a readable upload; the reader crashed ({name}), so the upload is damaged or hostile"
    )


def _parse_outcome(outcome: dict[str, Any]) -> IngestResult:
    paths = {name: Path(outcome[name]) for name in ("pack_path", "labels_path", "samples_path")}
    tuples = {name: tuple(outcome[name]) for name in ("class_names", "shape")}
    problems = tuple(Problem(**problem) for problem in outcome["problems"])
    return IngestResult(**{**outcome, **paths, **tuples, "problems": problems})


def main() -> None:
    """Read the upload that the standard input names, and write the outcome to the standard output."""
    process_limits.die_with_parent()  # if the worker is killed, so is the reader
    task = json.loads(sys.stdin.buffer.readline())
    limits = IngestLimits(**task["limits"])
    files = [Path(file) for file in task["files"]]
    place = task["place"]
    size = sum(file.stat().st_size for file in files) if place is None else place["total_bytes"]
    process_limits.limit_process(task["memory_bytes"], size, limits, partial(_end_slow_picture, limits))
    _answer(_read_upload(task, files, limits))


def _answer(outcome: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(outcome, default=str) + "\n")
    sys.stdout.flush()


def _end_slow_picture(limits: IngestLimits) -> None:
    """Refuse the upload and end: a thread that decodes cannot be stopped."""
    detail = (
        f"expected to decode each picture in {limits.max_picture_seconds} seconds of processor time "
        "(max_picture_seconds of LIMIT_AUDIT_INGEST_LIMITS); found one that takes longer (save it as PNG or "
        "JPEG, or smaller)"
    )
    _answer({"code": TOO_SLOW, "detail": detail})
    os._exit(0)


def _read_upload(task: dict[str, Any], files: list[Path], limits: IngestLimits) -> dict[str, Any]:
    def report(done: int, total: int | None) -> None:
        sys.stdout.write(json.dumps({"progress": [done, total]}) + "\n")
        sys.stdout.flush()

    destination = Path(task["destination"])
    try:
        placed = _open_place(task["place"], limits)
        ingested = build_pack(
            files,
            options=IngestOptions(**task["options"]),
            limits=limits,
            destination=destination,
            on_progress=report,
            members=None if placed is None else placed.list_members(),
        )
        if placed is not None:
            placed.write(destination)
    except IngestError as error:
        return {"code": error.code, "detail": str(error)}
    except MemoryError:
        return {
            "code": TOO_MUCH_MEMORY,
            "detail": f"expected to read the upload in {task['memory_bytes']} bytes of memory "
            "(LIMIT_AUDIT_INGEST_MEMORY_BYTES); it needs more",
        }
    except OSError as error:
        return {"errno": error.errno, "detail": str(error)}
    return asdict(ingested)


def _open_place(place: dict[str, Any] | None, limits: IngestLimits) -> "PlacedUpload | None":
    if place is None:
        return None
    # Loaded here: most uploads do without the libraries that read buckets and addresses.
    from app.places.place_access import Access  # noqa: PLC0415
    from worker.ingest.placed_reading import open_placed  # noqa: PLC0415

    access = Access(**place["access"])
    return open_placed(access, Path(place["listing"]), max_bytes=limits.max_member_bytes)


if __name__ == "__main__":
    main()
