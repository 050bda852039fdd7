"""The queue hands each person other samples; leases end, and threads neither lose nor double any."""

import threading
from datetime import timedelta

from sqlalchemy import select, update

from app.infra.database import Database
from app.people import review_queue
from app.people.review_plans import set_plan
from app.people.review_queue import Wish
from app.reviews import verdicts
from app.reviews.opinions import Author, Entry
from app.reviews.sample_leases import Holder, is_below
from app.tables import Audit, Dataset, Review, SampleLease, Verdict
from tests.app.people.conversation import SAMPLES, Answer, People
from tests.builders.stored_rows import NAMES


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
