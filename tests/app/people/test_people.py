"""Several people at one review, over HTTP and with threads, on PostgreSQL."""

import csv
import io
import threading
from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select, update

from app.exports.final_labels import decide_labels
from app.exports.registry import Issues
from app.infra.database import Database
from app.infra.storage import Storage
from app.people import review_queue
from app.people.review_plans import set_plan
from app.people.review_queue import Wish
from app.reviews import verdicts
from app.reviews.opinions import Author, Entry
from app.reviews.sample_leases import Holder, is_below
from app.tables import Audit, Dataset, Review, SampleLease, Verdict
from tests.builders.stored_rows import NAMES, store_finished_audit, store_ready_dataset

SAMPLES = 60
Answer = dict[str, Any]


@pytest.fixture
def dataset(database: Database, storage: Storage) -> Dataset:
    return store_ready_dataset(database, storage, samples=SAMPLES)


@pytest.fixture
def audit(database: Database, dataset: Dataset) -> Audit:
    made = store_finished_audit(database, dataset)
    with database.transaction() as session:
        session.get_one(Audit, made.id).summary = {"sample_count": SAMPLES}
    return made


@pytest.fixture
def people(api: TestClient, dataset: Dataset, audit: Audit) -> "People":
    return People(api, dataset, audit)


class People:
    """Calls of the service under several names."""

    def __init__(self, api: TestClient, dataset: Dataset, audit: Audit) -> None:
        self.api, self.dataset, self.audit = api, dataset, audit

    def queue(self, reviewer: str, count: int = 5, **body: Any) -> Answer:  # noqa: ANN401 - JSON
        answer = self.api.post(
            f"/v1/audits/{self.audit.id}/queue", json={"reviewer": reviewer, "count": count, **body}
        )
        assert answer.status_code == 200, answer.json()
        document: Answer = answer.json()
        return document

    def hand(self, reviewer: str, count: int = 5, **body: Any) -> list[int]:  # noqa: ANN401 - JSON
        return [item["position"] for item in self.queue(reviewer, count, **body)["items"]]

    def path(self, position: int) -> str:
        return f"/v1/datasets/{self.dataset.id}/samples/{position}/review"

    def judge(
        self, reviewer: str, position: int, verdict: str, label: str | None = None, *, seen: int | None = None
    ) -> Any:  # noqa: ANN401 - a response
        headers = {} if seen is None else {"If-Match": f'"{seen}"'}
        body = {"verdict": verdict, "label": label, "reviewer": reviewer, "audit_id": str(self.audit.id)}
        return self.api.put(self.path(position), json=body, headers=headers)

    def judge_many(self, reviewer: str, chosen: dict[int, str]) -> None:
        entries = [{"position": position, "verdict": verdict} for position, verdict in chosen.items()]
        body = {"reviews": entries, "reviewer": reviewer, "audit_id": str(self.audit.id)}
        answer = self.api.post(f"/v1/datasets/{self.dataset.id}/reviews", json=body).json()
        assert (len(answer["saved"]), answer["conflicts"]) == (len(chosen), [])

    def withdraw(self, reviewer: str, position: int, seen: int) -> Any:  # noqa: ANN401 - a response
        headers = {"If-Match": f'"{seen}"'}
        return self.api.delete(self.path(position), headers=headers, params={"reviewer": reviewer})

    def read(self, position: int) -> Answer:
        review: Answer = self.api.get(self.path(position)).json()
        return review

    def plan(self, share: float, seed: int = 1) -> None:
        body = {"second_share": share, "seed": seed}
        assert self.api.put(f"/v1/audits/{self.audit.id}/review-plan", json=body).status_code == 200

    def judge_twice(
        self, position: int, first: tuple[str, str | None], second: tuple[str, str | None]
    ) -> None:
        """Let Ada judge a sample, and Ben without seeing it."""
        assert self.judge("Ada", position, *first).status_code == 200
        assert position in self.hand("Ben", 100)
        assert self.judge("Ben", position, *second).status_code == 200

    def agreement(self) -> Answer:
        answer = self.api.get(f"/v1/audits/{self.audit.id}/agreement")
        assert answer.status_code == 200, answer.json()
        document: Answer = answer.json()
        return document

    def disputed(self, state: str = "disputed") -> list[Answer]:
        address = f"/v1/audits/{self.audit.id}/judged-twice?state={state}"
        items: list[Answer] = self.api.get(address).json()["items"]
        return items


# ---- leases


def test_each_person_is_handed_other_samples_in_order_of_rank(people: People) -> None:
    assert people.hand("Ada") == [59, 58, 57, 56, 55]
    assert people.hand("Ben") == [54, 53, 52, 51, 50]
    assert people.hand("Ada") == [59, 58, 57, 56, 55], "what a person has and has not decided comes back"
    assert people.hand("Ada", held=[59, 58, 57, 56, 55]) == [49, 48, 47, 46, 45]
    assert people.hand("Ben", 2, after_rank=50) == [9, 8]


