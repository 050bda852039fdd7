"""A version, from a reviewed dataset to its comparison: twelve pictures, every number counted by hand."""

import io
import zipfile
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from app.features import feature_files
from app.infra.database import Database
from app.infra.settings import Settings
from app.infra.storage import Storage
from app.tables import (
    Audit,
    Dataset,
    FeatureSet,
    FeatureShard,
    FeatureStatus,
    Review,
    Sample,
    Score,
    ShardStatus,
    Truth,
)
from app.versions.carried_verdicts import count_unsure
from models.checks import settled_figures
from tests.builders.stored_rows import store_finished_audit
from tests.worker.finish.test_exports import PIXELS, TEXTS, Service, manifest

PARTS = ((0, 6), (6, 12))


@pytest.fixture
def service(api: TestClient, database: Database, storage: Storage, chosen: Settings) -> Service:
    return Service(api, database, storage, chosen)


@pytest.fixture
def reviewed(service: Service, tmp_path: Path) -> Dataset:
    """Twelve pictures, of which 10 and 11 are the test split; five have a verdict."""
    dataset = service.read(manifest(tmp_path))
    service.review(dataset, 1, "relabel", "cat")
    service.review(dataset, 2, "keep")
    service.review(dataset, 4, "drop")
    service.review(dataset, 5, "unsure")
    service.review(dataset, 10, "relabel", "ant")
    return dataset


def get(service: Service, path: str, status: int = 200, **params: object) -> Any:  # noqa: ANN401 - JSON
    answer = service.api.get(path, params=params or None)  # type: ignore[arg-type]
    assert answer.status_code == status, answer.text
    return answer.json()


def store_features(service: Service, dataset: Dataset) -> None:
    """Store features in two shards: the feature of a sample is its position."""
    with service.database.transaction() as session:
        found = FeatureSet(
            dataset_id=dataset.id, encoder="made", encoder_sha256="e", width=1, status=FeatureStatus.READY
        )
        session.add(found)
        session.flush()
        for number, (start, stop) in enumerate(PARTS):
            content = io.BytesIO()
            np.save(content, np.arange(start, stop, dtype=feature_files.STORED)[:, None])
            path = feature_files.locate_shard(service.storage, dataset.id, f"{number}")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.getvalue())
            shard = FeatureShard(set_id=found.id, number=number, start=start, stop=stop, queue="train")
            shard.status, shard.sha256, shard.report = ShardStatus.SUCCEEDED, f"{number}", {"originals": 6}
            shard.unreadable = (
                [{"position": 4, "key": "r4", "detail": "d"}]
                if number == 0
                else [{"position": 7, "key": "r7", "detail": "d"}]
            )
            session.add(shard)


def test_a_version_has_the_decisions_and_everything_that_stays_true(
    service: Service, reviewed: Dataset
) -> None:
    store_features(service, reviewed)
    shown = service.storage.locate_dataset(reviewed.id) / "shown" / "made.jpg"
    shown.parent.mkdir()
    shown.write_bytes(b"small")
    version = service.make_version(reviewed)
    kept = [at for at in range(12) if at != 4]
    assert (version.name, version.version, version.parent_id) == ("data v2", 2, reviewed.id)
    assert version.root_id == reviewed.id
    keys, labels, splits, pack = service.content(version)
    assert keys == [f"r{at}" for at in kept]
    assert labels == [{1: "cat", 10: "ant"}.get(at, TEXTS[at]) for at in kept]
    assert splits == ["test" if at > 9 else "train" for at in kept], "no sample changes its split"
    assert (pack[..., 0] == PIXELS[kept]).all()
    with service.database.transaction() as session:
        truths = session.execute(
            select(Sample.key, Truth.true_label)
            .join(Truth, (Truth.dataset_id == Sample.dataset_id) & (Truth.position == Sample.position))
            .where(Sample.dataset_id == version.id)
            .order_by(Sample.position)
        ).all()
        assert [(key, version.class_names[label]) for key, label in truths] == [  # type: ignore[index]
            (f"r{at}", TEXTS[at]) for at in kept
        ]
        found = session.scalars(select(FeatureSet).where(FeatureSet.dataset_id == version.id)).one()
        shards = session.scalars(select(FeatureShard).where(FeatureShard.set_id == found.id)).all()
        shards = sorted(shards, key=lambda shard: shard.number)
        assert found.status == FeatureStatus.READY
        assert [(shard.start, shard.stop) for shard in shards] == [(0, 5), (5, 11)]
        assert [(shard.report or {})["originals"] for shard in shards] == [5, 6]
        assert [shard.unreadable for shard in shards] == [
            [],
            [{"position": 6, "key": "r7", "detail": "d"}],
        ]
        rows = feature_files.open_rows(service.storage, found, shards)
        assert rows[list(range(11))][:, 0].tolist() == kept, "each sample has its own features"
    assert (service.storage.locate_dataset(version.id) / "shown" / "made.jpg").read_bytes() == b"small"


