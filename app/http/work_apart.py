"""Calls of a function in a process of its own, with limits of memory, time and disk: for files of people.

A file of a few kilobytes can describe tables of gigabytes. `python -m app.http.work_apart` reads from its
standard input which function to call with which arguments, pickled by its parent, and answers in JSON.
How many run at a time is up to who calls (`slow_work.run_apart`).
"""

import errno
import json
import pickle
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from app.http.resource_limits import limit_files, limit_process
from app.infra.errors import Invalid, NoSpace, Unavailable

log = structlog.get_logger()
MEBIBYTE = 2**20
CPU_SECONDS, WAIT_FACTOR = 300, 3
"""On a machine that others use too a second of the processor takes several."""
RETRY_SECONDS = 10
FULL, NUMPY_FULL = (errno.ENOSPC, errno.EDQUOT), " requested and "
"""The error numbers of a full disk, and the words of NumPy's, which has none."""
UNREADABLE = (ValueError, ArithmeticError, EOFError, NotImplementedError)
"""What libraries raise at a file that they cannot read; others are mistakes of ours."""
READERS = frozenset(
    {"pyarrow", "numpy", "zipfile", "zlib", "struct", "lzma", "_lzma", "bz2", "tokenize", "ast"}
)
"""Libraries that read files: errors of their own, or raised in them, are about what they read."""


class TooMuchWork(Invalid):
    """A file takes more memory, time or disk than it may."""

    code = "too_much_work"


class Unreadable(Invalid):
    """A file cannot be read: it is damaged, or holds what no library here reads."""

    code = "unreadable"


class Failed(Exception):
    """The function failed by a mistake of ours."""


def call_apart(
    function: Callable[..., object],
    arguments: Mapping[str, object],
    *,
    what: str,
    memory_bytes: int,
    file_bytes: int | None = None,
    cpu_seconds: int = CPU_SECONDS,
) -> Any:  # noqa: ANN401 - JSON
    """Return what a function returns that is called in a process of its own.

    Args:
        function: of a module of this project; what it returns can be JSON.
        arguments: by name.
        what: what the file is, for messages.
        memory_bytes: the most that it may take, on top of what the libraries have reserved.
        file_bytes: the longest file that it may write; None: as many bytes as it may have in memory.
        cpu_seconds: the most processor time that it may take.

    Raises:
        Invalid: the function raised it.
        TooMuchWork: it took more memory, processor time or disk than it may, or crashed on the file.
        Unreadable: the file is damaged.
        NoSpace: the disk is full.
        Unavailable: no process can be started at present.
        Failed: it failed in another way.

    """
    longest = memory_bytes if file_bytes is None else file_bytes
    task = pickle.dumps((memory_bytes, longest, cpu_seconds, function, arguments))
    limits = (
        f"{memory_bytes // MEBIBYTE:,} MiB of memory and {cpu_seconds} seconds of processor time, to files of"
        f" at most {longest // MEBIBYTE:,} MiB"
    )
    answer = _run(task, WAIT_FACTOR * cpu_seconds)
    if "value" in answer:
        return answer["value"]
    _raise_refusal(answer, what, limits)
    log.error("work in a process of its own failed", what=what, traceback=answer.get("failed"))
    raise Failed(f"the reading of {what} failed, which was logged")


def _run(task: bytes, seconds: float) -> dict[str, Any]:
    """Return the answer of a process; {"exceeded": how} if it was ended."""
    command = [sys.executable, "-m", "app.http.work_apart"]
    try:
        done = subprocess.run(  # noqa: S603 - our own program
            command, input=task, capture_output=True, check=False, timeout=seconds
        )
    except subprocess.TimeoutExpired:
        return {"exceeded": f"it was not done after {seconds:g} seconds"}
    except OSError as error:
        sentence = f"no process can be started at present ({error}); stored data is safe, retry later"
        raise Unavailable(sentence, seconds=RETRY_SECONDS) from error
    if done.returncode < 0:
        return {"exceeded": f"it was ended by signal {-done.returncode}"}
    if done.returncode:
        return {"failed": done.stderr.decode(errors="replace")}
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _raise_refusal(answer: Mapping[str, Any], what: str, limits: str) -> None:
    """Raise what an answer says about the file or the disk, if it does."""
    if "invalid" in answer:
        raise Invalid(answer["invalid"])
    if "exceeded" in answer:
        raise TooMuchWork(f"expected {what} that can be read in {limits}; found more: {answer['exceeded']}")
    if "full" in answer:
        log.warning("no room for work in a process of its own", what=what, error=answer["full"])
        raise NoSpace(f"there is no room on the disk for what is made of {what}; stored data is safe")
    if "unreadable" in answer:
        log.warning("a file cannot be read", what=what, traceback=answer["traceback"])
        raise Unreadable(f"expected {what} that can be read; found: {answer['unreadable']}")


def main() -> None:
    """Call the function of the standard input; write what it returns, or why it refuses, as JSON."""
    memory_bytes, file_bytes, cpu_seconds, function, arguments = pickle.load(sys.stdin.buffer)  # noqa: S301 - our own process wrote it
    limit_process(memory_bytes, cpu_seconds)
    limit_files(file_bytes)
    try:
        answer = {"value": function(**arguments)}
    except Invalid as error:
        answer = {"invalid": error.detail}
    except MemoryError:
        answer = {"exceeded": "memory"}
    except OSError as error:
        answer = _describe_system_error(error)
    except Exception as error:
        if not _is_about_the_file(error):
            raise
        answer = {"unreadable": f"{type(error).__name__}: {error}", "traceback": traceback.format_exc()}
    json.dump(answer, sys.stdout)


def _is_about_the_file(error: Exception) -> bool:
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    modules = (type(error).__module__, frames[-1].f_globals.get("__name__", ""))
    return isinstance(error, UNREADABLE) or any(name.partition(".")[0] in READERS for name in modules)


def _describe_system_error(error: OSError) -> dict[str, str]:
    """Return what an error of the system means; without a number, a library could not read the file."""
    if error.errno in FULL or NUMPY_FULL in str(error):
        return {"full": str(error)}
    if error.errno == errno.EFBIG:
        return {"exceeded": "a longer file"}
    if error.errno is None:
        return {"unreadable": str(error), "traceback": traceback.format_exc()}
    return {"failed": traceback.format_exc()}


if __name__ == "__main__":
    main()
