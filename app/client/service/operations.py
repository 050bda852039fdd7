"""The service's operations by id, with JSON answers; the handles call them."""

import time
from collections.abc import Iterator, Sequence
from json import dumps
from pathlib import Path
from urllib.parse import urlencode

from app.client.service.answer_types import Json, OnAnswer, OnBytes
from app.client.service.client_errors import ClientError
from app.client.service.connection import READ_BYTES, Connection, Content
from app.client.service.tus_upload import send_resumably

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.1, 1.0


class Service(Connection):
    """One service; its objects are named by id."""

    def create_dataset(self, files: list[Path], *, name: str, on_bytes: OnBytes, **options: object) -> Json:
        """Create a dataset from files and return it while the service still reads it."""
        dataset = self.post("/v1/datasets", {"name": name, **options})
        path = f"/v1/datasets/{dataset['id']}"
        total, done = sum(file.stat().st_size for file in files), 0
        for file in files:
            send_resumably(
                self,
                f"{path}/uploads",
                file,
                is_last=file is files[-1],
                on_sent=lambda sent, done=done: on_bytes(done + sent, total),  # type: ignore[misc]
            )
            done += file.stat().st_size
        answer: Json = self.get(path)
        return answer

    def attach_truth(self, dataset_id: str, file: Path) -> Json:
        """Attach the correct labels: a CSV with `true_label` and `key` or `position`."""
        return self.put(f"/v1/datasets/{dataset_id}/truth", _stream_file(file), size=file.stat().st_size)

    def attach_columns(self, dataset_id: str, file: Path) -> Json:
        """Attach people's own columns: a CSV with `key` or `position` and others."""
        return self.put(f"/v1/datasets/{dataset_id}/columns", _stream_file(file), size=file.stat().st_size)

    def attach_annotations(
        self, dataset_id: str, file: Path, *, columns: Sequence[str] = (), key_column: str | None = None
    ) -> Json:
        """Attach labels of several annotators: CSV or Parquet, long or a column for each annotator."""
        chosen = [("columns", name) for name in columns]
        chosen += [] if key_column is None else [("key_column", key_column)]
        address = f"/v1/datasets/{dataset_id}/annotations{f'?{urlencode(chosen)}' if chosen else ''}"
        return self.put(address, _stream_file(file), size=file.stat().st_size)

    def wait_for_consensus(self, dataset_id: str, *, timeout: float | None = None) -> Json:
        """Wait until the consensus of a dataset's annotators is formed.

        Raises:
            ClientError: it could not be formed, or no labels were attached.
            TimeoutError: it was not formed within `timeout` seconds.

        """
        pause, start = FIRST_PAUSE_SECONDS, time.monotonic()
        while True:
            answer: Json = self.get(f"/v1/datasets/{dataset_id}/consensus")
            if answer["state"] == "ready":
                return answer
            if answer["state"] == "failed":
                raise ClientError(f"the consensus could not be formed: {answer['error']['detail']}")
            if timeout is not None and time.monotonic() - start > timeout:
                raise TimeoutError(f"the consensus was not formed within {timeout} seconds")
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def wait_for_dataset(
        self, dataset_id: str, *, on_answer: OnAnswer = lambda _: None, timeout: float | None = None
    ) -> Json:
        """Wait until a dataset is ready.

        Raises:
            ClientError: the dataset was rejected.
            TimeoutError: the dataset was not ready within `timeout` seconds.

        """
        return self._wait(f"/v1/datasets/{dataset_id}", {"ready"}, {"rejected"}, on_answer, timeout)

    def start_audit(self, dataset_id: str, *, name: str | None = None, **configuration: object) -> Json:
        """Start an audit; the service chooses the fields that the configuration omits."""
        body = {"dataset_id": dataset_id, "name": name, "configuration": configuration}
        return self.post("/v1/audits", body)

    def estimate_audit(self, dataset_id: str, **configuration: object) -> Json:
        """Return how long an audit would take now, and what Fast and Thorough would change."""
        answer: Json = self.get(f"/v1/datasets/{dataset_id}/estimate", configuration=dumps(configuration))
        return answer

    def wait_for_audit(
        self, audit_id: str, *, on_answer: OnAnswer = lambda _: None, timeout: float | None = None
    ) -> Json:
        """Wait until an audit has succeeded.

        Raises:
            ClientError: the audit failed or was cancelled.
            TimeoutError: the audit did not end within `timeout` seconds.

        """
        return self._wait(
            f"/v1/audits/{audit_id}", {"succeeded"}, {"failed", "cancelled"}, on_answer, timeout
        )

    def suspects(self, audit_id: str, **filters: object) -> Iterator[Json]:
        """Iterate over a ranking, the most suspicious first."""
        return self.pages(f"/v1/audits/{audit_id}/suspects", **filters)

    def _wait(
        self, path: str, successes: set[str], failures: set[str], on_answer: OnAnswer, timeout: float | None
    ) -> Json:
        pause, start = FIRST_PAUSE_SECONDS, time.monotonic()
        while True:
            answer: Json = self.get(path)
            on_answer(answer)
            if answer["status"] in successes:
                return answer
            if answer["status"] in failures:
                error = answer["error"] or {"detail": "by request"}
                raise ClientError(f"{answer['status']}: {error['detail']}", document=answer)
            if timeout is not None and time.monotonic() - start > timeout:
                raise TimeoutError(f"still {answer['status']} after {timeout:g} seconds")
            time.sleep(pause)
            pause = min(LONGEST_PAUSE_SECONDS, pause * 1.5)


def _stream_file(file: Path) -> Content:
    def read_blocks() -> Iterator[bytes]:
        with file.open("rb") as opened:
            while block := opened.read(READ_BYTES):
                yield block

    return read_blocks
