"""Audits of a dataset whose samples have several labels: each class on its own, and the ranking over all."""

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from app.client.service.answer_types import Json
from app.client.service.client_errors import ClientError
from app.client.service.operations import Service
from app.exports.files.spreadsheet_csv import write_csv
from models.reading.label_texts import make_comparable

POLL_SECONDS = 1.0
ENDED = frozenset({"succeeded", "failed", "cancelled"})
PAGE = 500
COLUMNS = (
    *("place", "key", "position", "class", "is_given", "error_probability", "is_flagged", "rank_in_class"),
    *("verdict", "given", "final"),
)
OnClasses = Callable[[Sequence[Json]], None]


def list_classes(service: Service, dataset_id: str) -> list[Json]:
    """Return the classes, those of most samples first, each with its view and newest audit."""
    return list(service.get(f"/v1/datasets/{dataset_id}/class-views")["items"])


def audit_classes(
    service: Service,
    dataset_id: str,
    *,
    classes: Sequence[str] | None,
    configuration: Json,
    on_answer: OnClasses,
) -> list[Json]:
    """Audit every class that has no audit yet, wait for all, and return the classes.

    A class whose audit failed or was cancelled is audited again.

    Args:
        service: that has the dataset.
        dataset_id: a ready dataset with sets of labels.
        classes: to audit; None: all that enough samples have, and enough do not.
        configuration: of the audits.
        on_answer: gets the classes about once a second.

    Raises:
        ClientError: the dataset has no sets of labels, a class is unknown, or an audit failed.

    """
    asked = {"classes": None if classes is None else list(classes)}
    service.post(f"/v1/datasets/{dataset_id}/class-views", asked)
    ready = _wait(
        service, dataset_id, classes, lambda each: each["status"] in {"ready", "rejected"}, on_answer
    )
    for each in ready:
        if each["status"] == "rejected":
            raise ClientError(f"the view of class {each['class_name']!r} could not be made")
        if each["audit"] is None or each["audit"]["status"] in {"failed", "cancelled"}:
            service.start_audit(each["dataset_id"], name=None, **configuration)
    ended = _wait(service, dataset_id, classes, _has_ended, on_answer)
    failed = [each["class_name"] for each in ended if each["audit"]["status"] != "succeeded"]
    if failed:
        raise ClientError(
            f"{len(failed)} of {len(ended)} audits failed or were cancelled: {', '.join(failed)}"
        )
    return ended


def list_left_out(service: Service, dataset_id: str) -> list[Json]:
    """Return the classes that are never audited: name, samples, and why."""
    return [
        {"class_name": each["class_name"], "samples": each["samples"], "reason": each["not_audited"]}
        for each in list_classes(service, dataset_id)
        if each.get("not_audited")
    ]


def describe_classes(listed: Sequence[Json]) -> tuple[float, str]:
    """Return the share of audited classes in [0, 1], and how many these are in words."""
    done = sum(each["audit"] is not None and each["audit"]["status"] == "succeeded" for each in listed)
    return done / max(1, len(listed)), f"{done} of {len(listed)} audited"


def _has_ended(each: Json) -> bool:
    return each["audit"] is not None and each["audit"]["status"] in ENDED


def _wait(
    service: Service,
    dataset_id: str,
    classes: Sequence[str] | None,
    is_done: Callable[[Json], bool],
    on_answer: OnClasses,
) -> list[Json]:
    keys = None if classes is None else {make_comparable(name) for name in classes}
    while True:
        listed = [each for each in list_classes(service, dataset_id) if each["dataset_id"] is not None]
        wanted = [each for each in listed if keys is None or make_comparable(each["class_name"]) in keys]
        on_answer(wanted)
        if all(is_done(each) for each in wanted):
            return wanted
        time.sleep(POLL_SECONDS)


def iterate_label_sets(service: Service, dataset_id: str) -> Iterator[Json]:
    """Iterate over samples in order of the most doubtful of their labels."""
    return service.pages(f"/v1/datasets/{dataset_id}/label-sets", limit=PAGE)


def write_label_sets(service: Service, dataset_id: str, file: Path, *, count: int | None = None) -> int:
    """Write the ranking as CSV, a row for each class that an audit flags, or else the most doubtful one.

    Return the number of samples.
    """
    samples = 0

    def make_rows() -> Iterator[list[str]]:
        nonlocal samples
        for samples, item in enumerate(islice(iterate_label_sets(service, dataset_id), count), 1):
            flagged = [doubt for doubt in item["doubts"] if doubt["is_flagged"]]
            for doubt in flagged or item["doubts"][:1]:
                yield _make_row(samples, item, doubt)

    with file.open("wb") as opened:
        opened.writelines(write_csv(COLUMNS, make_rows()))
    return samples


def _make_row(place: int, item: Json, doubt: Json) -> list[str]:
    probability = doubt["error_probability"]
    return [
        str(place),
        item["key"],
        str(item["position"]),
        doubt["class_name"],
        str(doubt["is_given"]),
        "" if probability is None else f"{probability:.6g}",
        str(doubt["is_flagged"]),
        str(doubt["rank"]),
        doubt["verdict"] or "",
        "; ".join(item["given"]),
        "; ".join(item["final"]),
    ]
