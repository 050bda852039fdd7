"""Streams a stored file from disk or bucket, completely or by Range (RFC 9110)."""

import re
from pathlib import Path
from typing import Any

from fastapi import Request, Response
from fastapi.responses import FileResponse, StreamingResponse

from app.infra.errors import Gone
from app.infra.storage import Storage

ONE_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


class LocalFile(FileResponse):
    """A file on disk, sent in large blocks, because each block waits its turn among all requests.

    With blocks of 64 KiB, 6 MB took 10 s beside 50 busy clients (bench/load/RESULTS.md). Larger blocks
    would lose slow clients: a client must take each block within `UNREAD_SECONDS`
    of `app.http.connection_timeouts`, this block at 4.3 KiB a second.
    """

    chunk_size = 256 * 1024


def describe_content(*media_types: str) -> dict[str, Any]:
    """Return an answer's content for the API document: text is a string, JSON anything, the rest binary."""
    return {name: _describe_body(name) for name in media_types}


def _describe_body(media_type: str) -> dict[str, Any]:
    if media_type == "application/json":
        return {}
    if media_type.startswith("text/"):
        return {"schema": {"type": "string"}}
    return {"schema": {"type": "string", "format": "binary"}}


def describe_download(*media_types: str) -> dict[int | str, dict[str, Any]]:
    """Return the answers of a stored file for the API document."""
    content = describe_content(*media_types)
    return {
        200: {"content": content},
        206: {"description": "The requested range", "content": content},
        304: {"description": "The client already has this version"},
        416: {"description": "The file has no such range"},
    }


def serve_file(
    request: Request, files: Storage, path: Path, *, etag: str, media_type: str, headers: dict[str, str]
) -> Response:
    """Return the response for a file, or 304 if the client has this version; `headers` are added to it.

    Raises:
        Gone: the file is no longer there.

    """
    headers = {"ETag": etag, **headers}
    known = request.headers.get("if-none-match", "")
    if etag in known or known.strip() == "*":
        return Response(status_code=304, headers=headers)
    if not files.exists(path):
        raise Gone(f"{path.name} is no longer stored; restore it from a backup, or audit the dataset again")
    if files.is_local:
        return LocalFile(path, media_type=media_type, headers=headers)
    size = files.measure_size(path)
    start, stop = _parse_range(request, etag, size)
    if start >= stop and size:
        return Response(status_code=416, headers={"Content-Range": f"bytes */{size}"})
    headers |= {"Accept-Ranges": "bytes", "Content-Length": str(stop - start)}
    is_partial = (start, stop) != (0, size)
    if is_partial:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    body = iter(()) if request.method == "HEAD" else files.stream(path, start=start, stop=stop)
    return StreamingResponse(
        body, status_code=206 if is_partial else 200, media_type=media_type, headers=headers
    )


def _parse_range(request: Request, etag: str, size: int) -> tuple[int, int]:
    """Return the requested bytes; all if the header is not usable, as RFC 9110 allows."""
    match = ONE_RANGE.fullmatch(request.headers.get("range", ""))
    if match is None or not any(match.groups()) or request.headers.get("if-range", etag) != etag:
        return 0, size
    first, last = match.groups()
    if not first:
        return max(size - int(last), 0), size
    return int(first), min(int(last) + 1, size) if last else size
