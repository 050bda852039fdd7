"""An audit judged by limits: by the lower end, never passed where nothing can be told."""

from typing import Any
from uuid import UUID

import numpy as np
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import update

from app.cli.pipelines.gate_reports import describe_gate
from app.infra.database import Database
from app.infra.storage import Storage
from app.tables import Audit, Dataset, Issue, IssueKind, Score
from app.versions.content_matching import write_digests
from tests.builders.stored_rows import NAMES, store_audit, store_finished_audit, store_ready_dataset

SAMPLES = 100
CONFLICTS = {"conflicting_duplicate": {"count": 4, "groups": 2}}


def summarise(low: float, high: float, **more: object) -> dict[str, Any]:
    estimate = {
        "may_claim": True,
        "reasons": [],
        "count": (low + high) / 2,
        "interval": [low, high],
        "sample_count": SAMPLES,
    }
    return {"sample_count": SAMPLES, "label_issue_count": 3, "issues": {}, "estimate": estimate, **more}


CANNOT_TELL: dict[str, Any] = {
    "may_claim": False,
    "reasons": [{"code": "too_few", "detail": "Too few samples."}],
    "interval": None,
}


def store(database: Database, storage: Storage, summary: dict[str, Any], *, changed: int = 0) -> Audit:
    """Store a finished audit; the first `changed` samples have another label than in the other datasets.

    Error probabilities are .9 for the last 20 samples and .001 for all others.
    """
    dataset = store_ready_dataset(database, storage, samples=SAMPLES)
    folder = storage.locate_pack(dataset.id)
    write_digests(folder)
    labels = np.load(folder / "labels.npy")
    labels[:changed] = (labels[:changed] + 1) % len(NAMES)
    np.save(folder / "labels.npy", labels)
    audit = store_finished_audit(database, dataset)
    with database.transaction() as session:
        session.get_one(Audit, audit.id).summary = summary
        of_audit = update(Score).where(Score.audit_id == audit.id)
        session.execute(of_audit.values(error_probability=0.001))
        session.execute(of_audit.where(Score.position >= SAMPLES - 20).values(error_probability=0.9))
        for position, label in enumerate(labels[:changed].tolist()):
            session.execute(of_audit.where(Score.position == position).values(given_label=label))
    return audit


def add_conflict(database: Database, audit: Audit, *groups: tuple[int, ...]) -> None:
    with database.transaction() as session:
        for number, (group, position) in enumerate(
            (group, position) for group, members in enumerate(groups) for position in members
        ):
            session.add(
                Issue(
                    audit_id=audit.id,
                    kind=IssueKind.CONFLICTING_DUPLICATE,
                    number=number,
                    position=position,
                    key=f"key-{position}",
                    group_number=group,
                    detail="duplicate",
                )
            )
        session.flush()


def judge(api: TestClient, audit: Audit, **limits: float | str) -> dict[str, Any]:
    answer = api.get(f"/v1/audits/{audit.id}/gate", params=limits)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_share_fails_by_the_lower_end_of_its_interval_alone(
    api: TestClient, database: Database, storage: Storage
) -> None:
    audit = store(database, storage, summarise(2, 4))
    expected = {0.01: ("failed", "exceeded"), 0.03: ("passed", "undecided"), 0.05: ("passed", "within")}
    for limit, outcomes in expected.items():
        found = judge(api, audit, max_noise=limit)
        (check,) = found["checks"]
        assert (found["verdict"], check["outcome"]) == outcomes
        assert [check[name] for name in ("low", "high", "limit", "samples")] == [0.02, 0.04, limit, SAMPLES]


def test_what_cannot_be_told_is_no_pass_and_a_failure_outweighs_it(
    api: TestClient, database: Database, storage: Storage
) -> None:
    audit = store(database, storage, {**summarise(0, 0), "estimate": CANNOT_TELL, "issues": CONFLICTS})
    found = judge(api, audit, max_noise=0.5, max_class_noise=0.5)
    assert found["verdict"] == "cannot_tell"
    assert [(each["rule"], each["subject"], each["outcome"]) for each in found["checks"]] == [
        ("max_noise", None, "cannot_tell"),
        ("max_class_noise", None, "cannot_tell"),
    ]
    assert "Too few samples." in found["checks"][0]["detail"]
    add_conflict(database, audit, (0, 1), (2, 3))
    assert judge(api, audit, max_noise=0.5, no_conflicts=True)["verdict"] == "failed"


def test_an_audit_that_did_not_look_for_conflicts_cannot_tell(
    api: TestClient, database: Database, storage: Storage
) -> None:
    summary = summarise(0, 1)
    del summary["issues"]
    assert judge(api, store(database, storage, summary), no_conflicts=True)["verdict"] == "cannot_tell"


