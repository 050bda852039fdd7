"""Second opinions are blind and count only where they agree or are settled; who gave them undoes them."""

import pytest

from app.exports.final_labels import decide_labels
from app.exports.registry import Issues
from app.infra.database import Database
from app.infra.storage import Storage
from app.reviews.sample_leases import is_below
from app.tables import Dataset
from tests.app.people.conversation import SAMPLES, People
from tests.builders.stored_rows import NAMES


def test_a_second_opinion_is_blind_and_chosen_by_the_seed(people: People) -> None:
    people.plan(0.3, seed=5)
    people.judge_many("Ada", dict.fromkeys(range(40, SAMPLES), "drop"))
    chosen = [position for position in range(SAMPLES - 1, 39, -1) if is_below(position, share=0.3, seed=5)]
    page = people.queue("Ben", 100)["items"]
    handed = [item["position"] for item in page]
    assert sorted(position for position in handed if position >= 40) == sorted(chosen)
    assert sorted(position for position in handed if position < 40) == [*range(40)]
    assert {item["review"] for item in page} == {None}
    assert handed[4] >= 40, "every fifth is a second opinion"
    assert handed[0] < 40
    assert all(position < 40 for position in people.hand("Ada", 100)), "nobody judges their own verdict"
    body = people.judge("Ben", chosen[0], "keep").json()
    assert (body["verdict"], body["reviewer"], body["agreement"]) == ("keep", "Ben", None)


def test_whoever_was_not_asked_is_told_and_overwrites_nothing(people: People) -> None:
    people.plan(1)
    people.judge("Ada", 59, "keep")
    refused = people.judge("Ben", 59, "drop")
    assert refused.status_code == 412
    assert "Ada has saved 'keep'" in refused.json()["detail"]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (("keep", None), ("keep", None), ("keep", None, "agreed", "Ada")),
        (("relabel", NAMES[1]), ("relabel", NAMES[1]), ("relabel", NAMES[1], "agreed", "Ada")),
        (("keep", None), ("drop", None), ("unsure", None, "disputed", "Ada / Ben")),
        (("relabel", NAMES[1]), ("drop", None), ("unsure", None, "disputed", "Ada / Ben")),
        (("unsure", None), ("drop", None), ("drop", None, "unsure", "Ben")),
        (("unsure", None), ("unsure", None), ("unsure", None, "unsure", "Ada")),
        (("keep", None), ("relabel", NAMES[2]), ("keep", None, "agreed", "Ada")),
    ],
)
def test_what_counts_when_two_people_judged(
    people: People,
    first: tuple[str, str | None],
    second: tuple[str, str | None],
    expected: tuple[str, str | None, str, str],
) -> None:
    """Position 59 is given the third class: labelling it so keeps it."""
    people.plan(1)
    people.judge_twice(59, first, second)
    review = people.read(59)
    found = (review["verdict"], review["label"], review["agreement"], review["reviewer"])
    assert found == expected


def test_a_disagreement_counts_for_nothing_until_it_is_settled(
    people: People, database: Database, storage: Storage
) -> None:
    people.plan(1)
    people.judge_twice(59, ("relabel", NAMES[1]), ("drop", None))
    progress = people.api.get(f"/v1/audits/{people.audit.id}/review-progress").json()
    assert (progress["errors"], progress["verdicts"]["unsure"], progress["precision"]) == (0, 1, None)

    def decide() -> int:
        with database.transaction() as session:
            own = session.get_one(Dataset, people.dataset.id)
            return int(decide_labels(session, storage, own, audit=None, issues=Issues.KEEP).final_N[59])

    assert decide() == 2, "it keeps its label"
    (listed,) = people.disputed()
    assert [(each["reviewer"], each["verdict"]) for each in listed["opinions"]] == [
        ("Ada", "relabel"),
        ("Ben", "drop"),
    ]
    stale = people.judge("Cleo", 59, "drop")
    assert stale.status_code == 412
    assert "Ada / Ben disagree" in stale.json()["detail"]
    settled = people.judge("Cleo", 59, "relabel", NAMES[0], seen=listed["review"]["version"]).json()
    assert (settled["agreement"], settled["reviewer"]) == ("settled", "Cleo")
    assert decide() == 0
    assert people.disputed() == []
    assert len(people.disputed("settled")[0]["opinions"]) == 2
    figures = people.agreement()
    assert figures["states"] == {"agreed": 0, "unsure": 0, "disputed": 0, "settled": 1}
    assert {each["reviewer"]: (each["verdicts"], each["settled"]) for each in figures["people"]} == {
        "Ada": (1, 0), "Ben": (1, 0), "Cleo": (0, 1),
    }  # fmt: skip
    assert people.withdraw("Cleo", 59, settled["version"]).status_code == 204
    assert people.read(59)["agreement"] == "disputed", "undoing what settled it brings the disagreement back"


