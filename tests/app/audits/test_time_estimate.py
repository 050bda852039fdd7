"""The time of an audit before it is started: ranges from work that has ended, and nothing where none has."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from json import dumps
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import update

from app.audits import past_work
from app.audits.past_work import Ended, bound_seconds
from app.infra import queue
from app.infra.database import Database
from app.infra.storage import Storage
from app.tables import (
    Audit,
    AuditStatus,
    Dataset,
    FeatureSet,
    FeatureShard,
    FeatureStatus,
    Run,
    RunStatus,
    ShardStatus,
)
from models.configuration.defaults import Situation
from models.configuration.device_traits import TYPICAL
from models.configuration.training_config import complete
from tests.builders.encoder_cards import WORDS
from tests.builders.stored_rows import store_audit, store_ready_dataset

ENCODER = "efficientnet_lite0"


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> list[set[str]]:
    """Return the queues of the workers that answer; tests change them."""
    answering = [{"train.cpu", "train"}]
    monkeypatch.setattr(queue, "list_workers", lambda *_, **__: answering)
    monkeypatch.setattr(queue, "count_messages", lambda *_, **__: {"train": 2, "train.cpu": 1})
    return answering


def ask(api: TestClient, dataset: Dataset, **configuration: object) -> Any:  # noqa: ANN401 - JSON
    asked = {"configuration": dumps(configuration)} if configuration else {}
    answer = api.get(f"/v1/datasets/{dataset.id}/estimate", params=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


def make_photographs(database: Database, dataset: Dataset, count: int) -> None:
    """Turn a dataset's rows into those of colour photographs."""
    with database.transaction() as session:
        session.execute(
            update(Dataset).where(Dataset.id == dataset.id).values(shape=[64, 64, 3], sample_count=count)
        )


def complete_default(dataset: Dataset) -> dict[str, Any]:
    """Return what a worker stores as the configuration of a default run."""
    situation = Situation(
        shape=tuple(dataset.shape or ()),
        sample_count=dataset.sample_count or 0,
        class_count=3,
        device=TYPICAL["cpu"],
    )
    return {**asdict(complete({}, situation)), "encoder": None}


def end_audit(database: Database, audit: Audit, *, seconds: float, configuration: dict[str, Any]) -> None:
    """Let an audit's run take some seconds, and its finishing 4."""
    end = datetime.now(UTC)
    with database.transaction() as session:
        session.execute(
            update(Run)
            .where(Run.audit_id == audit.id)
            .values(
                status=RunStatus.SUCCEEDED,
                attempt=1,
                configuration=configuration,
                device="CPU x86_64, 2 threads",
                started_at=end - timedelta(seconds=seconds),
                finished_at=end,
            )
        )
        session.execute(
            update(Audit)
            .where(Audit.id == audit.id)
            .values(status=AuditStatus.SUCCEEDED, finished_at=end + timedelta(seconds=4))
        )


def test_more_work_takes_between_as_long_and_proportionally_longer() -> None:
    assert bound_seconds(200, []) is None
    assert bound_seconds(200, [Ended(work=100, low=10, high=12)]) == (10, 24, 1)
    assert bound_seconds(50, [Ended(work=100, low=10, high=12)]) == (5, 12, 1)
    far = [Ended(work=10**9, low=10**6, high=10**6)]
    near = [Ended(work=100 + number, low=10, high=10 + number) for number in range(past_work.KEPT)]
    assert bound_seconds(100, [*far, *near]) == (10 * 100 / 104, 14, 5), "only the most similar count"
    assert bound_seconds(100, [*far, *near[:2]]) == pytest.approx((10 * 100 / 101, 11, 2))
    assert bound_seconds(100, [*far, Ended(work=1, low=2, high=2)]) == pytest.approx((0.1, 10**6, 2))


def test_where_nothing_has_ended_nothing_is_promised(
    api: TestClient, database: Database, storage: Storage, workers: list[set[str]]
) -> None:
    found = ask(api, store_ready_dataset(database, storage))
    assert (found["workers"], found["waiting"]) == (1, 3)
    assert (found["estimate"]["low_seconds"], found["estimate"]["high_seconds"]) == (None, None)
    assert found["estimate"]["parts"]["training"]["rests_on"] == "no audit like it has ended here yet"
    assert found["estimate"]["encoder"] is None
    workers.clear()
    assert ask(api, store_ready_dataset(database, storage))["workers"] == 0


@pytest.mark.usefixtures("workers")
def test_an_audit_like_it_tells_the_time_and_fast_and_thorough_follow(
    api: TestClient, database: Database, storage: Storage
) -> None:
    dataset = store_ready_dataset(database, storage)
    audit = store_audit(database, dataset)
    end_audit(database, audit, seconds=100, configuration=complete_default(dataset))
    found = ask(api, dataset)
    assert found["estimate"]["parts"]["training"] == {
        "low_seconds": 100,
        "high_seconds": 100,
        "rests_on": "1 training like it that ended here, if the machine is as busy as then",
    }
    assert (found["estimate"]["low_seconds"], found["estimate"]["high_seconds"]) == (104, 104)
    fast, thorough = found["presets"]
    assert (fast["name"], fast["configuration"]) == ("fast", {"epochs": 10})
    assert (fast["estimate"]["low_seconds"], fast["estimate"]["high_seconds"]) == (54, 104)
    assert (thorough["name"], thorough["configuration"]) == ("thorough", {"repeats": 3})
    assert (thorough["estimate"]["runs"], thorough["estimate"]["high_seconds"]) == (3, 304)
    assert "not measured" in fast["says"]
    own = ask(api, dataset, epochs=5)
    assert [preset["name"] for preset in own["presets"]] == ["thorough"], "the user's epochs stay"
    assert ask(api, dataset, compare=["ce", "limit_l"], validation_fraction=0.2)["presets"] == []


