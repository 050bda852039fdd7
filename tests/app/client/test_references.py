"""Names, beginnings of names and ids, and `@last`, where an id is asked for."""

from uuid import UUID

import pytest

from app.client import Client, ClientError
from app.infra.database import Database
from app.infra.storage import Storage
from app.tables import Audit, AuditStatus, Dataset, DatasetStatus
from app.versions.content_matching import write_digests
from tests.builders.stored_rows import store_audit, store_finished_audit, store_ready_dataset


def create(client: Client, *names: str) -> list[str]:
    return [str(client.post("/v1/datasets", {"name": name})["id"]) for name in names]


def test_a_dataset_is_found_by_name_beginning_id_and_order(client: Client) -> None:
    flowers, birds = create(client, "flowers", "birds 100%_")
    for reference in ("flowers", "flo", flowers, flowers.upper()[:-1]):
        assert client.find_id("dataset", reference) == flowers, reference
    assert client.find_id("dataset", "@last") == birds
    assert client.dataset("birds 100%").id == birds
    assert client.dataset("birds 100%").name == "birds 100%_"


def test_a_whole_name_comes_before_beginnings(client: Client) -> None:
    _, short = create(client, "digits of 2024", "digits")
    assert client.find_id("dataset", "digits") == short


def test_what_could_be_several_is_an_error_that_lists_them(client: Client) -> None:
    first, second = create(client, "digits", "digits")
    with pytest.raises(ClientError) as refusal:
        client.dataset("digits")
    assert first in str(refusal.value)
    assert second in str(refusal.value)
    assert "may be any of 2 datasets" in str(refusal.value)


def test_a_first_try_that_was_rejected_does_not_stand_in_the_way(client: Client, database: Database) -> None:
    rejected, good = create(client, "messages", "messages")
    with database.transaction() as session:
        session.get_one(Dataset, UUID(rejected)).status = DatasetStatus.REJECTED
    assert client.dataset("messages").id == good
    assert client.find_id("dataset", "mess") == good
    with pytest.raises(ClientError, match="rejected"):
        client.dataset("messages", usable=False)  # to delete it, say which


def test_of_audits_those_without_a_result_do_not_count(
    client: Client, database: Database, storage: Storage
) -> None:
    dataset = store_ready_dataset(database, storage)
    made = [store_finished_audit(database, dataset) for _ in range(3)]
    with database.transaction() as session:
        session.get_one(Audit, made[0].id).status = AuditStatus.FAILED
        session.get_one(Audit, made[2].id).status = AuditStatus.CANCELLED
    assert client.get_audit("audit of made").id == str(made[1].id)


def test_the_view_of_a_class_is_never_the_last_dataset(client: Client, database: Database) -> None:
    whole, view = create(client, "several", "several: cat")
    with database.transaction() as session:
        found = session.get_one(Dataset, UUID(view))
        found.view_of, found.view_class = UUID(whole), "cat"
    assert client.find_id("dataset", "@last") == whole
    assert client.find_id("dataset", "sev") == whole
    assert client.find_id("dataset", "several: cat") == view


@pytest.mark.parametrize("reference", ["nothing", "%", "_", "@first", "", "a\x00b"])
def test_what_is_not_there_is_named(client: Client, reference: str) -> None:
    create(client, "digits")
    with pytest.raises(ClientError, match="dataset"):
        client.dataset(reference)


def test_the_last_of_nothing_is_nothing(client: Client) -> None:
    with pytest.raises(ClientError, match="no audit yet"):
        client.get_audit("@last")


def test_a_baseline_is_a_whole_name_of_an_audit_that_has_succeeded(
    client: Client, database: Database, storage: Storage
) -> None:
    """A beginning could be the name of another branch, and no audit is compared with itself."""
    datasets = [store_ready_dataset(database, storage) for _ in range(2)]
    for dataset in datasets:
        write_digests(storage.locate_pack(dataset.id))
    made, newer = (store_finished_audit(database, dataset) for dataset in datasets)
    store_audit(database, store_ready_dataset(database, storage))
    assert client.find_baseline("audit of made").id == str(newer.id), "the newest is not finished"
    assert client.find_baseline("audit of made", besides=client.get_audit(str(newer.id))).id == str(made.id)
    for reference in ("audit of mad", "audit", str(made.id)[:-1]):
        with pytest.raises(ClientError, match="no audit"):
            client.find_baseline(reference)
    judged = client.get_audit(str(newer.id))
    with pytest.raises(ClientError, match="the one that is judged"):
        judged.judge(baseline=str(newer.id), no_conflicts=True)
    answer = judged.judge(baseline="audit of made", max_noise=0.9)
    assert answer["baseline"]["audit_id"] == str(made.id)


def test_an_audit_is_found_in_the_same_ways(client: Client, database: Database, storage: Storage) -> None:
    made = store_finished_audit(database, store_ready_dataset(database, storage))
    for reference in ("audit of made", "audit", "@last", str(made.id)):
        assert client.get_audit(reference).id == str(made.id)