def test_undo_takes_back_ones_own_verdict_alone(people: People) -> None:
    people.plan(1)
    first = people.judge("Ada", 59, "keep").json()
    people.hand("Ben", 100)
    second = people.judge("Ben", 59, "drop").json()
    assert people.withdraw("Ben", 59, first["version"]).status_code == 412, "not Ben's"
    assert people.withdraw("Ada", 59, first["version"]).status_code == 204
    left = people.read(59)
    assert (left["verdict"], left["reviewer"], left["agreement"]) == ("drop", "Ben", None)
    assert left["version"] == second["version"]
    assert people.withdraw("Ben", 59, second["version"]).status_code == 204
    assert people.api.get(people.path(59)).status_code == 404


def test_a_person_changes_their_own_opinion_after_the_other_gave_theirs(people: People) -> None:
    people.plan(1)
    first = people.judge("Ada", 59, "keep").json()
    people.hand("Ben", 100)
    people.judge("Ben", 59, "drop")
    changed = people.judge("Ada", 59, "drop", seen=first["version"]).json()
    assert (changed["verdict"], changed["reviewer"]) == ("drop", "Ada")
    assert people.read(59)["agreement"] == "agreed"
    assert people.judge("Cleo", 59, "keep", seen=first["version"]).status_code == 412
    people.judge("Cleo", 59, "keep", seen=people.read(59)["version"])
    assert people.judge("Ada", 59, "keep", seen=changed["version"]).status_code == 412, "settled"


def test_the_first_person_undoes_while_the_second_looks(people: People) -> None:
    people.plan(1)
    first = people.judge("Ada", 59, "keep").json()
    people.hand("Ben", 100)
    people.withdraw("Ada", 59, first["version"])
    assert 59 not in people.hand("Cleo", 100), "Ben has it on his screen"
    assert people.judge("Ben", 59, "drop").json()["agreement"] is None
    assert people.read(59)["reviewer"] == "Ben"


def test_deleting_a_review_that_was_seen_deletes_its_opinions(people: People) -> None:
    people.plan(1)
    people.judge_twice(59, ("keep", None), ("drop", None))
    assert people.withdraw("Cleo", 59, people.read(59)["version"]).status_code == 204
    assert people.agreement()["people"] == []


def test_a_bulk_action_settles_what_was_seen_and_its_undo_brings_the_disagreement_back(
    people: People,
) -> None:
    people.plan(1)
    people.judge_twice(59, ("keep", None), ("drop", None))
    path = f"/v1/audits/{people.audit.id}/bulk-actions"
    unseen = {"action": "drop", "reviewer": "Ben", "filters": {"review": "unsure"}, "replaces": True}
    assert people.api.post(path, json=unseen).json()["saved"] == 0, "people looked twice"
    samples = [{"position": 59, "version": people.read(59)["version"]}]
    done = people.api.post(path, json={"action": "drop", "reviewer": "Cleo", "samples": samples}).json()
    assert people.read(59)["agreement"] == "settled"
    people.api.post(f"{path}/{done['id']}/undo")
    assert (people.read(59)["agreement"], people.read(59)["verdict"]) == ("disputed", "unsure")
    assert len(people.disputed()[0]["opinions"]) == 2
