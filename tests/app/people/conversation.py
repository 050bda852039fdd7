"""Calls of the service under several names."""

from typing import Any

from fastapi.testclient import TestClient

from app.tables import Audit, Dataset
from tests.builders.stored_rows import NAMES

SAMPLES = 60
Answer = dict[str, Any]


class People:
    """Calls of the service under several names."""

    def __init__(self, api: TestClient, dataset: Dataset, audit: Audit) -> None:
        self.api, self.dataset, self.audit = api, dataset, audit

    def queue(self, reviewer: str, count: int = 5, **body: Any) -> Answer:  # noqa: ANN401 - JSON
        answer = self.api.post(
            f"/v1/audits/{self.audit.id}/queue", json={"reviewer": reviewer, "count": count, **body}
        )
        assert answer.status_code == 200, answer.json()
        document: Answer = answer.json()
        return document

    def hand(self, reviewer: str, count: int = 5, **body: Any) -> list[int]:  # noqa: ANN401 - JSON
        return [item["position"] for item in self.queue(reviewer, count, **body)["items"]]

    def path(self, position: int) -> str:
        return f"/v1/datasets/{self.dataset.id}/samples/{position}/review"

    def judge(
        self, reviewer: str, position: int, verdict: str, label: str | None = None, *, seen: int | None = None
    ) -> Any:  # noqa: ANN401 - a response
        headers = {} if seen is None else {"If-Match": f'"{seen}"'}
        body = {"verdict": verdict, "label": label, "reviewer": reviewer, "audit_id": str(self.audit.id)}
        return self.api.put(self.path(position), json=body, headers=headers)

    def judge_many(self, reviewer: str, chosen: dict[int, str]) -> None:
        """Save verdicts by position; a relabelled sample gets the class after its given one."""
        entries = [
            {"position": position, "verdict": verdict, "label": NAMES[(position + 1) % len(NAMES)]}
            if verdict == "relabel"
            else {"position": position, "verdict": verdict}
            for position, verdict in chosen.items()
        ]
        body = {"reviews": entries, "reviewer": reviewer, "audit_id": str(self.audit.id)}
        answer = self.api.post(f"/v1/datasets/{self.dataset.id}/reviews", json=body).json()
        assert (len(answer["saved"]), answer["conflicts"]) == (len(chosen), [])

    def withdraw(self, reviewer: str, position: int, seen: int) -> Any:  # noqa: ANN401 - a response
        headers = {"If-Match": f'"{seen}"'}
        return self.api.delete(self.path(position), headers=headers, params={"reviewer": reviewer})

    def read(self, position: int) -> Answer:
        review: Answer = self.api.get(self.path(position)).json()
        return review

    def plan(self, share: float, seed: int = 1) -> None:
        body = {"second_share": share, "seed": seed}
        assert self.api.put(f"/v1/audits/{self.audit.id}/review-plan", json=body).status_code == 200

    def judge_twice(
        self, position: int, first: tuple[str, str | None], second: tuple[str, str | None]
    ) -> None:
        """Let Ada judge a sample, and Ben without seeing it."""
        assert self.judge("Ada", position, *first).status_code == 200
        assert position in self.hand("Ben", 100)
        assert self.judge("Ben", position, *second).status_code == 200

    def agreement(self) -> Answer:
        answer = self.api.get(f"/v1/audits/{self.audit.id}/agreement")
        assert answer.status_code == 200, answer.json()
        document: Answer = answer.json()
        return document

    def disputed(self, state: str = "disputed") -> list[Answer]:
        address = f"/v1/audits/{self.audit.id}/judged-twice?state={state}"
        items: list[Answer] = self.api.get(address).json()["items"]
        return items
