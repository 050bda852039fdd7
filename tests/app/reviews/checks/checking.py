"""Answering the random checks of an audit whose wrong labels are known."""

from fastapi.testclient import TestClient

from app.tables import Audit
from tests.builders.stored_rows import NAMES

SAMPLES, ERRORS = 300, 60
"""The last ERRORS positions, ranks 1 to ERRORS, are wrong labels."""


def address(audit: Audit, part: str = "") -> str:
    return f"/v1/audits/{audit.id}/check{part}"


def is_wrong(position: int) -> bool:
    return position >= SAMPLES - ERRORS


def judge(api: TestClient, audit: Audit, positions: list[int]) -> None:
    """Give the right verdict on these samples; the suggestion is right for every second wrong label."""
    entries = []
    for position in positions:
        label = NAMES[(position + (1 if position % 2 else 2)) % 3]
        entries.append(
            {"position": position, "verdict": "relabel", "label": label}
            if is_wrong(position)
            else {"position": position, "verdict": "keep"}
        )
    body = {"reviews": entries, "audit_id": str(audit.id)}
    answer = api.post(f"/v1/datasets/{audit.dataset_id}/reviews", json=body)
    assert answer.status_code == 200, answer.json()
    assert answer.json()["conflicts"] == []


def list_open(api: TestClient, audit: Audit) -> list[int]:
    page = api.get(address(audit, "/samples"), params={"limit": 500}).json()
    return [item["position"] for item in page["items"]]


def check_all(api: TestClient, audit: Audit) -> list[int]:
    """Answer all checks, phase by phase; return the positions in order."""
    done: list[int] = []
    while positions := list_open(api, audit):
        judge(api, audit, positions)
        done += positions
    return done
