"""Verdicts from a file or the command line: compared with those that are stored, and saved."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.client.service.client_errors import ClientError
from app.client.service.operations import Service
from models.reading.label_studio_decisions import Decision, KnownSamples, read_decisions
from models.reading.label_texts import make_comparable
from models.reading.text_encodings import TableError

Json = dict[str, Any]
Save = Callable[[Sequence[Json], str], list[Json]]
"""Saves verdicts of a reviewer and returns the conflicts."""
PAGE = 500


@dataclass(frozen=True, kw_only=True)
class SavedVerdicts:
    """What became of a person's verdicts."""

    saved: int
    """Stored now, those that replace an earlier one of the same person among them."""
    changed: int
    """Stored instead of an earlier verdict of the same person."""
    already: int
    """Were stored already, with the same verdict and label."""
    conflicts: list[Json]
    """Not stored: somebody else has another verdict, or the person's own one was changed meanwhile."""


def save_verdicts(entries: Sequence[Json], save: Callable[[Sequence[Json]], list[Json]]) -> SavedVerdicts:
    """Save a person's verdicts, also instead of what the same person has said before.

    Args:
        entries: position, verdict, label; one with a `version` replaces that version alone.
        save: stores verdicts and returns the conflicts. A verdict of one's own is replaced by its version, so
            that none is overwritten that was given between the two requests.

    """
    by_position = {entry["position"]: entry for entry in entries}
    often = Counter(entry["position"] for entry in entries)
    already, again, conflicts = 0, [], []
    for conflict in save(entries):
        entry, own = by_position[conflict["position"]], conflict.get("own")
        if _is_same(entry, own or conflict["current"]):
            already += 1
        elif own and entry.get("version") is None and often[entry["position"]] == 1:
            again.append({**entry, "version": own["version"]})
        else:
            conflicts.append(conflict)
    late = save(again) if again else []
    conflicts += late
    return SavedVerdicts(
        saved=len(entries) - already - len(conflicts),
        changed=len(again) - len(late),
        already=already,
        conflicts=conflicts,
    )


def _is_same(entry: Json, stored: Json | None) -> bool:
    if stored is None or stored["verdict"] != entry["verdict"]:
        return False
    return make_comparable(entry.get("label") or "") == make_comparable(stored["label"] or "")


def import_label_studio(service: Service, dataset_id: str, file: Path, save: Save | None) -> Json:
    """Read the decisions of a Label Studio export and save those that are new.

    Args:
        service: that has the dataset.
        dataset_id: the dataset whose samples the tasks show.
        file: Label Studio's export of type JSON.
        save: stores verdicts; None: only compare.

    Returns:
        `saved` (or, where nothing is stored, `new`), `already` and `undecided` as counts, `conflicts` and
        `unknown` as sentences, and `reviewers`, the number of new verdicts by annotator.

    Raises:
        ClientError: the file is no such export.

    """
    try:
        decisions = read_decisions(file.read_bytes(), _read_samples(service, dataset_id))
    except TableError as error:
        raise ClientError(f"{file}: {error}") from error
    stored = list(service.pages(f"/v1/datasets/{dataset_id}/reviews", limit=PAGE))
    new, already, conflicts = compare_verdicts(decisions.found, stored)
    conflicts += decisions.disputed
    by_reviewer: dict[str, list[Json]] = defaultdict(list)
    for each in new:
        by_reviewer[each.reviewer].append(
            {"position": each.position, "verdict": each.verdict, "label": each.label}
        )
    late = [] if save is None else [found for name, part in by_reviewer.items() for found in save(part, name)]
    return {
        "new" if save is None else "saved": len(new) - len(late),
        "already": already,
        "undecided": decisions.undecided,
        "conflicts": [*conflicts, *(each["detail"] for each in late)],
        "unknown": decisions.unknown,
        "reviewers": {name: len(part) for name, part in by_reviewer.items()},
    }


def compare_verdicts(
    decisions: Sequence[Decision], stored: Sequence[Json]
) -> tuple[list[Decision], int, list[str]]:
    """Return the decisions that are new, how many are stored already, and a sentence for each conflict.

    A stored verdict that nobody looked at, such as of a bulk action, may be replaced.
    """
    current: Mapping[int, Json] = {each["position"]: each for each in stored if each["is_looked_at"]}
    new, conflicts = [], []
    for each in decisions:
        review = current.get(each.position)
        if review is None:
            new.append(each)
        elif (review["verdict"], review["label"]) != (each.verdict, each.label):
            said, found = review["label"] or review["verdict"], each.label or each.verdict
            conflicts.append(
                f"{review['key']}: {review['reviewer']} has said {said}, {each.reviewer} says {found}"
            )
    return new, len(decisions) - len(new) - len(conflicts), conflicts


def _read_samples(service: Service, dataset_id: str) -> KnownSamples:
    """Return what tasks are recognised by; positions are 0 to N - 1 without a gap."""
    samples = list(service.pages(f"/v1/datasets/{dataset_id}/samples", limit=PAGE))
    return KnownSamples(
        dataset_id=dataset_id,
        keys=[sample["key"] for sample in samples],
        given_labels=[sample["given_label"] for sample in samples],
        class_names=service.get(f"/v1/datasets/{dataset_id}")["class_names"],
    )
