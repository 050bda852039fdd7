"""Label Studio's export as decisions: what is not of its shape is named, and decides nothing."""

import json
from typing import Any

import pytest

from models.reading.label_studio_decisions import (
    Decision,
    Decisions,
    KnownSamples,
    read_decisions,
    spell_choice,
)
from models.reading.text_encodings import TableError

Task = dict[str, Any]
ODD = "a\x1bt"
SHAPES: list[Any] = ["ant", 7, [1], {"result": []}, [[]]]
RESULTS: list[Any] = ["ant", [1], 3, {"a": 1}]
VALUES: list[Any] = [[1], "ant", 5, {"choices": 7}, {"choices": "ant"}, {"choices": [["ant"]]}]
KNOWN = KnownSamples(
    dataset_id="d",
    keys=["key-0", "key-1", "key-2"],
    given_labels=["ant", "bee", "x and y"],
    class_names=["ant", "bee", "x and y", "x", "y", ODD],
)


def choose(*choices: object, control: str = "label") -> Task:
    return {"from_name": control, "to_name": "image", "type": "choices", "value": {"choices": [*choices]}}


def annotate(*result: object, by: object = 1) -> Task:
    return {"result": [*result], "completed_by": by}


def task(position: int, *annotations: object, number: int = 7) -> Task:
    data = {"dataset_id": "d", "position": position, "key": f"key-{position}"}
    return {"id": number, "data": data, "annotations": [*annotations]}


def read(*tasks: object) -> Decisions:
    return read_decisions(json.dumps(tasks).encode(), KNOWN)


GOOD = task(1, annotate(choose("ant")), number=8)
FOUND = [Decision(position=1, verdict="relabel", label="ant", reviewer="Label Studio user 1")]


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        *[(found, "annotations as a list of objects") for found in SHAPES],
        *[([{"result": found}], "result as a list of objects") for found in RESULTS],
        *[([annotate(choose() | {"value": found})], "choices as a list of texts") for found in VALUES],
    ],
)
def test_what_has_another_shape_is_named_and_the_rest_is_used(annotations: object, expected: str) -> None:
    found = read(task(0) | {"annotations": annotations}, GOOD)
    assert found.unknown == [f"task 7: expected {expected}; found another value"]
    assert (found.found, found.undecided) == (FOUND, 0)


@pytest.mark.parametrize("annotations", [None, [], [{}], [{"result": None}], [annotate(choose())]])
def test_a_task_without_a_choice_is_undecided(annotations: object) -> None:
    found = read(task(0) | {"annotations": annotations}, GOOD)
    assert (found.found, found.undecided, found.unknown) == (FOUND, 1, [])


@pytest.mark.parametrize("text", ["[" * 200_000, '{"a":' * 200_000, "[" * 200_000 + "]" * 200_000])
def test_json_of_endless_depth_is_refused(text: str) -> None:
    with pytest.raises(TableError, match=r"^expected Label Studio's JSON export"):
        read_decisions(text.encode(), KNOWN)


def test_odd_data_are_said_in_short() -> None:
    deep: Any = []
    for _ in range(400):
        deep = [deep]
    odd = [task(0) | {"id": deep}, task(0), task(0), task(0)]
    odd[0]["data"] = {"position": deep, "key": deep}
    odd[1]["data"]["dataset_id"] = deep
    odd[2]["data"]["key"] = "\ud800" + "k" * 5_000
    odd[3]["annotations"] = [annotate(choose("ant"), by={"email": deep, "id": deep})]
    found = read(*odd)
    assert found.unknown == [
        "task 1: this dataset has no sample (no text) at position (no text)",
        "task 7: it is of the dataset (no text)",
        f"task 7: this dataset has no sample '\N{REPLACEMENT CHARACTER}{'k' * 199}' at position 0",
    ]
    assert [each.reviewer for each in found.found] == ["Label Studio"]


def test_two_tasks_of_one_sample_are_one_decision_or_a_dispute() -> None:
    ant, bee = annotate(choose("ant"), by=1), annotate(choose("bee"), by=2)
    disputed = read(task(0, ant, number=1), GOOD, task(0, bee, number=2))
    assert disputed.found == FOUND
    assert disputed.disputed == [
        "task 1, task 2, key-0: annotators disagree (Label Studio user 1: keep, Label Studio user 2: bee)"
    ]
    agreed = read(task(0, ant, number=1), task(0, number=3), task(0, annotate(choose("ant"), by=2), number=2))
    assert agreed.found == [Decision(position=0, verdict="keep", label=None, reviewer="Label Studio user 1")]
    assert agreed.undecided == 0
    unclear = read(task(0, ant, number=1), task(0, annotate(choose("wolf")), number=2))
    assert (unclear.found, unclear.undecided) == ([], 0)
    assert unclear.unknown == ["task 2: 'wolf' is no class of this dataset"]


def test_only_one_choice_of_our_own_control_is_the_label() -> None:
    quality = choose("ant", control="quality")
    assert read(task(1, annotate(quality, choose("bee")))).found == [
        Decision(position=1, verdict="keep", label=None, reviewer="Label Studio user 1")
    ]
    other = read(task(1, annotate(quality)))
    assert (other.found, other.undecided) == ([], 0)
    assert other.unknown == ["task 7: expected a choice of 'label'; found only choices of ['quality']"]
    for result in ([choose("x", "y")], [choose("x"), choose("y")]):
        several = read(task(2, annotate(*result)))
        assert several.found == []
        assert several.unknown == ["task 7: expected one choice; found 'x', 'y'"]


def test_a_class_that_xml_cannot_hold_comes_back() -> None:
    assert spell_choice(ODD) == r"a\x1bt"
    for choice in (ODD, spell_choice(ODD)):
        (found,) = read(task(0, annotate(choose(choice)))).found
        assert (found.verdict, found.label) == ("relabel", ODD)
    names = [*KNOWN.class_names, r"a\x1bt"]
    known = KnownSamples(dataset_id="d", keys=KNOWN.keys, given_labels=KNOWN.given_labels, class_names=names)
    unclear = read_decisions(json.dumps([task(0, annotate(choose(r"a\x1bt")))]).encode(), known)
    assert (unclear.found, len(unclear.unknown)) == ([], 1)
