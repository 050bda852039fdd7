from uuid import UUID

from sqlalchemy import delete, update

from app.infra import workspace_scope
from app.infra.database import Database
from app.infra.settings import Settings
from app.tables import Dataset, DatasetStatus
from worker.ingest import ingestion_turns


def waiting(database: Database, workspace: str, count: int) -> list[UUID]:
    with database.transaction() as session:
        workspace_id, _ = workspace_scope.get_or_create_workspace(session, workspace)
        rows = [
            Dataset(name="x", options={}, workspace_id=workspace_id, status=DatasetStatus.INGESTING)
            for _ in range(count)
        ]
        session.add_all(rows)
        session.flush()
        return [row.id for row in rows]


def claim(database: Database, settings: Settings) -> UUID | None:
    with database.transaction() as session:
        found = ingestion_turns.claim_next(session, settings)
        return None if found is None else found.id


def end(database: Database, dataset: UUID | None) -> None:
    values = {"status": DatasetStatus.REJECTED, "lease_until": None}
    with database.transaction() as session:
        session.execute(update(Dataset).where(Dataset.id == dataset).values(**values))


def test_a_workspace_with_many_uploads_does_not_keep_others_waiting(
    database: Database, chosen: Settings
) -> None:
    first, second, third = waiting(database, "greedy", 3)
    (modest,) = waiting(database, "modest", 1)
    assert claim(database, chosen) == first
    assert claim(database, chosen) == modest
    assert claim(database, chosen) is None, "the greedy workspace has its share"
    end(database, modest)
    assert claim(database, chosen) is None
    (again,) = waiting(database, "modest", 1)
    end(database, first)
    assert claim(database, chosen) == second
    assert claim(database, chosen) == again
    assert third is not None


def test_the_share_of_a_workspace_can_be_larger(database: Database, chosen: Settings) -> None:
    first, second, _ = waiting(database, "greedy", 3)
    told = chosen.model_copy(update={"ingestions_per_workspace": 2})
    assert [claim(database, told) for _ in range(3)] == [first, second, None]


def test_the_rest_of_a_workspace_is_found(database: Database, chosen: Settings) -> None:
    first, second = waiting(database, "greedy", 2)
    assert claim(database, chosen) == first
    with database.transaction() as session:
        dataset = session.get_one(Dataset, second)
        assert ingestion_turns.find_waiting(session, dataset.workspace_id) == second


def test_places_never_hold_every_reader(database: Database, chosen: Settings) -> None:
    (slow,), (other,), (upload,) = (waiting(database, name, 1) for name in ("slow", "other", "modest"))
    with database.transaction() as session:
        place = {"kind": "web", "url": "http://slow.example/table.csv"}
        session.execute(update(Dataset).where(Dataset.id.in_([slow, other])).values(place=place))
    assert claim(database, chosen) == slow
    assert claim(database, chosen) == upload, "the other place waits for the first one"
    assert claim(database, chosen) is None
    end(database, slow)
    with database.transaction() as session:
        assert ingestion_turns.find_waiting_place(session) == other
    assert claim(database, chosen) == other


def test_a_batch_of_places_goes_by_turns(database: Database, chosen: Settings) -> None:
    """What counts is when a workspace was last served, not when its datasets were made."""
    batch, late = waiting(database, "batch", 4), waiting(database, "modest", 3)
    place = {"kind": "table", "url": "http://slow.example/table.csv"}
    with database.transaction() as session:
        session.execute(update(Dataset).where(Dataset.id.in_([*batch, *late])).values(place=place))
    served = []
    for _ in range(6):
        served.append(claim(database, chosen))
        end(database, served[-1])
    assert served == [batch[0], late[0], batch[1], late[1], batch[2], late[2]]


def test_deleting_what_was_read_is_no_way_to_the_front(database: Database, chosen: Settings) -> None:
    first, second = waiting(database, "greedy", 2)
    modest = waiting(database, "modest", 2)
    assert [claim(database, chosen) for _ in range(2)] == [first, modest[0]]
    with database.transaction() as session:
        session.execute(delete(Dataset).where(Dataset.id == first))
    end(database, modest[0])
    assert [claim(database, chosen) for _ in range(2)] == [second, modest[1]]
    (third,), (last,) = waiting(database, "greedy", 1), waiting(database, "modest", 1)
    with database.transaction() as session:
        session.execute(delete(Dataset).where(Dataset.id.in_([second, modest[1]])))
    assert [claim(database, chosen) for _ in range(2)] == [third, last]
