"""An audit over REST with the service's client, of images with known wrong labels."""

import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import numpy as np

from app.client import Client

CLASSES, PER_CLASS, SIDE = 4, 60, 16
WRONG_EVERY = 10
TIMEOUT_SECONDS = 900


def write_planted_samples(path: Path) -> set[int]:
    """Write images of four kinds of stripes as npz, every tenth label wrong; return the wrong positions."""
    generator = np.random.default_rng(0)
    count = CLASSES * PER_CLASS
    labels = np.arange(count) % CLASSES
    ramp = np.arange(SIDE)
    stripes = np.stack([
        np.broadcast_to((ramp // 2 % 2)[:, None], (SIDE, SIDE)),
        np.broadcast_to((ramp // 2 % 2)[None, :], (SIDE, SIDE)),
        (ramp[:, None] + ramp[None, :]) // 4 % 2,
        (ramp[:, None] - ramp[None, :]) // 4 % 2,
    ])  # fmt: skip
    noise = generator.integers(0, 90, (count, SIDE, SIDE))
    pictures = (stripes[labels] * 120 + noise).astype(np.uint8)
    wrong = np.arange(0, count, WRONG_EVERY)
    given_labels = labels.copy()
    given_labels[wrong] = (labels[wrong] + 1) % CLASSES
    np.savez(path, x=pictures, y=given_labels, y_true=labels)
    return set(wrong.tolist())


class AuditedDataset:
    """A dataset and its audits."""

    def __init__(self, url: str, key: str) -> None:
        self._url = url
        self._client = Client(url, key=key)
        self._dataset = ""
        self._audits: list[str] = []
        self._wrong: set[int] = set()

    def check_refusal(self) -> None:
        """Check that a request without a key gets 401."""
        answer = httpx.get(f"{self._url}/v1/datasets", trust_env=False)
        assert answer.status_code == httpx.codes.UNAUTHORIZED, answer.text

    def upload(self) -> str:
        """Upload the images and wait until the dataset is ready."""
        with TemporaryDirectory() as folder:
            file = Path(folder) / "stripes.npz"
            self._wrong = write_planted_samples(file)
            uploaded = self._client.upload(file, name="stripes", progress=False)
        self._dataset = uploaded.id
        ready = self._client.wait_for_dataset(self._dataset)
        return f"{ready['sample_count']} samples"

    def run_audit(self) -> str:
        """Run an audit with the defaults; at least 80 % of the wrong labels must rank first."""
        audit = self._wait_for_success(self._start())
        items = self._client.get(f"/v1/audits/{audit['id']}/suspects", limit=len(self._wrong))["items"]
        hits = len({item["position"] for item in items} & self._wrong)
        assert hits >= 0.8 * len(self._wrong), f"{hits} of {len(self._wrong)}"
        run = audit["runs"][0]
        return f"{hits} of {len(self._wrong)} wrong labels among the first {len(items)}; {run['device']}"

    def start_long(self) -> None:
        """Start an audit of several minutes and wait until it trains."""
        audit_id = self._start(epochs=600, method="limit_g", network="small_cnn")
        self._wait(audit_id, lambda audit: (audit["runs"][0]["progress"] or {}).get("epoch", 0) > 1)

    def check_handed_back(self) -> None:
        """Check that the run is queued again and not failed."""
        run = self._client.get(f"/v1/audits/{self._audits[-1]}")["runs"][0]
        assert run["status"] == "queued", run["status"]

    def finish_long(self) -> str:
        """Wait until the run is claimed again, then cancel its audit."""
        audit_id = self._audits[-1]
        resumed = self._wait(audit_id, lambda audit: audit["runs"][0]["attempt"] > 1)
        self._client.post(f"/v1/audits/{audit_id}/cancel")
        self._wait(audit_id, lambda audit: audit["status"] == "cancelled")
        return f"resumed as attempt {resumed['runs'][0]['attempt']}"

    def delete(self) -> None:
        """Delete the audits and the dataset."""
        for audit_id in self._audits:
            self._client.delete(f"/v1/audits/{audit_id}")
        self._client.delete(f"/v1/datasets/{self._dataset}")

    def _start(self, **configuration: Any) -> str:  # noqa: ANN401 - passed on as they are
        audit = self._client.start_audit(self._dataset, **configuration)
        self._audits.append(audit["id"])
        return str(audit["id"])

    def _wait_for_success(self, audit_id: str) -> dict[str, Any]:
        audit = self._wait(audit_id, lambda answer: answer["status"] not in {"queued", "running"})
        assert audit["status"] == "succeeded", audit["error"]
        return audit

    def _wait(self, audit_id: str, until: Any) -> dict[str, Any]:  # noqa: ANN401 - a predicate of answers
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while time.monotonic() < deadline:
            audit: dict[str, Any] = self._client.get(f"/v1/audits/{audit_id}")
            if until(audit):
                return audit
            time.sleep(0.2)
        raise TimeoutError(f"audit {audit_id} after {TIMEOUT_SECONDS} seconds: {audit['runs']}")
