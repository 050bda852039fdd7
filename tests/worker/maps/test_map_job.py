"""Maps as jobs: what they are made from, stored once, half by rank, cancelled, failed, sent again."""

import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.audits import audit_service
from app.features import feature_files
from app.infra.database import Database
from app.infra.queue import Task
from app.infra.settings import Settings
from app.infra.storage import Storage
from app.maps import map_files, map_service
from app.tables import (
    Audit,
    AuditMap,
    Dataset,
    FeatureSet,
    FeatureShard,
    FeatureStatus,
    Json,
    MapStatus,
    Run,
    ShardStatus,
)
from tests.builders.stored_rows import store_finished_audit, store_ready_dataset
from tests.worker.job_steps import read_row
from worker.jobs import neighbour_files
from worker.maintenance.sweep import sweep
from worker.maps import layout_process, map_job
from worker.maps.layout_process import LayoutFailed

SAMPLES = 30
OnProgress = Callable[[float | None], None]


def lay_out(task: Json, on_progress: OnProgress) -> Json:
    """Lay out in this process: the child only adds its start."""
    return layout_process.run(task, on_progress)


@pytest.fixture
def dataset(database: Database, storage: Storage) -> Dataset:
    return store_ready_dataset(database, storage, samples=SAMPLES)


@pytest.fixture
def audit(database: Database, dataset: Dataset) -> Audit:
    return store_finished_audit(database, dataset)


def ask(database: Database, audit: Audit) -> UUID:
    with database.transaction() as session:
        return map_service.require_map(session, audit).id


def read_map(database: Database, audit: Audit) -> AuditMap:
    with database.transaction() as session:
        found = map_service.find(session, audit.id)
    assert found is not None
    return found


def draw(database: Database, storage: Storage, chosen: Settings, audit: Audit) -> tuple[Json, np.ndarray]:
    """Return the facts and the columns of a map."""
    ask(database, audit)
    map_job.draw_waiting(database, storage, chosen, lay_out=lay_out)
    found = read_map(database, audit)
    assert found.status == MapStatus.SUCCEEDED, found.error
    assert found.facts is not None
    assert found.file is not None
    return found.facts, map_files.read_points(storage, audit.id, found.file)


def test_a_map_has_every_sample_in_order_of_rank_with_its_figures(
    database: Database, storage: Storage, chosen: Settings, audit: Audit
) -> None:
    facts, columns = draw(database, storage, chosen, audit)
    position, x, y, rank, given, suggested, score = columns
    assert facts["source"] == "inputs"
    assert (facts["points"], facts["samples"], facts["highest_ranked"]) == (SAMPLES, SAMPLES, SAMPLES)
    assert rank.tolist() == list(range(1, SAMPLES + 1))
    assert position.tolist() == [SAMPLES - each for each in rank]
    assert given.tolist() == [each % 3 for each in position]
    assert suggested.tolist() == [(each + 1) % 3 for each in given]
    assert score == pytest.approx(1 / rank)
    assert len({*zip(x.tolist(), y.tolist(), strict=True)}) == SAMPLES


def test_of_more_samples_than_points_half_are_the_highest_ranks_and_half_are_drawn(
    database: Database, storage: Storage, chosen: Settings, audit: Audit
) -> None:
    few = chosen.model_copy(update={"map_points": 10})
    facts, columns = draw(database, storage, few, audit)
    ranks = columns[3].astype(int).tolist()
    assert (facts["points"], facts["samples"], facts["highest_ranked"]) == (10, SAMPLES, 5)
    assert ranks[:5] == [1, 2, 3, 4, 5]
    assert len(set(ranks[5:])) == 5
    assert min(ranks[5:]) > 5


def test_an_encoder_s_features_come_before_a_network_s_and_these_before_the_samples_own_values(
    database: Database, storage: Storage, chosen: Settings, dataset: Dataset, audit: Audit
) -> None:
    with database.transaction() as session:
        run = session.scalars(select(Run).where(Run.audit_id == audit.id)).one()
        run.is_chosen = True
    folder = storage.locate_run(audit.id, run.number)
    folder.mkdir(parents=True)
    features_ND = np.random.default_rng(0).normal(size=(SAMPLES, 8)).astype(np.float16)
    np.save(folder / neighbour_files.FEATURES, features_ND)
    assert draw(database, storage, chosen, audit)[0]["source"] == "network"
    with database.transaction() as session:
        found = FeatureSet(
            dataset_id=dataset.id, encoder="made", encoder_sha256="0", width=8, status=FeatureStatus.READY
        )
        session.add(found)
        session.flush()
        session.execute(update(Run).where(Run.id == run.id).values(feature_set_id=found.id))
        store_features(storage, found, features_ND, session)
    second = store_finished_audit(database, dataset)
    with database.transaction() as session:
        session.execute(update(Run).where(Run.audit_id == second.id).values(feature_set_id=found.id))
    facts, _ = draw(database, storage, chosen, second)
    assert (facts["source"], facts["encoder"]) == ("encoder", "made")


