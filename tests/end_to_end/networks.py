"""Hosts with networks of their own: a namespace each, and a wire to this machine that can be cut."""

import os
import selectors
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests import run_folder

BLOCK = 2**16
IP = shutil.which("ip")
MISSING = "network namespaces need root and iproute2"


def possible() -> bool:
    """Return whether this process may make namespaces; a container may be root without the right to."""
    if os.geteuid() != 0 or IP is None:
        return False
    probe = f"la-probe-{os.getpid()}"
    try:
        _ip("netns", "add", probe)
    except subprocess.CalledProcessError:
        return False
    _ip("netns", "delete", probe)
    return True


def _ip(*words: str) -> None:
    assert IP is not None
    subprocess.run([IP, *words], check=True, capture_output=True)


@dataclass
class Remote:
    """A host at the other end of a wire; it reaches this machine by one address, and nothing else."""

    number: int
    listeners: list[socket.socket] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Return the namespace's name; with the process's, so that two suites stay apart."""
        return f"la{self.number}-{os.getpid()}"

    @property
    def gateway(self) -> str:
        """Return this machine's address, seen from there."""
        return f"10.213.{self.number}.1"

    @property
    def wire(self) -> str:
        """Return the name of the wire's end here."""
        return f"la{self.number}w{os.getpid()}"[:15]

    def plug(self) -> None:
        """Join the wire."""
        _ip("link", "set", self.wire, "up")

    def cut(self) -> None:
        """Cut the wire: what is under way is lost without a word."""
        _ip("link", "set", self.wire, "down")

    def forward(self, target: str | tuple[str, int]) -> int:
        """Serve a socket of this machine, by path or address, at the gateway; return the port."""
        listener = socket.create_server((self.gateway, 0))
        self.listeners.append(listener)
        threading.Thread(target=_accept, args=(listener, target), daemon=True).start()
        return int(listener.getsockname()[1])

    @contextmanager
    def running(self, *command: str, environment: dict[str, str], log: Path) -> Iterator[None]:
        """Run Python there for a while."""
        assert IP is not None
        with log.open("wb") as output:
            process = subprocess.Popen(
                [IP, "netns", "exec", self.name, sys.executable, *command],
                env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        try:
            yield
        finally:
            for child in psutil.Process(process.pid).children(recursive=True):
                child.kill()
            process.kill()
            process.wait()


@contextmanager
def remote(number: int) -> Iterator[Remote]:
    """Yield a host of its own network."""
    host = Remote(number)
    with run_folder.noted_namespace(host.name), _wired(host):
        yield host


@contextmanager
def _wired(host: Remote) -> Iterator[None]:
    _ip("netns", "add", host.name)
    try:
        there = f"{host.wire}x"[-15:]
        _ip("link", "add", host.wire, "type", "veth", "peer", "name", there, "netns", host.name)
        _ip("address", "add", f"{host.gateway}/24", "dev", host.wire)
        _ip("-n", host.name, "address", "add", f"10.213.{host.number}.2/24", "dev", there)
        for device in ("lo", there):
            _ip("-n", host.name, "link", "set", device, "up")
        host.plug()
        yield
    finally:
        for listener in host.listeners:
            listener.close()
        _ip("netns", "delete", host.name)


def _accept(listener: socket.socket, target: str | tuple[str, int]) -> None:
    with suppress(OSError):  # the listener was closed
        while True:
            near, _ = listener.accept()
            threading.Thread(target=_pass_on, args=(near, target), daemon=True).start()


def _pass_on(near: socket.socket, target: str | tuple[str, int]) -> None:
    family = socket.AF_UNIX if isinstance(target, str) else socket.AF_INET
    with near, socket.socket(family) as far, selectors.DefaultSelector() as ready, suppress(OSError):
        far.connect(target)
        ready.register(near, selectors.EVENT_READ, far)
        ready.register(far, selectors.EVENT_READ, near)
        while True:
            for key, _ in ready.select():
                content = key.fileobj.recv(BLOCK)  # type: ignore[union-attr]
                if not content:
                    return
                key.data.sendall(content)