def test_each_class_has_its_interval(api: TestClient, database: Database, storage: Storage) -> None:
    found = judge(api, store(database, storage, summarise(15, 25)), max_class_noise=0.03)
    assert [check["subject"] for check in found["checks"]] == NAMES
    assert [check["samples"] for check in found["checks"]] == [34, 33, 33]
    for check in found["checks"]:
        assert 0.03 < check["low"] < 0.18 < check["high"], "about 18 % of each class"
    assert found["verdict"] == "failed"


def test_with_a_baseline_only_what_is_new_counts(
    api: TestClient, database: Database, storage: Storage
) -> None:
    before = store(database, storage, summarise(2, 4, issues=CONFLICTS))
    after = store(database, storage, summarise(15, 25, issues=CONFLICTS), changed=10)
    add_conflict(database, after, (20, 21), (22, 23))
    limits: dict[str, float | str] = {
        "no_conflicts": True,
        "max_new_noise": 0.05,
        "not_worse": True,
        "baseline": str(before.id),
    }
    found = judge(api, after, **limits)
    checks = {check["rule"]: check for check in found["checks"]}
    assert checks["no_conflicts"]["outcome"] == "within"
    assert "2 groups of duplicates were there before" in checks["no_conflicts"]["detail"]
    assert (checks["max_new_noise"]["samples"], checks["max_new_noise"]["outcome"]) == (10, "undecided")
    assert checks["not_worse"]["outcome"] == "exceeded"
    assert (found["baseline"]["relabelled"], found["baseline"]["added"]) == (10, 0)
    assert judge(api, before, not_worse=True, baseline=str(after.id))["verdict"] == "passed", "better"
    assert judge(api, after, no_conflicts=True)["verdict"] == "failed"
    add_conflict_of(database, after.id, 5)
    assert "key-5" in judge(api, after, no_conflicts=True, baseline=str(before.id))["checks"][0]["detail"]


def add_conflict_of(database: Database, audit_id: UUID, position: int) -> None:
    """Put a sample into the first group of conflicts."""
    with database.transaction() as session:
        kind = IssueKind.CONFLICTING_DUPLICATE
        values = {"number": 9, "group_number": 0, "key": f"key-{position}", "detail": "duplicate"}
        session.add(Issue(audit_id=audit_id, kind=kind, position=position, **values))


def test_a_gate_that_would_judge_nothing_is_refused(
    api: TestClient, database: Database, storage: Storage
) -> None:
    audit = store(database, storage, summarise(2, 4))
    address = f"/v1/audits/{audit.id}/gate"
    for params, words in (({}, "at least one of"), ({"not_worse": True}, "need a baseline")):
        answer = api.get(address, params=params)
        assert (answer.status_code, words in answer.json()["detail"]) == (422, True), answer.text
    rehearsal = store_audit(
        database, read_dataset(database, audit), rehearsal={"noise": "uniform", "share": 0.1}
    )
    assert api.get(f"/v1/audits/{rehearsal.id}/gate", params={"max_noise": 0.1}).status_code == 409


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("max_nose=0.02&no_conflicts=true", "max_nose"),
        ("max-noise=0.02&no_conflicts=true", "max-noise"),
        ("max_noise=0.001&max_noise=0.9", "several times"),
    ],
)
def test_a_demand_that_would_be_overlooked_is_refused(
    api: TestClient, database: Database, storage: Storage, query: str, words: str
) -> None:
    audit = store(database, storage, summarise(15, 25))
    answer = api.get(f"/v1/audits/{audit.id}/gate?{query}")
    assert (answer.status_code, words in answer.json()["detail"]) == (422, True), answer.text


def test_an_audit_is_no_baseline_of_itself(api: TestClient, database: Database, storage: Storage) -> None:
    audit = store(database, storage, summarise(15, 25))
    answer = api.get(f"/v1/audits/{audit.id}/gate", params={"not_worse": True, "baseline": str(audit.id)})
    assert (answer.status_code, "another audit" in answer.json()["detail"]) == (422, True)


def test_a_share_says_what_it_does_not_count_unless_people_checked(
    api: TestClient, database: Database, storage: Storage
) -> None:
    audit = store(database, storage, summarise(2, 4))
    found = judge(api, audit, max_noise=0.05)
    assert "follow a rule" in found["cannot_see"]
    assert judge(api, audit, no_conflicts=True)["cannot_see"] is None, "no share was asked for"
    report = {**found, "name": "photos", "address": "", "cannot_tell": "fail"}
    assert found["cannot_see"] in list(describe_gate(report))


def read_dataset(database: Database, audit: Audit) -> Dataset:
    with database.transaction() as session:
        return session.get_one(Dataset, audit.dataset_id)
