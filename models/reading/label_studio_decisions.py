"""Decisions of annotators from Label Studio's JSON export, as verdicts.

The shape is that of "Label Studio JSON format of annotated tasks" in its documentation. A task is recognised
by what our export wrote into its `data`: `dataset_id`, `position` and `key`, of which all must fit.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from models.reading.text_encodings import TableError

DROP, UNSURE = "limit-audit:drop", "limit-audit:unsure"
"""Aliases of the two choices that are no class; no class of the same name can be mistaken for them."""
Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What annotators decided about one sample."""

    position: int
    verdict: str
    """keep, relabel, drop or unsure."""
    label: str | None
    """The class, for relabel."""
    reviewer: str


@dataclass(kw_only=True)
class Decisions:
    """What a file says, and what of it cannot be used."""

    found: list[Decision] = field(default_factory=list)
    undecided: int = 0
    """Tasks without an annotation."""
    disputed: list[str] = field(default_factory=list)
    """A sentence for each task whose annotators disagree."""
    unknown: list[str] = field(default_factory=list)
    """A sentence for each task that is not of this dataset, or whose choice is no class of it."""


@dataclass(frozen=True, kw_only=True)
class KnownSamples:
    """The dataset that decisions are about."""

    dataset_id: str
    keys: Sequence[str]
    """By position."""
    given_labels: Sequence[str]
    """By position."""
    class_names: Sequence[str]


def read_decisions(raw: bytes, known: KnownSamples) -> Decisions:
    """Return the decisions of an export.

    Raises:
        TableError: it is no list of tasks.

    """
    decisions = Decisions()
    for number, task in enumerate(_read_tasks(raw), start=1):
        name = f"task {task.get('id', number)}"
        position = _find_position(task, known)
        if position is None:
            decisions.unknown.append(f"{name}: {_describe_unknown(task, known)}")
            continue
        _add(decisions, task, position, known, name)
    return decisions


def _read_tasks(raw: bytes) -> Iterable[Json]:
    try:
        tasks = json.loads(raw)
    except ValueError as error:
        raise TableError(f"expected Label Studio's JSON export; found no JSON: {error}") from error
    if not isinstance(tasks, list) or not all(
        isinstance(task, dict) and isinstance(task.get("data"), dict) for task in tasks
    ):
        raise TableError(
            "expected Label Studio's export of type JSON, a list of tasks with data and annotations (not"
            " JSON-MIN, which has no data)"
        )
    return tasks


def _find_position(task: Json, known: KnownSamples) -> int | None:
    data = task["data"]
    position = data.get("position")
    if data.get("dataset_id", known.dataset_id) != known.dataset_id:  # older exports do not name it
        return None
    if type(position) is not int or not 0 <= position < len(known.keys):
        return None
    return position if known.keys[position] == data.get("key") else None


def _describe_unknown(task: Json, known: KnownSamples) -> str:
    data = task["data"]
    if data.get("dataset_id", known.dataset_id) != known.dataset_id:
        return f"it is of the dataset {data['dataset_id']}"
    return f"this dataset has no sample {data.get('key')!r} at position {data.get('position')!r}"


def _add(decisions: Decisions, task: Json, position: int, known: KnownSamples, name: str) -> None:
    """Add what the annotators of one task say, if they agree."""
    said: dict[tuple[str, str | None], str] = {}
    for annotation in task.get("annotations") or []:
        choice = _read_choice(annotation)
        if choice is None:
            continue
        if choice not in {DROP, UNSURE, *known.class_names}:
            decisions.unknown.append(f"{name}: {choice!r} is no class of this dataset")
            return
        said.setdefault(_judge(choice, known.given_labels[position]), _name_annotator(annotation))
    if len(said) > 1:
        words = ", ".join(f"{who}: {label or verdict}" for (verdict, label), who in said.items())
        decisions.disputed.append(f"{name}, {known.keys[position]}: annotators disagree ({words})")
    elif said:
        (((verdict, label), reviewer),) = said.items()
        decisions.found.append(Decision(position=position, verdict=verdict, label=label, reviewer=reviewer))
    else:
        decisions.undecided += 1


def _read_choice(annotation: Mapping[str, Any]) -> str | None:
    """Return the one choice; a skipped task is one about which somebody was unsure. None: there is none."""
    if annotation.get("was_cancelled"):
        return UNSURE
    choices = [
        choice
        for part in annotation.get("result") or []
        if part.get("type") == "choices"
        for choice in (part.get("value") or {}).get("choices") or []
    ]
    return None if not choices else " and ".join(dict.fromkeys(map(str, choices)))


def _judge(choice: str, given: str) -> tuple[str, str | None]:
    if choice in {DROP, UNSURE}:
        return choice.removeprefix("limit-audit:"), None
    return ("keep", None) if choice == given else ("relabel", choice)


def _name_annotator(annotation: Mapping[str, Any]) -> str:
    """Return who made an annotation: an address, a name, or the number of the user in Label Studio."""
    by = annotation.get("completed_by")
    if isinstance(by, dict):
        return str(by.get("email") or by.get("first_name") or f"Label Studio user {by.get('id')}")
    return "Label Studio" if by is None else f"Label Studio user {by}"
