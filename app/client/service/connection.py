"""HTTP to one service: JSON in and out, streamed files, retries of short failures."""

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self
from uuid import uuid4

import httpx

from app.client.service.answer_checks import (
    check_response,
    read_json,
    read_object,
    report_undecodable,
    require_object,
)
from app.client.service.answer_types import Json
from app.client.service.client_errors import ClientError
from app.client.service.file_names import choose_file, refuse_existing, require_folder
from app.client.service.origins import require_own_origin

READ_BYTES = 1 << 20
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
TIMEOUT = httpx.Timeout(30, read=600)
RETRY_STATUSES = frozenset({429, 502, 503, 504})
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.25, 8.0
Content = Callable[[], Iterator[bytes]]


class Connection:
    """An HTTP connection to one service; `patience` is the longest interruption it tolerates, in seconds."""

    def __init__(self, url: str, *, key: str | None = None, patience: float = 60) -> None:
        self.url, self.patience = url, patience
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        # The environment's proxy is for other hosts, not for this machine.
        is_loopback = httpx.URL(url).host in LOOPBACK
        self._http = httpx.Client(base_url=url, headers=headers, timeout=TIMEOUT, trust_env=not is_loopback)
        self._was_reached = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def get(self, path: str, **params: Any) -> Any:  # noqa: ANN401 - whatever JSON the service answers
        """GET a JSON answer."""
        return read_json(self.request("GET", path, params=params))

    def post(self, path: str, body: Json | None = None) -> Json:
        """POST a JSON body, return the JSON answer."""
        return read_object(self.request("POST", path, json=body))

    def delete(self, path: str) -> None:
        """DELETE an object."""
        self.request("DELETE", path)

    def put(self, path: str, content: Content, *, size: int, params: Json | None = None) -> Json:
        """PUT a body of known size, return the JSON answer; a retry calls `content` again."""
        headers = {"Content-Length": str(size), "Content-Type": "application/octet-stream"}
        return read_object(self.request("PUT", path, content=content, headers=headers, params=params))

    def put_json(self, path: str, body: Json) -> Json:
        """PUT a JSON body, return the JSON answer."""
        return read_object(self.request("PUT", path, json=body))

    def pages(self, path: str, **params: object) -> Iterator[Json]:
        """Iterate over all items of a paged list."""
        cursor: str | None = None
        while True:
            page = require_object(self.get(path, **params, **({"cursor": cursor} if cursor else {})))
            yield from _read_items(page)
            cursor = page.get("next_cursor")
            if cursor is None:
                return

    def download(
        self,
        path: str,
        target: Path,
        *,
        method: str = "GET",
        json: Json | None = None,
        **params: Any,  # noqa: ANN401 - query values
    ) -> Path:
        """Stream a file to disk; it appears only when complete. In a folder the service chooses its name.

        Raises:
            ClientError: the service refused, or its name is that of a file which exists, or no usable one; or
                there is no folder for the file.

        """
        is_named = not target.is_dir()
        require_folder(target)
        with self._http.stream(method, path, params=params, json=json) as response:
            if not response.is_success:
                response.read()
            check_response(response)
            final = target if is_named else choose_file(response, target, path)
            if not is_named:
                refuse_existing(final)
            partial = final.with_name(f".{final.name}.partial")
            try:
                with report_undecodable(), partial.open("wb") as file:
                    for block in response.iter_bytes(READ_BYTES):
                        file.write(block)
                if not is_named:
                    refuse_existing(final)  # it may have appeared during the download
                partial.replace(final)
            finally:
                partial.unlink(missing_ok=True)
        return final

    def image(self, url: str, *, variant: Literal["pack", "original"] = "pack") -> bytes:
        """Return a sample's image: the training pixels (`pack`) or the uploaded file (`original`)."""
        return self.request("GET", url, params={"variant": variant}).content

    def request(
        self,
        method: str,
        path: str,
        *,
        content: Content | None = None,
        repeat: bool = True,
        **options: Any,  # noqa: ANN401
    ) -> httpx.Response:
        """Send a request, retry while the service is briefly unavailable, and return the successful response.

        Raises:
            ClientError: the service refused, or the address is not of this service.
            httpx.TransportError: the service was never reached, or is unreachable for longer than `patience`.

        """
        require_own_origin(self.url, path)
        if method == "POST":
            # By this key the service recognises a repeated request and does not execute it twice.
            options["headers"] = {"Idempotency-Key": uuid4().hex, **options.get("headers", {})}
        deadline, pause = time.monotonic() + self.patience, FIRST_PAUSE_SECONDS
        while True:
            try:
                with report_undecodable():
                    response = self._http.request(method, path, content=content and content(), **options)
            except httpx.TransportError:
                # A service that was never reached is absent, not briefly unavailable: no retry.
                if not repeat or not self._was_reached or time.monotonic() > deadline:
                    raise
            else:
                self._was_reached = True
                if not repeat or response.status_code not in RETRY_STATUSES or time.monotonic() > deadline:
                    return check_response(response)
                pause = max(pause, _read_retry_after(response.headers))
            time.sleep(pause)
            pause = min(LONGEST_PAUSE_SECONDS, pause * 2)


def _read_items(page: Json) -> list[Json]:
    items = page.get("items")
    if not isinstance(items, list):
        raise ClientError(f"expected a page with a list of `items`; found {', '.join(page) or 'nothing'}")
    return items


def _read_retry_after(headers: Mapping[str, str]) -> float:
    seconds = headers.get("retry-after", "")
    return min(float(seconds), LONGEST_PAUSE_SECONDS) if seconds.isdecimal() else 0.0