def test_verdicts_are_carried_over_and_are_no_evidence(service: Service, reviewed: Dataset) -> None:
    version = service.make_version(reviewed, name="second")
    listed = get(service, f"/v1/datasets/{version.id}/reviews")["items"]
    assert [(one["key"], one["verdict"], one["label"], one["is_looked_at"]) for one in listed] == [
        ("r1", "keep", None, False),
        ("r2", "keep", None, False),
        ("r5", "unsure", None, False),
        ("r10", "keep", None, False),
    ]
    carried = listed[0]["carried"]
    assert (carried["version"], carried["verdict"], carried["label"]) == (1, "relabel", "cat")
    assert (carried["given"], listed[0]["reviewer"]) == ("bee", "ada")
    audit = store_finished_audit(service.database, version)
    with service.database.transaction() as session:
        session.get_one(Audit, audit.id).summary = {"sample_count": 11}
    progress = get(service, f"/v1/audits/{audit.id}/review-progress")
    assert (progress["reviewed"], progress["carried"], progress["unseen"]) == (4, 4, 0)
    assert progress["precision"] is None
    undecided = [f"r{at}" for at in (0, 3, 5, 6, 7, 8, 9, 11)]
    suspects = get(service, f"/v1/audits/{audit.id}/suspects", review="none")["items"]
    assert sorted(one["key"] for one in suspects) == sorted(undecided), "what was left unsure comes again"
    wish = {"reviewer": "ada", "count": 11, "filters": {"review": "none"}}
    handed = service.api.post(f"/v1/audits/{audit.id}/queue", json=wish).json()["items"]
    assert sorted(one["key"] for one in handed) == sorted(undecided)
    with service.database.transaction() as session:
        assert count_unsure(session, version) == 1
    begun = service.api.put(f"/v1/audits/{audit.id}/check", json={"samples": 11}).json()
    assert begun["answered"] == 0, "a carried verdict answers no random check"
    service.review(version, 1, "drop")  # anybody's own verdict replaces a carried one
    with service.database.transaction() as session:
        own = session.get_one(Review, (version.id, 1))
        assert (own.carried, own.is_looked_at) == (None, True)
    lines = service.api.get(f"/v1/datasets/{version.id}/exports/labels.csv").text.splitlines()
    assert "carried_from" in lines[0].split(",")
    assert lines[3].startswith("r2,cat,cat,keep,ada,")
    assert lines[3].endswith(",version 1: keep,,,")
    third = service.make_version(version)
    (first, *_) = get(service, f"/v1/datasets/{third.id}/reviews")["items"]
    assert (third.version, third.root_id, first["carried"]["version"]) == (3, reviewed.id, 1)


def test_a_version_says_what_it_changed_and_warns_of_the_test_split(
    service: Service, reviewed: Dataset
) -> None:
    planned = get(service, f"/v1/datasets/{reviewed.id}/versions/preview")
    version = service.make_version(reviewed)
    for found in (planned, version.origin or {}):
        assert (found["samples"], found["relabelled"], found["dropped"]) == (11, 2, 1)
        assert (found["unsure"], found["unlooked"], found["remaining"]) == (1, 0, None)
        assert found["splits"] == [
            {"split": "test", "samples": 2, "relabelled": 1, "dropped": 0},
            {"split": "train", "samples": 9, "relabelled": 1, "dropped": 1},
        ]
        (warning,) = found["warnings"]
        assert warning.startswith("the split 'test' changes (labels: 1, dropped samples: 0)")
        assert "random checks are not carried over" in found["not_carried"][0]
    assert (planned["number"], planned["name"]) == (2, "data v2")
    assert (version.origin or {})["carried"] == 4
    assert (version.statistics or {})["class_counts"] == {"ant": 5, "bee": 1, "cat": 5}
    assert (reviewed.statistics or {})["sizes"] == {"8x8": 12}
    assert (version.statistics or {})["sizes"] == {"8x8": 11}
    assert set((version.statistics or {})["encodings"].values()) == {11}
    refused = service.api.post(f"/v1/datasets/{version.id}/versions", json={})
    assert refused.status_code == 422, "nothing is decided that is not applied"