def store_features(storage: Storage, found: FeatureSet, features_ND: np.ndarray, session: Session) -> None:
    path = feature_files.locate_shard(storage, found.dataset_id, "made")
    path.parent.mkdir(parents=True)
    np.save(path, features_ND)
    shard = FeatureShard(
        set_id=found.id,
        number=0,
        start=0,
        stop=SAMPLES,
        status=ShardStatus.SUCCEEDED,
        queue="train",
        sha256="made",
        bytes=1,
    )
    session.add(shard)


def test_another_audit_of_the_same_samples_computes_nothing(
    database: Database, storage: Storage, chosen: Settings, dataset: Dataset, audit: Audit
) -> None:
    _, columns = draw(database, storage, chosen, audit)
    second = store_finished_audit(database, dataset)
    ask(database, second)

    def refuse(_: Json, __: OnProgress) -> Json:
        raise AssertionError

    map_job.draw_waiting(database, storage, chosen, lay_out=refuse)
    found = read_map(database, second)
    assert found.status == MapStatus.SUCCEEDED
    again = map_files.read_points(storage, second.id, found.file or {})
    assert np.array_equal(again[1:3], columns[1:3])


def test_a_cancelled_map_stops_its_worker_and_can_be_asked_for_again(
    database: Database, storage: Storage, chosen: Settings, audit: Audit
) -> None:
    quick = chosen.model_copy(update={"heartbeat_seconds": 0.02})
    waiting = threading.Event()

    def cancel_within(_: Json, on_progress: OnProgress) -> Json:
        with database.transaction() as session:
            map_service.cancel(session, audit.id)
        while not waiting.wait(0.02):
            on_progress(None)
        return {}

    ask(database, audit)
    map_job.draw_waiting(database, storage, quick, lay_out=cancel_within)
    assert read_map(database, audit).status == MapStatus.CANCELLED
    draw(database, storage, chosen, audit)


def test_a_failed_layout_is_reported(
    database: Database, storage: Storage, chosen: Settings, audit: Audit
) -> None:
    def fail(_: Json, __: OnProgress) -> Json:
        raise LayoutFailed("no memory")

    ask(database, audit)
    map_job.draw_waiting(database, storage, chosen, lay_out=fail)
    found = read_map(database, audit)
    assert (found.status, found.error) == (MapStatus.FAILED, {"code": "LayoutFailed", "detail": "no memory"})


def test_the_sweep_sends_lost_maps_again_and_ends_those_that_are_lost_too_often(
    database: Database,
    chosen: Settings,
    audit: Audit,
    sent: list[tuple[Task, UUID]],
) -> None:
    map_id = ask(database, audit)
    assert sent.pop() == (Task.MAP, map_id)
    gone = {"lease_until": func.now() - timedelta(seconds=1), "status": MapStatus.RUNNING}
    for lapses in range(1, chosen.max_attempts + 1):
        with database.transaction() as session:
            session.execute(update(AuditMap).values(**gone))
        sweep(database, chosen, lambda _: 0)
        assert read_row(database, AuditMap, map_id).lapses == lapses
        assert ((Task.MAP, map_id) in sent) == (lapses < chosen.max_attempts)
        sent.clear()
    assert read_map(database, audit).status == MapStatus.FAILED


def test_a_child_that_ends_without_points_is_a_failure(tmp_path: Path) -> None:
    task = {"memory_bytes": 2**31, "source": {}, "positions": str(tmp_path / "nowhere.npy")}
    with pytest.raises(LayoutFailed, match="ended with 1"):
        layout_process.lay_out_in_child(task, lambda _: None)


def test_deleting_an_audit_deletes_its_map(database: Database, audit: Audit) -> None:
    map_id = ask(database, audit)
    with database.transaction() as session:
        audit_service.remove(session, audit.id)
    with database.transaction() as session:
        assert session.get(AuditMap, map_id) is None
