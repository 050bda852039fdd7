"""A list of audits stays small however many classes they have."""

from uuid import UUID

from fastapi.testclient import TestClient
from sqlalchemy import update

from app.infra.database import Database
from app.infra.storage import Storage
from app.tables import Audit
from tests.builders.full_workspace import store_full_workspace


def test_a_list_has_the_figures_of_the_first_hundred_classes(
    api: TestClient, database: Database, storage: Storage
) -> None:
    audit = store_full_workspace(database, storage)["audit"]
    classes = [{"class": f"class {number}", "samples": 2} for number in range(5000)]
    with database.transaction() as session:
        stored = session.get_one(Audit, UUID(audit)).summary
        summary = {**(stored or {}), "per_class": classes}
        session.execute(update(Audit).where(Audit.id == audit).values(summary=summary))
    (listed,) = api.get("/v1/audits").json()["items"]
    assert listed["summary"]["per_class"] == classes[:100]
    assert api.get(f"/v1/audits/{audit}").json()["summary"]["per_class"] == classes
    assert api.get("/audits").status_code == 200
