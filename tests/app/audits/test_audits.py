"""Audits over HTTP."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, update

from app.audits import audit_progress
from app.features.feature_service import FeatureProgress
from app.infra.database import Database
from app.infra.queue import Task
from app.infra.storage import Storage
from app.schemas.audits.result_schemas import SuspectDetail, SuspectPage
from app.tables import Audit, AuditStatus, Dataset, ProvisionalScore, Run, RunEpoch, RunStatus
from tests.builders.stored_rows import make_score, store_audit, store_finished_audit, store_ready_dataset


@pytest.fixture
def dataset(database: Database, storage: Storage) -> Dataset:
    return store_ready_dataset(database, storage)


def start(api: TestClient, dataset: Dataset, **configuration: object) -> dict[str, object]:
    answer = api.post("/v1/audits", json={"dataset_id": str(dataset.id), "configuration": configuration})
    assert answer.status_code == 202, answer.json()
    assert answer.headers["location"] == f"/v1/audits/{answer.json()['id']}"
    return answer.json()  # type: ignore[no-any-return]


def test_an_audit_has_one_run_which_is_sent(
    api: TestClient, dataset: Dataset, sent: list[tuple[Task, UUID]]
) -> None:
    audit = start(api, dataset, method="limit_l", beta=2)
    assert (audit["status"], audit["fraction"]) == ("queued", 0.0)
    assert [run["method"] for run in audit["runs"]] == ["limit_l"]  # type: ignore[attr-defined]
    assert [task for task, _ in sent] == [Task.TRAIN]


def test_initialisation_declares_its_cross_entropy_run(
    api: TestClient, dataset: Dataset, sent: list[tuple[Task, UUID]]
) -> None:
    runs = start(api, dataset, method="limit_g", initialise="ce", network="mnist_cnn")["runs"]
    assert [(run["number"], run["parent_number"], run["method"]) for run in runs] == [  # type: ignore[attr-defined]
        (0, None, "ce"),
        (1, 0, "limit_g"),
    ]
    assert len(sent) == 1


@pytest.mark.parametrize(
    ("configuration", "pointer"),
    [
        ({"colour": "red"}, "/body/configuration/colour"),
        ({"epochs": 0}, "/body/configuration/epochs"),
        ({"beta": -1}, "/body/configuration/beta"),
        ({"method": "magic"}, "/body/configuration/method"),
        ({"learning_rate": "fast"}, "/body/configuration/learning_rate"),
        ({"epochs": 5, "warm_up_epochs": 5}, "/body/configuration/warm_up_epochs"),
    ],
)
def test_a_configuration_out_of_bounds_is_refused_with_its_pointer(
    api: TestClient, dataset: Dataset, configuration: dict[str, object], pointer: str
) -> None:
    answer = api.post("/v1/audits", json={"dataset_id": str(dataset.id), "configuration": configuration})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer


def test_a_network_for_features_is_refused_for_pictures(api: TestClient, dataset: Dataset) -> None:
    body = {"dataset_id": str(dataset.id), "configuration": {"network": "mlp"}}
    answer = api.post("/v1/audits", json=body)
    assert answer.status_code == 422
    assert "does not take images" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("rehearsal", "sentence"),
    [
        ({"mapping": {"ant": "bee"}}, "uniform noise needs [] and accepts ['rate'], found ['mapping']"),
        ({"noise": "pair", "rate": 0.1}, "needs ['mapping'] and accepts ['rate'], found ['rate']"),
        ({"rate": 1.5}, "less than 1"),
        ({"noise": "pair", "rate": 0.1, "mapping": {"ant": "dog"}}, "unknown classes: ['dog']"),
        ({"noise": "confusion", "matrix": [[1.0]]}, "must be 3 by 3"),
        ({"noise": "confusion", "matrix": [[0.5, 0.1, 0.1]] * 3}, "sum to 1"),
    ],
)
def test_a_rehearsal_that_does_not_fit_is_refused(
    api: TestClient, dataset: Dataset, rehearsal: dict[str, object], sentence: str
) -> None:
    body = {"dataset_id": str(dataset.id), "configuration": {"rehearsal": rehearsal}}
    answer = api.post("/v1/audits", json=body)
    assert answer.status_code == 422
    assert sentence in answer.json()["detail"]


def test_only_a_ready_dataset_is_audited(api: TestClient) -> None:
    empty = api.post("/v1/datasets", json={"name": "empty"}).json()
    answer = api.post("/v1/audits", json={"dataset_id": empty["id"]})
    assert answer.status_code == 409
    assert "ready" in answer.json()["detail"]
    assert api.post("/v1/audits", json={"dataset_id": str(uuid4())}).status_code == 404


def test_cancelling_a_queued_audit_ends_it(api: TestClient, dataset: Dataset) -> None:
    audit = start(api, dataset)
    answer = api.post(f"/v1/audits/{audit['id']}/cancel").json()
    assert (answer["status"], answer["runs"][0]["status"]) == ("cancelled", "cancelled")
    assert api.post(f"/v1/audits/{audit['id']}/cancel").json()["status"] == "cancelled"


def test_cancelling_a_training_audit_asks_its_worker(
    api: TestClient, database: Database, dataset: Dataset
) -> None:
    audit = start(api, dataset)
    with database.transaction() as session:
        session.execute(update(Run).values(status=RunStatus.RUNNING, lease_until=func.now()))
        session.execute(update(Audit).values(status=AuditStatus.RUNNING))
    answer = api.post(f"/v1/audits/{audit['id']}/cancel").json()
    assert (answer["status"], answer["cancel_requested"]) == ("running", True)


def test_a_finished_audit_cannot_be_cancelled(api: TestClient, database: Database, dataset: Dataset) -> None:
    audit = store_finished_audit(database, dataset)
    assert api.post(f"/v1/audits/{audit.id}/cancel").status_code == 409


def test_suspects_come_worst_first_over_all_pages(
    api: TestClient, database: Database, dataset: Dataset
) -> None:
    audit = store_finished_audit(database, dataset)
    found, url = [], f"/v1/audits/{audit.id}/suspects?limit=5"
    while url:
        answer = api.get(url)
        found += answer.json()["items"]
        url = answer.links.get("next", {}).get("url", "")
    assert [item["rank"] for item in found] == list(range(1, 13))
    assert [item["position"] for item in found] == list(range(11, -1, -1))
    assert found[0] | {"image_url": None} == {
        "rank": 1,
        "position": 11,
        "key": "key-11",
        "split": None,
        "given_label": "cat",
        "given_label_probability": 0.25,
        "suggested_label": "ant",
        "suggested_confidence": 0.5,
        "suggestions": [{"label": "ant", "probability": 0.5}, {"label": "cat", "probability": 0.25}],
        "score": 1.0,
        "distance": 1.0,
        "error_probability": 1.0,
        "is_label_issue": True,
        "distance_average": 1.0,
        "distance_last": 1.0,
        "neighbour_disagreement": None,
        "memorisation": None,
        "predicted_gradient_norm": pytest.approx(0.1),
        "margin": -1.0,
        "loss": 1.0,
        "true_label": None,
        "is_error": None,
        "image_url": None,
        "box": None,
        "review": None,
        "own": None,
    }


@pytest.mark.parametrize(
    ("query", "positions"),
    [
        ("given_label=bee", [10, 7, 4, 1]),
        ("suggested_label=bee", [9, 6, 3, 0]),
        ("min_distance=0.4", [11, 10]),
        ("max_distance=0.09", [0]),
        ("given_label=cat&min_distance=0.2", [11, 8]),
    ],
)
def test_suspects_filtered(
    api: TestClient, database: Database, dataset: Dataset, query: str, positions: list[int]
) -> None:
    audit = store_finished_audit(database, dataset)
    items = api.get(f"/v1/audits/{audit.id}/suspects?{query}").json()["items"]
    assert [item["position"] for item in items] == positions


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("limit=0", "/query/limit"),
        ("limit=501", "/query/limit"),
        ("min_distance=far", "/query/min_distance"),
        ("max_distance=2", "/query/max_distance"),
        ("is_label_issue=perhaps", "/query/is_label_issue"),
        ("review=no", "/query/review"),
        ("after_rank=-1", "/query/after_rank"),
    ],
)
def test_a_query_that_cannot_be_understood_names_its_parameter(
    api: TestClient, database: Database, dataset: Dataset, query: str, pointer: str
) -> None:
    refused = api.get(f"/v1/audits/{store_finished_audit(database, dataset).id}/suspects?{query}")
    assert (refused.status_code, refused.json()["code"]) == (422, "validation")
    assert [each["pointer"] for each in refused.json()["errors"]] == [pointer]


def test_one_sample_knows_its_neighbours_in_rank(
    api: TestClient, database: Database, dataset: Dataset
) -> None:
    audit = store_finished_audit(database, dataset)
    first = api.get(f"/v1/audits/{audit.id}/samples/11").json()
    assert (first["previous_position"], first["next_position"]) == (None, 10)
    middle = api.get(f"/v1/audits/{audit.id}/samples/5").json()
    assert (middle["rank"], middle["previous_position"], middle["next_position"]) == (7, 6, 4)
    assert api.get(f"/v1/audits/{audit.id}/samples/99").status_code == 404


def test_what_is_written_without_a_model_has_the_form_that_is_declared(
    api: TestClient, database: Database, storage: Storage
) -> None:
    dataset = store_ready_dataset(database, storage, truth=[0, 1, 2] * 3)
    audit = store_finished_audit(database, dataset)
    said = {"verdict": "relabel", "label": "cat", "audit_id": str(audit.id)}
    api.put(f"/v1/datasets/{dataset.id}/samples/3/review", json=said)
    api.put(f"/v1/datasets/{dataset.id}/samples/5/review", json={"verdict": "keep"})
    page = api.get(f"/v1/audits/{audit.id}/suspects").json()
    assert page == SuspectPage.model_validate(page).model_dump(mode="json")
    found = {item["position"]: item for item in page["items"]}
    assert (found[3]["review"]["label"], found[5]["review"]["label"]) == ("cat", None)
    assert (found[3]["true_label"], found[11]["true_label"]) == ("ant", None)
    assert found[3]["review"] == api.get(f"/v1/datasets/{dataset.id}/samples/3/review").json()
    for position in (3, 5, 11):
        one = api.get(f"/v1/audits/{audit.id}/samples/{position}").json()
        assert one == SuspectDetail.model_validate(one).model_dump(mode="json")
        assert {name: one[name] for name in found[position]} == found[position]


def test_a_training_audit_shows_its_provisional_ranking(
    api: TestClient, database: Database, dataset: Dataset
) -> None:
    audit = store_audit(database, dataset)
    empty = api.get(f"/v1/audits/{audit.id}/suspects").json()
    assert (empty["items"], empty["provisional"]) == ([], True)
    columns = {name: value for name, value in vars(make_score(audit.id, 3, rank=1)).items() if name[0] != "_"}
    with database.transaction() as session:
        session.add(ProvisionalScore(**columns))
    page = api.get(f"/v1/audits/{audit.id}/suspects").json()
    assert ([item["position"] for item in page["items"]], page["provisional"]) == ([3], True)
    assert api.get(f"/v1/audits/{audit.id}").json()["provisional_available"]


def test_progress_is_the_share_of_steps(api: TestClient, database: Database, dataset: Dataset) -> None:
    audit = store_audit(database, dataset)
    progress = {
        "stage": "training", "epoch": 2, "epochs": 4, "step": 30, "steps": 100,
        "samples_per_second": 10.0, "eta_seconds": 70.0,
    }  # fmt: skip
    with database.transaction() as session:
        session.execute(update(Run).values(status=RunStatus.RUNNING, progress=progress))
    answer = api.get(f"/v1/audits/{audit.id}").json()
    share = audit_progress.EVIDENCE_SHARE
    assert answer["fraction"] == pytest.approx(0.98 * (1 - share) * 0.3)
    assert answer["eta_seconds"] == round(70 / (1 - share) / 0.98), "epochs, what follows them, and ranking"
    assert answer["runs"][0]["progress"]["epoch"] == 2


@pytest.mark.parametrize(
    ("epoch", "left", "told"),
    [(1, 69.0, None), (1, 71.0, 77.0), (2, 11.0, None), (2, 12.0, 13.0)],
)
def test_no_time_is_told_before_it_rests_on_seconds_of_epochs(
    epoch: int, left: float, told: float | None
) -> None:
    progress = {"stage": "training", "epoch": epoch, "step": 30, "steps": 100, "eta_seconds": left}
    run = Run(status=RunStatus.RUNNING, progress=progress)
    assert audit_progress.estimate_seconds(Audit(status=AuditStatus.RUNNING), [run]) == told


def test_what_follows_the_epochs_moves_the_bar_and_has_a_time(
    api: TestClient, database: Database, dataset: Dataset
) -> None:
    audit = store_audit(database, dataset)
    progress = {
        "stage": "evidence", "epoch": 4, "epochs": 4, "step": 100, "steps": 100,
        "samples_per_second": None, "eta_seconds": None, "training_seconds": 900.0,
    }  # fmt: skip
    expected = 900 * audit_progress.EVIDENCE_SHARE / (1 - audit_progress.EVIDENCE_SHARE)

    def read(seconds: float) -> tuple[float, float]:
        started = datetime.now(UTC) - timedelta(seconds=900 + seconds)
        values = {"status": RunStatus.RUNNING, "progress": progress, "started_at": started}
        with database.transaction() as session:
            session.execute(update(Run).values(**values))
        answer = api.get(f"/v1/audits/{audit.id}").json()
        return answer["fraction"], answer["eta_seconds"]

    (before, left), (after, nothing_left) = read(0), read(2 * expected)
    assert before == pytest.approx(0.98 * (1 - audit_progress.EVIDENCE_SHARE), abs=0.01)
    assert before < after < 0.98
    assert left == pytest.approx(expected / 0.98, abs=3)
    assert nothing_left == 0


def test_features_are_a_part_of_the_time_that_is_left() -> None:
    audit, run = Audit(status=AuditStatus.RUNNING), Run(status=RunStatus.QUEUED, feature_set_id=uuid4())
    features = FeatureProgress(
        set_id=uuid4(), encoder="made", status="computing", done=50, total=100, shards=1, shards_done=0,
        samples_per_second=5.0,
    )  # fmt: skip
    share = audit_progress.FEATURES_SHARE
    assert audit_progress.measure_fraction(audit, [run], features) == pytest.approx(0.98 * share / 2)
    expected = 10 + 20 * (1 - share) / share  # 10 s of the features, which take 20 s in all
    assert audit_progress.estimate_seconds(audit, [run], features) == round(expected)


def test_an_audit_that_was_cancelled_keeps_the_progress_that_it_had(
    api: TestClient, database: Database, dataset: Dataset
) -> None:
    begun, untouched = store_audit(database, dataset), store_audit(database, dataset)
    progress = {
        "stage": "training", "epoch": 2, "epochs": 4, "step": 30, "steps": 100,
        "samples_per_second": 10.0, "eta_seconds": 7.0,
    }  # fmt: skip
    with database.transaction() as session:
        for audit in (begun, untouched):
            session.get_one(Audit, audit.id).status = AuditStatus.CANCELLED
        session.execute(update(Run).values(status=RunStatus.CANCELLED))
        session.execute(update(Run).where(Run.audit_id == begun.id).values(progress=progress))
    share = 0.98 * (1 - audit_progress.EVIDENCE_SHARE) * 0.3
    assert api.get(f"/v1/audits/{begun.id}").json()["fraction"] == pytest.approx(share)
    assert api.get(f"/v1/audits/{untouched.id}").json()["fraction"] == 0
    assert (
        f"cancelled after {share:.0%}".replace("%", "\u202f% of its work")
        in api.get(f"/audits/{begun.id}").text
    )
    assert "was cancelled and has no results" in api.get(f"/audits/{untouched.id}").text


def test_epochs_are_served_run_by_run(api: TestClient, database: Database, dataset: Dataset) -> None:
    audit = store_audit(database, dataset)
    with database.transaction() as session:
        run = session.query(Run).filter_by(audit_id=audit.id).one()
        session.add_all(RunEpoch(run_id=run.id, epoch=e, seconds=1, learning_rate=0.1) for e in (2, 1))
    curves = api.get(f"/v1/audits/{audit.id}/epochs").json()
    assert [epoch["epoch"] for epoch in curves[0]["epochs"]] == [1, 2]


def test_results_of_an_audit_that_has_not_succeeded_are_refused(
    api: TestClient, database: Database, dataset: Dataset
) -> None:
    audit = store_audit(database, dataset)
    for name in ("ranking.csv", "ranking.parquet", "metrics", "summary"):
        assert api.get(f"/v1/audits/{audit.id}/{name}").status_code == 409
    assert api.get(f"/v1/audits/{audit.id}/other.csv").status_code == 404


def test_metrics_without_truth_say_how_to_get_them(
    api: TestClient, database: Database, dataset: Dataset
) -> None:
    audit = store_finished_audit(database, dataset)
    answer = api.get(f"/v1/audits/{audit.id}/metrics")
    assert answer.status_code == 404
    assert "/truth" in answer.json()["detail"]


def test_deleting_needs_an_end(api: TestClient, database: Database, dataset: Dataset) -> None:
    audit = store_audit(database, dataset)
    assert api.delete(f"/v1/audits/{audit.id}").status_code == 409
    api.post(f"/v1/audits/{audit.id}/cancel")
    assert api.delete(f"/v1/audits/{audit.id}").status_code == 204
    assert api.get(f"/v1/audits/{audit.id}").status_code == 404


def test_audits_are_listed_by_dataset(
    api: TestClient, database: Database, storage: Storage, dataset: Dataset
) -> None:
    mine, other = (
        store_audit(database, dataset),
        store_audit(database, store_ready_dataset(database, storage)),
    )
    assert [item["id"] for item in api.get("/v1/audits").json()["items"]] == [str(other.id), str(mine.id)]
    found = api.get(f"/v1/audits?dataset_id={dataset.id}").json()["items"]
    assert [item["id"] for item in found] == [str(mine.id)]
