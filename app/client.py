"""A typed HTTP client without server imports."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import quote

import httpx

Json = dict[str, Any]
OnBytes = Callable[[int, int], None]
OnAnswer = Callable[[Json], None]
READ_BYTES = 1 << 20
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
TIMEOUT = httpx.Timeout(30, read=600)


class ClientError(RuntimeError):
    """The service refused, or what was asked for ended badly; the message is the service's own sentence."""

    def __init__(self, message: str, *, status: int | None = None, document: Json | None = None) -> None:
        super().__init__(message)
        self.status, self.document = status, document or {}


class Client:
    """Talks to one service."""

    def __init__(self, url: str, *, key: str | None = None) -> None:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        # A proxy of the environment is for the world outside, not for this machine.
        is_here = httpx.URL(url).host in LOOPBACK
        self._http = httpx.Client(base_url=url, headers=headers, timeout=TIMEOUT, trust_env=not is_here)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def upload(
        self, files: list[Path], *, name: str, on_bytes: OnBytes = lambda *_: None, **options: object
    ) -> Json:
        """Create a dataset from one or several files and return it as it starts to be read.

        Options are those of a dataset request: format, image_size, label_column, ...
        """
        if len({file.name for file in files}) < len(files):
            raise ClientError(f"the files of a dataset need different names, found {[f.name for f in files]}")
        dataset = self.post("/v1/datasets", {"name": name, **options})
        total, sent = sum(file.stat().st_size for file in files), 0
        for file in files:
            complete = file is files[-1]
            dataset = self._put(
                f"/v1/datasets/{dataset['id']}/files/{quote(file.name, safe='')}",
                _blocks(file, lambda done, before=sent: on_bytes(before + done, total)),  # type: ignore[misc]
                size=file.stat().st_size,
                params={"complete": complete},
            )
            sent += file.stat().st_size
        return dataset

    def attach_truth(self, dataset_id: str, file: Path) -> Json:
        """Attach clean labels: a CSV with `true_label` and `key` or `position`."""
        return self._put(f"/v1/datasets/{dataset_id}/truth", _blocks(file), size=file.stat().st_size)

    def wait_for_dataset(self, dataset_id: str, *, on_answer: OnAnswer = lambda _: None) -> Json:
        """Wait until a dataset is ready.

        Raises:
            ClientError: it was rejected.

        """
        return self._wait(f"/v1/datasets/{dataset_id}", {"ready"}, {"rejected"}, on_answer)

    def start_audit(self, dataset_id: str, *, name: str | None = None, **configuration: object) -> Json:
        """Start an audit; what is left out of the configuration is chosen by the service."""
        body = {"dataset_id": dataset_id, "name": name, "configuration": configuration}
        return self.post("/v1/audits", body)

    def wait_for_audit(self, audit_id: str, *, on_answer: OnAnswer = lambda _: None) -> Json:
        """Wait until an audit has succeeded.

        Raises:
            ClientError: it failed or was cancelled.

        """
        return self._wait(f"/v1/audits/{audit_id}", {"succeeded"}, {"failed", "cancelled"}, on_answer)

    def suspects(self, audit_id: str, **filters: object) -> Iterator[Json]:
        """Iterate over a ranking, the most suspicious first."""
        return self.pages(f"/v1/audits/{audit_id}/suspects", **filters)

    def pages(self, path: str, **params: object) -> Iterator[Json]:
        """Iterate over all items of a paged list."""
        cursor: str | None = None
        while True:
            page = self.get(path, **params, **({"cursor": cursor} if cursor else {}))
            yield from page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def download(self, path: str, target: Path) -> None:
        """Stream a file to disk; it appears whole or not at all."""
        partial = target.with_name(f".{target.name}.partial")
        with self._http.stream("GET", path) as response:
            if response.is_error:
                response.read()
            _checked(response)
            with partial.open("wb") as file:
                for block in response.iter_bytes(READ_BYTES):
                    file.write(block)
        partial.replace(target)

    def image(self, url: str, *, variant: Literal["pack", "original"] = "pack") -> bytes:
        """Return a sample's picture: the pixels trained on, or the file as it was uploaded."""
        return _checked(self._http.get(url, params={"variant": variant})).content

    def get(self, path: str, **params: Any) -> Any:  # noqa: ANN401 - whatever JSON the service answers
        """GET a JSON answer."""
        return _checked(self._http.get(path, params=params)).json()

    def post(self, path: str, body: Json | None = None) -> Json:
        """POST a JSON body, return the JSON answer."""
        answer: Json = _checked(self._http.post(path, json=body)).json()
        return answer

    def delete(self, path: str) -> None:
        """DELETE an object."""
        _checked(self._http.delete(path))

    def _put(self, path: str, blocks: Iterator[bytes], *, size: int, params: Json | None = None) -> Json:
        headers = {"Content-Length": str(size), "Content-Type": "application/octet-stream"}
        answer: Json = _checked(self._http.put(path, content=blocks, headers=headers, params=params)).json()
        return answer

    def _wait(self, path: str, good: set[str], bad: set[str], on_answer: OnAnswer) -> Json:
        pause = 0.1
        while True:
            answer: Json = self.get(path)
            on_answer(answer)
            if answer["status"] in good:
                return answer
            if answer["status"] in bad:
                error = answer["error"] or {"detail": "by request"}
                raise ClientError(f"{answer['status']}: {error['detail']}", document=answer)
            time.sleep(pause)
            pause = min(1.0, pause * 1.5)


def _blocks(file: Path, on_bytes: Callable[[int], None] = lambda _: None) -> Iterator[bytes]:
    sent = 0
    with file.open("rb") as opened:
        while block := opened.read(READ_BYTES):
            yield block
            sent += len(block)
            on_bytes(sent)


def _checked(response: httpx.Response) -> httpx.Response:
    if not response.is_success:
        try:
            document = response.json()
        except ValueError:
            document = {}
        detail = document.get("detail", response.reason_phrase)
        raise ClientError(f"{response.status_code}: {detail}", status=response.status_code, document=document)
    return response