def test_what_remains_follows_from_the_checks_of_the_parent(
    service: Service, reviewed: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settled_figures, "LEAST_DECIDED", 11)
    audit = store_finished_audit(service.database, reviewed)
    service.api.put(f"/v1/audits/{audit.id}/check", json={"samples": 12})
    kept = [{"position": at, "verdict": "keep"} for at in (0, 3, 6, 7, 8, 9, 11)]
    unsure = get(service, f"/v1/datasets/{reviewed.id}/samples/5/review")
    kept.append({"position": 5, "verdict": "keep", "version": unsure["version"]})
    answer = service.api.post(f"/v1/datasets/{reviewed.id}/reviews", json={"reviews": kept})
    assert not answer.json()["conflicts"]
    remaining = get(service, f"/v1/datasets/{reviewed.id}/versions/preview")["remaining"]
    assert (remaining["corrected"], remaining["uncertain"], remaining["dropped"]) == (2, 0, 1)
    # All twelve are checked. Two are wrong and corrected; the dropped one may have been wrong, too.
    assert (remaining["parent_low"], remaining["parent_high"]) == pytest.approx((2, 3), abs=0.01)
    assert (remaining["low"], remaining["high"]) == pytest.approx((0, 1), abs=0.01)


def test_what_nobody_looked_at_changes_on_request_and_is_said(service: Service, reviewed: Dataset) -> None:
    audit = store_audit_of(service, reviewed)  # flags position 11
    version = service.make_version(reviewed, issues="drop", audit_id=str(audit.id))
    origin = version.origin or {}
    assert (origin["samples"], origin["dropped"], origin["unlooked"]) == (10, 2, 1)
    assert origin["warnings"][-1] == "nobody has looked at the samples of 1 of these changes"
    assert (version.statistics or {})["truth_known"] == 10
    assert (version.statistics or {})["truth_differs"] == 2, "those that were relabelled"
    refused = service.api.post(f"/v1/datasets/{version.id}/readings", json={})
    assert refused.status_code == 409


def test_an_export_finds_its_parent_only_where_one_can_be_meant(
    service: Service, reviewed: Dataset, tmp_path: Path
) -> None:
    file = service.export(reviewed, tmp_path)
    version = service.make_version(reviewed)
    again = service.read([file])
    assert again.parent_id is None, "version 2 has the same samples and labels already"
    found = {each["version"]: each for each in again.relatives or []}
    assert found[2]["is_same"]
    assert (found[1]["follows_decisions"], found[1]["relabelled"], found[1]["missing"]) == (True, 2, 1)
    assert [each["version"] for each in again.relatives or []] == [2, 1], "the nearest first"
    page = service.api.get(f"/datasets/{again.id}").text
    head, _, rest = page.partition("<summary>1 more</summary>")
    assert f'data-parent="{version.id}"' in head
    assert f'data-parent="{reviewed.id}"' not in head
    assert f'data-parent="{reviewed.id}"' in rest
    put = service.api.put(f"/v1/datasets/{again.id}/parent", json={"parent_id": str(version.id)})
    assert put.status_code == 200, put.text
    assert (put.json()["lineage"]["version"], put.json()["lineage"]["origin"]["how"]) == (3, "by_hand")
    circle = service.api.put(f"/v1/datasets/{reviewed.id}/parent", json={"parent_id": str(again.id)})
    assert circle.status_code == 422
    taken_out = service.api.put(f"/v1/datasets/{again.id}/parent", json={"parent_id": None})
    assert taken_out.json()["lineage"]["version"] == 1
    made_here = service.api.put(f"/v1/datasets/{version.id}/parent", json={"parent_id": None})
    assert made_here.status_code == 409
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("labels.csv", "a,b,label\n" + "".join(f"{n},{n + 1},{n % 2}\n" for n in range(12)))
        archive.extractall(tmp_path)
    stranger = service.read([tmp_path / "labels.csv"])
    assert stranger.relatives == []
    none = service.api.put(f"/v1/datasets/{stranger.id}/parent", json={"parent_id": str(version.id)})
    assert none.status_code == 422


