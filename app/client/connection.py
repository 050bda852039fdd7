"""HTTP to one service: JSON in and out, files streamed, what fails for a moment tried again."""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self
from uuid import uuid4

import httpx

from app.client.answer_types import Json
from app.client.client_errors import ClientError

READ_BYTES = 1 << 20
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
TIMEOUT = httpx.Timeout(30, read=600)
AGAIN = frozenset({429, 502, 503, 504})
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.25, 8.0
FILE_NAME = re.compile(r'filename="([^"\\/]+)"')
Content = Callable[[], Iterator[bytes]]


class Connection:
    """Talks to one service; `patience` is how many seconds an interruption may last."""

    def __init__(self, url: str, *, key: str | None = None, patience: float = 60) -> None:
        self.url, self.patience = url, patience
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        # A proxy of the environment is for the world outside, not for this machine.
        is_here = httpx.URL(url).host in LOOPBACK
        self._http = httpx.Client(base_url=url, headers=headers, timeout=TIMEOUT, trust_env=not is_here)
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
        return self.request("GET", path, params=params).json()

    def post(self, path: str, body: Json | None = None) -> Json:
        """POST a JSON body, return the JSON answer."""
        answer: Json = self.request("POST", path, json=body).json()
        return answer

    def delete(self, path: str) -> None:
        """DELETE an object."""
        self.request("DELETE", path)

    def put(self, path: str, content: Content, *, size: int, params: Json | None = None) -> Json:
        """PUT a body of known size, return the JSON answer; `content` may be asked for again."""
        headers = {"Content-Length": str(size), "Content-Type": "application/octet-stream"}
        answer: Json = self.request("PUT", path, content=content, headers=headers, params=params).json()
        return answer

    def pages(self, path: str, **params: object) -> Iterator[Json]:
        """Iterate over all items of a paged list."""
        cursor: str | None = None
        while True:
            page = self.get(path, **params, **({"cursor": cursor} if cursor else {}))
            yield from page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def download(self, path: str, target: Path, **params: Any) -> Path:  # noqa: ANN401 - query values
        """Stream a file to disk, into a folder under the service's name for it; it appears whole or not."""
        with self._http.stream("GET", path, params=params) as response:
            if response.is_error:
                response.read()
            check_response(response)
            final = target / _choose_file_name(response, path) if target.is_dir() else target
            partial = final.with_name(f".{final.name}.partial")
            try:
                with partial.open("wb") as file:
                    for block in response.iter_bytes(READ_BYTES):
                        file.write(block)
                partial.replace(final)
            finally:
                partial.unlink(missing_ok=True)
        return final

    def image(self, url: str, *, variant: Literal["pack", "original"] = "pack") -> bytes:
        """Return a sample's picture: the pixels trained on, or the file as it was uploaded."""
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
        """Send a request, again where the service is away for a moment, and return its success.

        Raises:
            ClientError: the service refused.
            httpx.TransportError: it could not be reached, for longer than our patience where it once was.

        """
        if method == "POST":
            # By this key the service knows a repetition and does not do it twice.
            options["headers"] = {"Idempotency-Key": uuid4().hex, **options.get("headers", {})}
        ends, pause = time.monotonic() + self.patience, FIRST_PAUSE_SECONDS
        while True:
            try:
                response = self._http.request(method, path, content=content and content(), **options)
            except httpx.TransportError:
                # A service that was never reached is none, and not away for a moment.
                if not repeat or not self._was_reached or time.monotonic() > ends:
                    raise
            else:
                self._was_reached = True
                if not repeat or response.status_code not in AGAIN or time.monotonic() > ends:
                    return check_response(response)
                pause = max(pause, _read_retry_after(response.headers))
            time.sleep(pause)
            pause = min(LONGEST_PAUSE_SECONDS, pause * 2)


def _choose_file_name(response: httpx.Response, path: str) -> str:
    """Return the name that the service gives a file, never one that leads out of a folder."""
    found = FILE_NAME.search(response.headers.get("content-disposition", ""))
    return (found[1] if found else path).rpartition("/")[2] or "download"


def _read_retry_after(headers: Mapping[str, str]) -> float:
    asked = headers.get("retry-after", "")
    return min(float(asked), LONGEST_PAUSE_SECONDS) if asked.isdecimal() else 0.0


def check_response(response: httpx.Response) -> httpx.Response:
    """Return a successful response.

    Raises:
        ClientError: it is none.

    """
    if not response.is_success:
        try:
            document = response.json()
        except ValueError:
            document = {}
        detail = document.get("detail", response.reason_phrase)
        raise ClientError(f"{response.status_code}: {detail}", status=response.status_code, document=document)
    return response
