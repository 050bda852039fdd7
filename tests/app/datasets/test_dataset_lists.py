"""A list of datasets stays small however many classes they have."""

from fastapi.testclient import TestClient
from sqlalchemy import update

from app.infra.database import Database
from app.infra.storage import Storage
from app.tables import Dataset
from tests.builders.stored_rows import store_ready_dataset


def test_a_list_has_the_first_hundred_class_names_and_their_number(
    api: TestClient, database: Database, storage: Storage
) -> None:
    names = [f"class {number}" for number in range(5000)]
    statistics = {
        "class_counts": dict.fromkeys(names, 1),
        "layout": {"class_spellings": names, "class_list": names, "nested": True},
    }
    small, large = (store_ready_dataset(database, storage).id for _ in range(2))
    with database.transaction() as session:
        values = {"class_names": names, "statistics": statistics}
        session.execute(update(Dataset).where(Dataset.id == large).values(**values))
    listed = {item["id"]: item for item in api.get("/v1/datasets").json()["items"]}
    assert listed[str(large)]["class_names"] == names[:100]
    assert listed[str(large)]["class_count"] == 5000
    assert listed[str(large)]["statistics"] == {"layout": {"nested": True}}
    whole = api.get(f"/v1/datasets/{large}").json()
    assert (whole["class_names"], whole["class_count"], whole["statistics"]) == (names, 5000, statistics)
    assert listed[str(small)] == api.get(f"/v1/datasets/{small}").json()
    assert api.get("/").status_code == 200
