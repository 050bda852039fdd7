"""What figures are called depends on whether correct labels are known."""

from fastapi.testclient import TestClient

from app.infra.database import Database
from app.infra.storage import Storage
from app.tables import Audit
from tests.builders.stored_rows import store_finished_audit, store_ready_dataset


def test_without_correct_labels_no_title_names_right_and_wrong_ones(
    api: TestClient, database: Database, storage: Storage
) -> None:
    audit = store_finished_audit(database, store_ready_dataset(database, storage))
    with database.transaction() as session:
        found = session.get_one(Audit, audit.id)
        found.summary = {"sample_count": 12, "histogram": {"edges": [0.0, 0.5, 1.0], "counts": [10, 2]}}
    links = api.get(f"/v1/audits/{audit.id}/figures").json()
    titles = {link["name"]: link["title"] for link in links}
    assert titles["distances"] == "distances of all labels"