def test_several_workers_share_several_trainings(
    api: TestClient, database: Database, storage: Storage, workers: list[set[str]]
) -> None:
    dataset = store_ready_dataset(database, storage)
    audit = store_audit(database, dataset)
    end_audit(database, audit, seconds=100, configuration=complete_default(dataset))
    workers.append({"train.cpu", "train"})
    workers.append({"cpu"})
    found = ask(api, dataset, repeats=2)
    assert (found["workers"], found["estimate"]["runs"]) == (2, 2)
    training = found["estimate"]["parts"]["training"]
    assert (training["low_seconds"], training["high_seconds"]) == (100, 150), "Graham: 200 / 2 + 100 / 2"


@pytest.mark.usefixtures("workers")
def test_features_take_time_until_they_are_computed(
    api: TestClient, database: Database, storage: Storage
) -> None:
    dataset = store_ready_dataset(database, storage)
    make_photographs(database, dataset, 3_000)
    first = ask(api, dataset)["estimate"]
    assert first["encoder"] == ENCODER
    features = first["parts"]["features"]
    assert (features["low_seconds"], features["high_seconds"]) == (14.4, 98)
    assert features["rests_on"].startswith("1,500 photographs on two busy cores of an AMD EPYC; nothing like")
    with database.transaction() as session:
        kept = FeatureSet(dataset_id=dataset.id, encoder=ENCODER, encoder_sha256="0" * 64, width=8)
        session.add(kept)
        session.flush()
        shard = FeatureShard(set_id=kept.id, number=0, start=0, stop=1_000, queue="train")
        shard.status, shard.report = ShardStatus.SUCCEEDED, {"seconds": 5.0}
        session.add(shard)
    features = ask(api, dataset)["estimate"]["parts"]["features"]
    assert (features["low_seconds"], features["high_seconds"]) == (5, 15)
    with database.transaction() as session:
        session.execute(update(FeatureSet).values(status=FeatureStatus.READY))
    features = ask(api, dataset)["estimate"]["parts"]["features"]
    assert features == {"low_seconds": 0, "high_seconds": 0, "rests_on": "computed before"}
    unencoded = ask(api, dataset, encoder="none")["estimate"]
    assert ("features" in unencoded["parts"], unencoded["high_seconds"]) == (False, None)


@pytest.mark.usefixtures("workers")
def test_an_encoder_of_texts_is_expected_for_texts_alone(
    api: TestClient, database: Database, storage: Storage
) -> None:
    folder = storage.root / "encoders"
    folder.mkdir(parents=True)
    (folder / "words.encoder.json").write_text(WORDS.write_card())
    photographs, texts = (store_ready_dataset(database, storage) for _ in range(2))
    make_photographs(database, photographs, 3_000)
    with database.transaction() as session:
        session.execute(update(Dataset).where(Dataset.id == texts.id).values(kind="texts", shape=[260]))
    assert ask(api, photographs)["estimate"]["encoder"] == ENCODER
    found = ask(api, texts)["estimate"]
    assert found["encoder"] == "words"
    features = found["parts"]["features"]
    assert (features["low_seconds"], features["high_seconds"]) == (None, None), "nothing like it has ended"
    assert ask(api, texts, encoder="none")["estimate"]["encoder"] is None


@pytest.mark.usefixtures("workers")
def test_what_would_be_refused_is_refused_and_nothing_is_stored(
    api: TestClient, database: Database, storage: Storage
) -> None:
    dataset = store_ready_dataset(database, storage)
    path = f"/v1/datasets/{dataset.id}/estimate"
    for refused in ('{"epochs": 0}', '{"epoch": 1}', '{"method": "fw"', "[]", '{"folds": 400}'):
        answer = api.get(path, params={"configuration": refused})
        assert answer.status_code == 422, refused
    ask(api, dataset)
    with database.transaction() as session:
        assert session.query(Audit).count() == 0


def test_an_audit_that_waits_tells_how_many_trainings_come_before_it(
    api: TestClient, database: Database, storage: Storage
) -> None:
    dataset = store_ready_dataset(database, storage)
    audits = [store_audit(database, dataset, repeats=repeats) for repeats in (2, 1, 1)]

    def count(audit: Audit) -> Any:  # noqa: ANN401 - JSON
        return api.get(f"/v1/audits/{audit.id}").json()["runs_before"]

    assert [count(audit) for audit in audits] == [0, 2, 3]
    with database.transaction() as session:
        session.execute(update(Run).where(Run.audit_id == audits[2].id).values(status=RunStatus.RUNNING))
    assert [count(audit) for audit in audits] == [1, 3, None], "who runs comes first, whenever it was queued"
