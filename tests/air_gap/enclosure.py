"""Runs a command in a network namespace that has loopback and no route, and counts what wanted to leave it.

`python -m tests.air_gap.enclosure DESCRIPTOR COMMAND...` is the inside: it makes the namespace, waits until
its parent has mapped the users, runs the command and writes the kernel's counters to the descriptor.
"""

import ctypes
import fcntl
import json
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

CLONE_NEWUSER, CLONE_NEWNET = 0x1000_0000, 0x4000_0000
SIOCSIFFLAGS, IFF_UP, IFF_RUNNING = 0x8914, 0x1, 0x40
COUNTERS = ("Ip:OutNoRoutes", "Ip6OutNoRoutes")
"""Connections and packets that the kernel refused for want of a route: of TCP, UDP and thus DNS."""
ALL_USERS = 65_536


@dataclass(frozen=True, kw_only=True)
class Enclosed:
    """How a command without a route ended."""

    returncode: int
    output: str
    attempts: dict[str, int]
    """The kernel's counters."""


def explain_impossible() -> str | None:
    """Return why no namespace can be made here; None: one can."""
    probe = run_enclosed([sys.executable, "-c", "pass"], os.environ)
    return None if probe.returncode == 0 else f"no network namespace can be made here: {probe.output.strip()}"


def run_enclosed(
    command: Sequence[str], environment: Mapping[str, str], *, folder: Path | None = None
) -> Enclosed:
    """Run a command with loopback and no route, and return how it ended and what it tried."""
    report_read, report_write = os.pipe()
    inside = [sys.executable, "-m", "tests.air_gap.enclosure", str(report_write), *command]
    with subprocess.Popen(
        inside,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=dict(environment),
        cwd=folder,
        pass_fds=[report_write],
        text=True,
    ) as process:
        os.close(report_write)
        assert process.stdin is not None
        assert process.stdout is not None
        first = process.stdout.readline()
        if first == "ready\n":
            _map_users(process.pid)
            process.stdin.write("mapped\n")
            process.stdin.flush()
            first = ""
        output = first + process.stdout.read()
        returncode = process.wait()
    with open(report_read, encoding="utf-8") as report:  # noqa: PTH123 - a descriptor
        attempts = json.loads(report.read() or "{}")
    return Enclosed(returncode=returncode, output=output, attempts=attempts)


def _map_users(pid: int) -> None:
    """Let a process keep its user in its new namespace; root keeps all, as PostgreSQL runs as another."""
    folder, is_root = Path(f"/proc/{pid}"), os.geteuid() == 0
    if not is_root:
        (folder / "setgroups").write_text("deny")
    for name, own in (("uid_map", os.geteuid()), ("gid_map", os.getegid())):
        (folder / name).write_text(f"0 0 {ALL_USERS}" if is_root else f"{own} {own} 1")


def count_attempts() -> dict[str, int]:
    """Return the counters of this process's network namespace."""
    found: dict[str, int] = {}
    lines = [line.split() for line in Path("/proc/self/net/snmp").read_text(encoding="ascii").splitlines()]
    for names, values in zip(lines[::2], lines[1::2], strict=True):
        found |= {f"{names[0]}{name}": int(value) for name, value in zip(names[1:], values[1:], strict=True)}
    for line in Path("/proc/self/net/snmp6").read_text(encoding="ascii").splitlines():
        name, value = line.split()
        found[name] = int(value)
    return {name: found[name] for name in COUNTERS}


def _enter_namespace() -> None:
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWUSER | CLONE_NEWNET):
        sys.exit(os.strerror(ctypes.get_errno()))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP | IFF_RUNNING))


def main() -> int:
    """Enter a namespace, run the command there, and report what wanted to leave it."""
    report, command = int(sys.argv[1]), sys.argv[2:]
    _enter_namespace()
    returncode = subprocess.run(command, check=False, stdin=subprocess.DEVNULL).returncode
    os.write(report, json.dumps(count_attempts()).encode())
    return returncode


if __name__ == "__main__":
    sys.exit(main())