def test_a_person_who_leaves_loses_the_lease(people: People, database: Database) -> None:
    people.hand("Ada", 3)
    with database.transaction() as session:
        session.execute(update(SampleLease).values(expires_at=SampleLease.expires_at - timedelta(hours=1)))
    assert people.hand("Ben", 2) == [59, 58]
    back = people.queue("Ada", 2, held=[59, 58, 57])
    assert back["lost"] == [59, 58]
    assert [item["position"] for item in back["items"]] == [56, 55]


def test_a_sample_that_is_given_back_is_handed_on_at_once(people: People, audit: Audit) -> None:
    people.hand("Ada", 3)
    body = {"held": [59, 58], "reviewer": "Ada"}
    others = {"held": [57], "reviewer": "Ben"}
    release = f"/v1/audits/{audit.id}/queue/release"
    assert people.api.post(release, json=body).json() == {"released": 2}
    assert people.api.post(release, json=others).json() == {"released": 0}
    assert people.hand("Ben", 3) == [59, 58, 56]


def test_the_queue_follows_filters(people: People) -> None:
    filters = {"given_label": NAMES[0], "review": "any"}
    assert people.hand("Ada", 3, filters=filters) == [57, 54, 51]


def test_one_name_in_two_spellings_is_one_person(people: People) -> None:
    assert people.hand("José  Núñez", 2) == people.hand("Jose\u0301 Nu\u0301n\u0303ez", 2)
    assert people.judge("Jose\u0301", 59, "keep").json()["reviewer"] == "José"
    refused = people.api.post(
        f"/v1/audits/{people.audit.id}/queue", json={"reviewer": "A\u202eda", "count": 1}
    )
    assert refused.status_code == 422


