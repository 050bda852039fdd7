"""How far two people agree, by hand and against the noise."""

import pytest

from tests.app.people.conversation import SAMPLES, People
from tests.builders.stored_rows import NAMES


def test_agreement_of_two_people_by_hand(people: People) -> None:
    """20 samples: 14 kept by both, 2 relabelled by both, 4 kept by Ada alone.

    Agreed: 16 / 20 = 0.8. Chance: 0.9 * 0.7 + 0.1 * 0.3 = 0.66. Kappa: 0.14 / 0.34 = 0.4118.
    """
    people.plan(1)
    handed = [*range(40, SAMPLES)]
    people.judge_many("Ada", {position: "relabel" if position < 42 else "keep" for position in handed})
    people.hand("Ben", 100)
    people.judge_many("Ben", {position: "relabel" if position < 46 else "keep" for position in handed})
    figures = people.agreement()
    assert figures["right_or_wrong"]["statistic"] == "cohen_kappa"
    assert figures["right_or_wrong"]["samples"] == 20
    assert figures["right_or_wrong"]["agreed"] == 16
    assert figures["right_or_wrong"]["value"] == pytest.approx(0.14 / 0.34)
    assert figures["disagreement"]["centre"] == pytest.approx(0.2)
    assert figures["reviewer_error"]["centre"] == pytest.approx((1 - 0.6**0.5) / 2)
    by_class = {each["name"]: each for each in figures["classes"]}
    assert set(by_class) == {*NAMES}
    assert figures["states"]["disputed"] == 4


def test_who_drops_a_sample_does_not_say_that_its_label_is_wrong(people: People) -> None:
    """Ada keeps 20 samples, Ben drops them: they disagree on what to do, not on whether labels are right."""
    people.plan(1)
    people.judge_many("Ada", dict.fromkeys(range(40, SAMPLES), "keep"))
    people.hand("Ben", 100)
    people.judge_many("Ben", dict.fromkeys(range(40, SAMPLES), "drop"))
    figures = people.agreement()
    assert (figures["labels"]["samples"], figures["labels"]["agreed"]) == (20, 0)
    assert (figures["right_or_wrong"]["samples"], figures["disagreement"]) == (0, None)
    assert "drop" in {each["name"] for each in figures["classes"]}


def test_disagreement_as_large_as_the_noise_is_said(people: People) -> None:
    """All 60 samples are checked: Ada finds none wrong, Ben 6, so the checks count no error that is sure."""
    people.api.put(f"/v1/audits/{people.audit.id}/check", json={"samples": 60})
    people.plan(1)
    path = f"/v1/audits/{people.audit.id}/check/queue"

    def go_through(name: str, wrong: int) -> None:
        judged = 0
        while items := people.api.post(path, json={"reviewer": name, "count": 50}).json()["items"]:
            found = enumerate((item["position"] for item in items), judged)
            people.judge_many(name, {at: "relabel" if place < wrong else "keep" for place, at in found})
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
