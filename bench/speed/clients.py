"""Cheap HTTP clients, so that the measurement is about the server."""

import http.client
import json
import re
import socket
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

BLOCK = 2**20
LONGEST_PAGE = 2**20
HEAD = re.compile(rb"(?=.*?\r\ncontent-length: (?P<length>\d+)\r\n).*?\r\n\r\n", re.IGNORECASE | re.DOTALL)


def answer(port: int, method: str, path: str, document: object = None) -> Any:  # noqa: ANN401 - JSON
    """Return the JSON of one request."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    body = None if document is None else json.dumps(document)
    connection.request(method, path, body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    text = response.read()
    connection.close()
    if response.status >= 400:  # noqa: PLR2004
        raise RuntimeError(f"{method} {path}: {response.status} {text[:300]!r}")
    return json.loads(text)


def latencies(port: int, paths: Sequence[str], *, clients: int, requests: int) -> list[float]:
    """Return the seconds of every request of clients that each ask again as soon as they are answered."""
    asked = [f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode() for path in paths]

    def client(number: int) -> list[float]:
        times, buffer = [], memoryview(bytearray(LONGEST_PAGE))
        with socket.create_connection(("127.0.0.1", port), timeout=600) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for turn in range(requests):
                started = time.perf_counter()
                connection.sendall(asked[(number + turn) % len(asked)])
                status = _answered(connection, buffer)
                times.append(time.perf_counter() - started)
                assert status == http.client.OK, status
        return times

    with ThreadPoolExecutor(clients) as pool:
        return [each for times in pool.map(client, range(clients)) for each in times]


def _answered(connection: socket.socket, buffer: memoryview) -> int:
    """Read an answer to its end and return its status."""
    received, end = 0, LONGEST_PAGE
    while received < end:
        count = connection.recv_into(buffer[received:])
        if count == 0:
            raise ConnectionError(f"closed after {received} bytes of {end}")
        received += count
        if end == LONGEST_PAGE and (head := HEAD.match(buffer[:received])):
            end = head.end() + int(head["length"])
    return int(bytes(buffer[9:12]))


def download(port: int, path: str) -> int:
    """Read a file to its end, keeping nothing; return its bytes."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    connection.request("GET", path)
    response = connection.getresponse()
    assert response.status == http.client.OK, response.status
    count, block = 0, bytearray(BLOCK)
    while read := response.readinto(block):
        count += read
    connection.close()
    return count


def upload(port: int, path: str, file: Path) -> None:
    """Put a file as a raw body; its bytes go from the disk to the socket without passing Python."""
    size = file.stat().st_size
    with socket.create_connection(("127.0.0.1", port), timeout=600) as connection, file.open("rb") as source:
        head = (
            f"PUT {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n"
        )
        connection.sendall(head.encode())
        connection.sendfile(source)
        reply = b"".join(iter(lambda: connection.recv(65_536), b""))
    status = int(reply.split()[1])
    assert status in {201, 202}, reply[:300]
