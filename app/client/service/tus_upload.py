"""Resumable uploads by tus 1.0 (https://tus.io)."""

import base64
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx

from app.client.service.client_errors import ClientError
from app.client.service.connection import READ_BYTES, Connection

VERSION = {"Tus-Resumable": "1.0.0"}
MEDIA_TYPE = "application/offset+octet-stream"
PAUSE_SECONDS = 0.5
OFFSET = re.compile(r"[0-9]{1,18}")
CONFLICT, LOCKED = 409, 423
"""409: the offset has changed. 423: an earlier request still writes."""
RETRY_STATUSES = frozenset({CONFLICT, LOCKED, 429, 500, 502, 503, 504})
OnSent = Callable[[int], None]


def send_resumably(connection: Connection, path: str, file: Path, *, is_last: bool, on_sent: OnSent) -> None:
    """Upload a file; retry while bytes arrive at least once within the connection's `patience`.

    Raises:
        ClientError: the service refused.
        httpx.TransportError: no bytes have arrived for `patience` seconds.

    """
    size, location = file.stat().st_size, _begin(connection, path, file, is_last=is_last)
    offset, deadline = 0, time.monotonic() + connection.patience
    while offset < size:
        try:
            new_offset = _send_from(connection, location, file, offset, on_sent)
        except (httpx.TransportError, ClientError) as error:
            is_final = isinstance(error, ClientError) and error.status not in RETRY_STATUSES
            if is_final or time.monotonic() > deadline:
                raise
            time.sleep(PAUSE_SECONDS)
            new_offset = _read_offset(connection.request("HEAD", location, headers=VERSION))
        if new_offset > offset:
            deadline = time.monotonic() + connection.patience
        offset = new_offset
        on_sent(offset)


def _begin(connection: Connection, path: str, file: Path, *, is_last: bool) -> str:
    metadata = {"filename": file.name, "complete": "true" if is_last else "false"}
    pairs = (f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in metadata.items())
    length = str(file.stat().st_size)
    headers = {**VERSION, "Upload-Length": length, "Upload-Metadata": ",".join(pairs)}
    return _read_header(connection.request("POST", path, headers=headers), "location")


def _send_from(connection: Connection, location: str, file: Path, offset: int, on_sent: OnSent) -> int:
    headers = {
        **VERSION,
        "Upload-Offset": str(offset),
        "Content-Type": MEDIA_TYPE,
        "Content-Length": str(file.stat().st_size - offset),
    }
    content = lambda: _stream_from(file, offset, on_sent)  # noqa: E731 - one expression
    return _read_offset(connection.request("PATCH", location, content=content, headers=headers, repeat=False))


def _stream_from(file: Path, offset: int, on_sent: OnSent) -> Iterator[bytes]:
    with file.open("rb") as opened:
        opened.seek(offset)
        while block := opened.read(READ_BYTES):
            yield block
            offset += len(block)
            on_sent(offset)


def _read_offset(response: httpx.Response) -> int:
    offset = _read_header(response, "upload-offset")
    if OFFSET.fullmatch(offset) is None:
        raise ClientError(f"expected a number of bytes in Upload-Offset; found {offset!r}")
    return int(offset)


def _read_header(response: httpx.Response, name: str) -> str:
    if name not in response.headers:
        raise ClientError(f"expected the header {name} in the answer to an upload; found none")
    return str(response.headers[name])