def store_audit_of(service: Service, dataset: Dataset) -> Audit:
    """Store an audit in which position p has rank N - p and the last sample is flagged."""
    audit = store_finished_audit(service.database, dataset)
    with service.database.transaction() as session:
        given = {
            sample.position: sample.given_label
            for sample in session.scalars(select(Sample).where(Sample.dataset_id == dataset.id))
        }
        for score in session.scalars(select(Score).where(Score.audit_id == audit.id)):
            score.given_label = given[score.position]
            score.suggested_label = (given[score.position] + 1) % 3
    return audit


def summarise(service: Service, audit: Audit, low: float, high: float, samples: int) -> None:
    with service.database.transaction() as session:
        session.get_one(Audit, audit.id).summary = {
            "sample_count": samples,
            "label_issue_count": 1,
            "estimate": {"may_claim": True, "interval": [low, high]},
        }


def test_two_audits_are_compared_sample_by_sample_and_count_by_count(
    service: Service, reviewed: Dataset
) -> None:
    first = store_audit_of(service, reviewed)
    version = service.make_version(reviewed)
    second = store_audit_of(service, version)  # its last sample is the same one
    summarise(service, first, 3, 5, 12)
    summarise(service, second, 0, 1, 11)
    found = get(service, f"/v1/audits/{first.id}/comparison?with={second.id}")
    assert found["shared"] == 11
    assert {state: count for state, count in found["states"].items() if count} == {
        "relabelled": 2,
        "dropped": 1,
        "still_suspect": 1,
    }
    moved = {each["key"]: each for each in found["samples"]}
    assert (moved["r11"]["first_rank"], moved["r11"]["second_rank"]) == (1, 1)
    assert (moved["r4"]["first_rank"], moved["r4"]["second_rank"]) == (8, None)
    assert (moved["r10"]["first_label"], moved["r10"]["second_label"]) == ("bee", "ant")
    assert found["difference"] == "beyond", "1/11 is less than 3/12"
    assert any("no independent evidence" in caveat for caveat in found["caveats"])
    summarise(service, second, 0, 3, 11)
    found = get(service, f"/v1/audits/{first.id}/comparison?with={second.id}")
    assert found["difference"] == "within", "3/11 is more than 3/12"
    datasets = get(service, f"/v1/datasets/{reviewed.id}/comparison?with={version.id}")
    assert (datasets["relabelled"], datasets["dropped"], datasets["added"]) == (2, 1, 0)
    assert [(each["key"], each["reviewer"]) for each in datasets["changes"]] == [
        ("r1", "ada"),
        ("r10", "ada"),
        ("r4", "ada"),
    ]


def test_a_parent_can_be_deleted_and_its_versions_keep_everything_but_the_comparison(
    service: Service, reviewed: Dataset, tmp_path: Path
) -> None:
    audit = store_finished_audit(service.database, reviewed)
    answer = service.api.post(f"/v1/datasets/{reviewed.id}/versions", json={})
    assert service.api.delete(f"/v1/datasets/{reviewed.id}").status_code == 409, "it is being made"
    assert service.api.post(f"/v1/datasets/{reviewed.id}/versions", json={}).status_code == 409
    from worker.ingest.ingestion_job import ingest  # noqa: PLC0415 - after the message was not sent

    ingest(service.database, service.storage, service.chosen, UUID(answer.json()["id"]))
    again = service.api.post(f"/v1/audits/{audit.id}/again", json={})
    assert again.status_code == 202, again.text
    assert (again.json()["dataset_id"], again.json()["name"]) == (answer.json()["id"], "audit of data v2")
    assert service.api.delete(f"/v1/audits/{audit.id}").status_code == 204
    assert service.api.delete(f"/v1/datasets/{reviewed.id}").status_code == 204
    version = get(service, f"/v1/datasets/{answer.json()['id']}")
    assert (version["lineage"]["version"], version["lineage"]["parent_id"]) == (2, None)
    assert version["lineage"]["origin"]["parent"]["name"] == "data.zip"
    with service.database.transaction() as session:
        stored = session.get_one(Dataset, UUID(version["id"]))
    with zipfile.ZipFile(service.export(stored, tmp_path)) as archive:
        assert archive.testzip() is None
        assert len(archive.namelist()) == 12, "eleven pictures and their table"
