"""Decisions of annotators from Label Studio's JSON export, as verdicts.

The shape is that of "Label Studio JSON format of annotated tasks" in its documentation. A task is recognised
by what our export wrote into its `data`: `dataset_id`, `position` and `key`, of which all must fit. Whoever
wrote the file may have put any JSON anywhere: what is not of this shape is named, and decides nothing.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from models.reading.label_texts import NOT_IN_XML, UNSTORABLE
from models.reading.text_encodings import TableError

CONTROL = "label"
"""The name of the choices in our labelling configuration; choices of other controls are no classes."""
DROP, UNSURE = "limit-audit:drop", "limit-audit:unsure"
"""Aliases of the two choices that are no class; no class of the same name can be mistaken for them."""
Json = dict[str, Any]
_SHOWN = 200
"""Characters of a value in a sentence."""


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
    """Samples whose tasks have no choice."""
    disputed: list[str] = field(default_factory=list)
    """A sentence for each sample whose annotators disagree, in one task or in several."""
    unknown: list[str] = field(default_factory=list)
    """A sentence for each task that is not of this dataset, or whose choice is no class of it."""


class _UnusableTask(ValueError):
    """A task says nothing that can be used."""


@dataclass(kw_only=True)
class _Sample:
    """What is said of one sample by all of its tasks."""

    tasks: list[str] = field(default_factory=list)
    said: dict[tuple[str, str | None], str] = field(default_factory=dict)
    """By verdict and class who said it first."""
    is_usable: bool = True


@dataclass(frozen=True, kw_only=True)
class KnownSamples:
    """The dataset that decisions are about."""

    dataset_id: str
    keys: Sequence[str]
    """By position."""
    given_labels: Sequence[str]
    """By position."""
    class_names: Sequence[str]


def spell_choice(name: str) -> str:
    """Return a class as its choice is written: what XML cannot hold by its number, as Python's `ascii`."""
    return NOT_IN_XML.sub(lambda found: ascii(found.group())[1:-1], name)


def read_decisions(raw: bytes, known: KnownSamples) -> Decisions:
    """Return the decisions of an export.

    Raises:
        TableError: it is no list of tasks.

    """
    decisions, classes, samples = Decisions(), _find_classes(known.class_names), dict[int, _Sample]()
    for number, task in enumerate(_read_tasks(raw), start=1):
        name = _name_task(task, number)
        position = _find_position(task, known)
        if position is None:
            decisions.unknown.append(f"{name}: {_describe_unknown(task, known)}")
            continue
        sample = samples.setdefault(position, _Sample())
        sample.tasks.append(name)
        try:
            for choice, annotator in _read_choices(task):
                verdict = _judge(choice, known.given_labels[position], classes)
                sample.said.setdefault(verdict, annotator)
        except _UnusableTask as error:
            decisions.unknown.append(f"{name}: {error}")
            sample.is_usable = False
    for position, sample in samples.items():
        if sample.is_usable:
            _decide(decisions, sample, position, known.keys[position])
    return decisions


def _find_classes(class_names: Sequence[str]) -> Mapping[str, str]:
    """Return the classes by their choices; a choice that stands for two of them is none."""
    counts = Counter(map(spell_choice, class_names))
    classes = {name: name for name in class_names} | {spell_choice(name): name for name in class_names}
    return {choice: name for choice, name in classes.items() if counts[choice] <= 1}


def _read_tasks(raw: bytes) -> Iterable[Json]:
    try:
        tasks = json.loads(raw)
    except ValueError as error:
        raise TableError(f"expected Label Studio's JSON export; found no JSON: {error}") from error
    except RecursionError as error:
        raise TableError(
            "expected Label Studio's JSON export; found lists in one another without end"
        ) from error
    if not isinstance(tasks, list) or not all(
        isinstance(task, dict) and isinstance(task.get("data"), dict) for task in tasks
    ):
        raise TableError(
            "expected Label Studio's export of type JSON, a list of tasks with data and annotations (not"
            " JSON-MIN, which has no data)"
        )
    return tasks