def test_threads_at_once_neither_lose_nor_double_a_sample(
    database: Database, dataset: Dataset, audit: Audit
) -> None:
    """Six people take and decide until nothing is left; half of the samples get a second opinion."""
    share, seed = 0.5, 3
    with database.transaction() as session:
        set_plan(session, session.get_one(Audit, audit.id), second_share=share, seed=seed)
    judged: dict[str, list[int]] = {}
    failures: list[BaseException] = []

    def work(name: str) -> None:
        judged[name] = []
        holder = Holder(dataset_id=dataset.id, reviewer=name, seconds=60)
        idle = 0
        while idle < 3:
            with database.transaction() as session:
                own = session.get_one(Audit, audit.id)
                handed = review_queue.hand_suspects(session, own, dataset, holder, Wish(count=4))
            idle = 0 if handed.positions else idle + 1
            for position in handed.positions:
                with database.transaction() as session:
                    entry = Entry(position=position, verdict=Verdict.KEEP)
                    verdicts.put(session, dataset, entry, Author(reviewer=name, audit_id=audit.id))
                judged[name].append(position)

    def run(name: str) -> None:
        try:
            work(name)
        except BaseException as error:  # noqa: BLE001 - shown by the test
            failures.append(error)

    threads = [threading.Thread(target=run, args=(f"person {number}",), daemon=True) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    every = sorted(position for positions in judged.values() for position in positions)
    twice = [position for position in range(SAMPLES) if is_below(position, share=share, seed=seed)]
    assert 15 < len(twice) < 45
    assert every == sorted([*range(SAMPLES), *twice])
    assert all(len(positions) == len(set(positions)) for positions in judged.values())
    with database.transaction() as session:
        reviews = session.scalars(select(Review).where(Review.dataset_id == dataset.id)).all()
        assert sorted(each.position for each in reviews if each.agreement == "agreed") == twice
        assert len(reviews) == SAMPLES


# ---- second opinions


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


def test_the_queue_of_random_checks_hands_out_each_check_once(people: People) -> None:
    people.api.put(f"/v1/audits/{people.audit.id}/check", json={"samples": 50})
    path = f"/v1/audits/{people.audit.id}/check/queue"
    taken = [
        {
            item["position"]
            for item in people.api.post(path, json={"reviewer": name, "count": 10}).json()["items"]
        }
        for name in ("Ada", "Ben")
    ]
    assert [len(each) for each in taken] == [10, 10]
    assert not taken[0] & taken[1]


# ---- many at once


def test_bulk_actions_leave_out_what_others_look_at(people: People) -> None:
    people.hand("Ada", 3)
    body: Answer = {"action": "drop", "reviewer": "Ben", "filters": {"given_label": NAMES[2]}}
    path = f"/v1/audits/{people.audit.id}/bulk-actions"
    preview = people.api.post(f"{path}/preview", json=body).json()
    assert (preview["samples"], preview["busy"]) == (19, 1)
    assert people.api.post(path, json=body).json()["saved"] == 19
    chosen = {"action": "drop", "reviewer": "Ben", "samples": [{"position": 58}, {"position": 55}]}
    done = people.api.post(path, json=chosen).json()
    assert (done["saved"], done["left_out"]) == (1, 1)
    own = {"action": "keep", "reviewer": "Ada", "samples": [{"position": 58}]}
    assert people.api.post(path, json=own).json()["saved"] == 1


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


# ---- agreement


def test_agreement_of_two_people_by_hand(people: People) -> None:
    """20 samples: 14 kept by both, 2 dropped by both, 4 kept by Ada alone.

    Agreed: 16 / 20 = 0.8. Chance: 0.9 * 0.7 + 0.1 * 0.3 = 0.66. Kappa: 0.14 / 0.34 = 0.4118.
    """
    people.plan(1)
    handed = [*range(40, SAMPLES)]
    people.judge_many("Ada", {position: "drop" if position < 42 else "keep" for position in handed})
    people.hand("Ben", 100)
    people.judge_many("Ben", {position: "drop" if position < 46 else "keep" for position in handed})
    figures = people.agreement()
    assert figures["right_or_wrong"]["statistic"] == "cohen_kappa"
    assert figures["right_or_wrong"]["samples"] == 20
    assert figures["right_or_wrong"]["agreed"] == 16
    assert figures["right_or_wrong"]["value"] == pytest.approx(0.14 / 0.34)
    assert figures["disagreement"]["centre"] == pytest.approx(0.2)
    assert figures["reviewer_error"]["centre"] == pytest.approx((1 - 0.6**0.5) / 2)
    by_class = {each["name"]: each for each in figures["classes"]}
    assert set(by_class) == {*NAMES, "drop"}
    assert by_class["drop"]["value"] == pytest.approx(0.14 / 0.34)
    assert figures["states"]["disputed"] == 4


def test_disagreement_as_large_as_the_noise_is_said(people: People) -> None:
    """All 60 samples are checked: Ada finds none wrong, Ben 6, so the checks count no error that is sure."""
    people.api.put(f"/v1/audits/{people.audit.id}/check", json={"samples": 60})
    people.plan(1)
    path = f"/v1/audits/{people.audit.id}/check/queue"

    def go_through(name: str, wrong: int) -> None:
        judged = 0
        while items := people.api.post(path, json={"reviewer": name, "count": 50}).json()["items"]:
            found = enumerate((item["position"] for item in items), judged)
            people.judge_many(name, {at: "drop" if place < wrong else "keep" for place, at in found})
            judged += len(items)
        assert judged == 60

    go_through("Ada", 0)
    go_through("Ben", 6)
    checks = people.agreement()["checks"]
    assert checks["disputed"] == 6
    assert checks["disagreement"]["centre"] == pytest.approx(0.1)
    assert checks["error_share"]["centre"] < 0.05
    assert checks["bounds"] == pytest.approx([0, 0.1]), "all samples are checked: none is wrong, or 6 of 60"
    assert "may be the reviewers' own mistakes" in checks["caution"]


# ---- notes and exports


def test_notes_say_what_who_and_when(people: People) -> None:
    path = f"/v1/datasets/{people.dataset.id}/samples/59/notes"
    made = people.api.post(path, json={"text": " two animals\n=1+1 ", "reviewer": "Ada"}).json()
    assert (made["text"], made["reviewer"]) == ("two animals\n=1+1", "Ada")
    assert people.api.post(path, json={"text": "x" * 1001}).status_code == 422
    assert people.api.post(path, json={"text": "\x1b[2J"}).status_code == 422
    assert people.api.post(path.replace("/59/", "/999/"), json={"text": "a"}).status_code == 404
    assert people.api.get(path).json()["items"] == [made]
    one = f"/v1/datasets/{people.dataset.id}/notes/{made['id']}"
    assert people.api.delete(one, params={"reviewer": "Ben"}).status_code == 404
    assert people.api.delete(one, params={"reviewer": "Ada"}).status_code == 204
    assert people.api.get(path).json()["items"] == []


def test_exports_say_who_decided_what(people: People) -> None:
    people.plan(1)
    people.judge_twice(59, ("keep", None), ("drop", None))
    people.judge_many("Ada", {58: "drop"})
    path = f"/v1/datasets/{people.dataset.id}/samples/57/notes"
    people.api.post(path, json={"text": "=blurred", "reviewer": "Ada"})
    ranked = people.api.get(f"/v1/audits/{people.audit.id}/exports/ranking-columns.csv").text
    rows = {row["key"]: row for row in csv.DictReader(io.StringIO(ranked))}
    told = ("verdict", "reviewer", "second_reviewer", "agreement")
    assert [rows["key-59"][name] for name in told] == ["unsure", "Ada", "Ben", "disputed"]
    assert [rows["key-58"][name] for name in told] == ["drop", "Ada", "", ""]
    assert rows["key-57"]["note"].startswith("'=blurred (Ada, 20")
    tasks = people.api.get(f"/v1/audits/{people.audit.id}/exports/label-studio.json").json()
    data = {task["data"]["key"]: task["data"] for task in tasks}
    assert (data["key-59"]["reviewer"], data["key-59"]["second_reviewer"]) == ("Ada", "Ben")