def _name_task(task: Json, number: int) -> str:
    identifier = task.get("id")
    return f"task {_show(identifier) if isinstance(identifier, int | str) else number}"


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
    dataset, key, position = (data.get(name) for name in ("dataset_id", "key", "position"))
    if "dataset_id" in data and dataset != known.dataset_id:
        return f"it is of the dataset {_show(dataset)}"
    shown = repr(_show(key)) if isinstance(key, str) else _show(key)
    return f"this dataset has no sample {shown} at position {_show(position)}"


def _show(value: object) -> str:
    """Return a value of the file for a sentence; lists and objects can be of any size and depth."""
    if isinstance(value, list | dict):
        return "(no text)"
    return UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", str(value))[:_SHOWN]


def _decide(decisions: Decisions, sample: _Sample, position: int, key: str) -> None:
    """Add what is said of one sample, if all agree."""
    if len(sample.said) > 1:
        words = ", ".join(f"{who}: {label or verdict}" for (verdict, label), who in sample.said.items())
        tasks = ", ".join(sample.tasks)
        decisions.disputed.append(f"{tasks}, {key}: annotators disagree ({words})")
    elif sample.said:
        (((verdict, label), reviewer),) = sample.said.items()
        decisions.found.append(Decision(position=position, verdict=verdict, label=label, reviewer=reviewer))
    else:
        decisions.undecided += 1


def _read_choices(task: Json) -> Iterator[tuple[str, str]]:
    """Yield choice and annotator of every annotation that has a choice."""
    for annotation in _read_objects(task, "annotations"):
        choice = _read_choice(annotation)
        if choice is not None:
            yield choice, _name_annotator(annotation)


def _read_objects(container: Mapping[str, Any], name: str) -> Sequence[Json]:
    """Return a list of objects; without it, an empty one."""
    found = container.get(name)
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise _UnusableTask(f"expected {name} as a list of objects; found another value")
    return found


def _read_choice(annotation: Mapping[str, Any]) -> str | None:
    """Return the one choice; a skipped task is one about which somebody was unsure. None: there is none."""
    if annotation.get("was_cancelled"):
        return UNSURE
    parts = [part for part in _read_objects(annotation, "result") if part.get("type") == "choices"]
    choices = [choice for part in parts if part.get("from_name") == CONTROL for choice in _list_choices(part)]
    if len(choices) > 1:
        raise _UnusableTask(f"expected one choice; found {', '.join(repr(_show(each)) for each in choices)}")
    others = {_show(part.get("from_name")) for part in parts if part.get("from_name") != CONTROL}
    if others and not choices:
        raise _UnusableTask(f"expected a choice of {CONTROL!r}; found only choices of {sorted(others)}")
    return choices[0] if choices else None


def _list_choices(part: Mapping[str, Any]) -> Sequence[str]:
    value = part.get("value")
    choices = value.get("choices") if isinstance(value, dict) else value
    if choices is None:
        return []
    if not isinstance(choices, list) or not all(isinstance(each, str) for each in choices):
        raise _UnusableTask("expected choices as a list of texts; found another value")
    return choices


def _judge(choice: str, given: str, classes: Mapping[str, str]) -> tuple[str, str | None]:
    """Return verdict and class."""
    if choice in {DROP, UNSURE}:
        return choice.removeprefix("limit-audit:"), None
    if choice not in classes:
        raise _UnusableTask(f"{_show(choice)!r} is no class of this dataset")
    return ("keep", None) if classes[choice] == given else ("relabel", classes[choice])


def _name_annotator(annotation: Mapping[str, Any]) -> str:
    """Return who made an annotation: an address, a name, or the number of the user in Label Studio."""
    by = annotation.get("completed_by")
    if isinstance(by, dict):
        for name in (by.get("email"), by.get("first_name")):
            if isinstance(name, str) and name:
                return _show(name)
        by = by.get("id")
    return f"Label Studio user {_show(by)}" if isinstance(by, int | str) else "Label Studio"
