"""Views of a dataset with sets of labels: for each class a dataset whose labels say whether samples have it.

Audits, checks and reviews of one class are those of its view, by its own evidence; nothing is assumed about
how classes go together.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from app.datasets import dataset_service
from app.datasets.shared_files import share_files
from app.infra.errors import Invalid, WrongState
from app.infra.storage import Storage
from app.tables import Audit, Dataset, DatasetStatus
from models.reading.label_texts import make_comparable
from models.reading.several_labels.label_sets import count_members, read_separator

FEWEST = 5
"""Samples with a class, and without it, from which on it has a view: fewer say nothing of wrong ones."""
VIEWS_MAX = 200
"""Views of a dataset, each of which is audited on its own."""
SET_OPTIONS = ("label_separator", "class_columns")
HAS = 1
"""The label of a sample that has the class; 0: it does not."""


@dataclass(frozen=True, kw_only=True)
class Member:
    """A class that samples of a dataset can have beside others."""

    name: str
    samples: int
    """Samples that have it."""


def require_sets(dataset: Dataset) -> str | None:
    """Return what separates the labels of a dataset; None: sets are lists in brackets.

    Raises:
        WrongState: it is not ready.
        Invalid: each of its samples has one label.

    """
    dataset_service.require_ready(dataset)
    if not dataset_service.has_sets(dataset):
        raise Invalid(
            f"each sample of dataset {dataset.id} has one label; label_separator reads several from it, and"
            " class_columns from a column for each class"
        )
    separator = dataset.options.get("label_separator")
    return None if separator is None else read_separator(str(separator))


def require_no_view(dataset: Dataset) -> None:
    """Raise WrongState for the view of a class: its files are another dataset's, with sets."""
    if dataset.view_class is not None:
        raise WrongState(
            f"this dataset tells what has the class {dataset.view_class!r}; do this with the dataset that it"
            f" is a view of{'' if dataset.view_of is None else f': {dataset.view_of}'}"
        )


def list_members(dataset: Dataset) -> list[Member]:
    """Return the classes of a dataset with sets, those of most samples first; at most `MEMBERS_MAX`."""
    separator = require_sets(dataset)
    statistics = dataset.statistics or {}
    counted = statistics.get("member_counts")
    if counted is None:  # an earlier version has read it
        counted = count_members(statistics.get("class_counts") or {}, separator)
    taken = {make_comparable(name) for name, _ in counted}
    columns = statistics.get("layout", {}).get("class_columns", {})  # also those that no sample has
    unused = [(name, 0) for name in columns if make_comparable(name) not in taken]
    return [Member(name=name, samples=samples) for name, samples in (*counted, *unused)]


def can_be_viewed(member: Member, sample_count: int) -> bool:
    """Return whether enough samples have a class, and enough do not."""
    return FEWEST <= member.samples <= sample_count - FEWEST


def explain_no_view(member: Member, sample_count: int) -> str | None:
    """Return in words why a class is not audited; None if it can be."""
    if can_be_viewed(member, sample_count):
        return None
    number, what = (
        (member.samples, "have it") if member.samples < FEWEST else (sample_count - member.samples, "lack it")
    )
    return f"expected at least {FEWEST} samples that {what}; found {number}"


def list_views(session: Session, dataset: Dataset, *, keep: bool = False) -> dict[str, Dataset]:
    """Return the views of a dataset, by class; optionally locked against deletion (`keep`)."""
    statement = select(Dataset).where(Dataset.view_of == dataset.id).order_by(Dataset.id)
    found = session.scalars(statement.with_for_update(read=True, key_share=True) if keep else statement)
    return {view.view_class: view for view in found if view.view_class is not None}


def list_ready_views(session: Session, dataset: Dataset, *, keep: bool = False) -> dict[str, Dataset]:
    """Return the views of a dataset that are made, by class; optionally locked against deletion (`keep`)."""
    views = list_views(session, dataset, keep=keep)
    return {name: view for name, view in views.items() if view.status == DatasetStatus.READY}


def find_newest_audits(session: Session, views: Sequence[Dataset]) -> dict[str, Audit]:
    """Return the newest audit of each view that is no rehearsal, by class."""
    names = {view.id: view.view_class for view in views}
    statement = (
        select(Audit)
        .ext(distinct_on(Audit.dataset_id))
        .where(Audit.dataset_id.in_(names), Audit.configuration["rehearsal"].astext.is_(None))
        .order_by(Audit.dataset_id, Audit.id.desc())
    )
    found = {names[audit.dataset_id]: audit for audit in session.scalars(statement)}
    return {name: audit for name, audit in found.items() if name is not None}


def make_views(
    session: Session,
    storage: Storage,
    dataset: Dataset,
    *,
    classes: Sequence[str] | None,
    workspace_max_bytes: int | None = None,
) -> list[Dataset]:
    """Return the views of these classes, by default of all that have one; those not there yet are started.

    Raises:
        WrongState: the dataset is not ready, or an upload is gone.
        Invalid: its labels are no sets, a class has no view, or there are too many.
        NoSpace: the files, which count for each view, are above the workspace's quota.

    """
    wanted = _choose_classes(dataset, classes)
    session.execute(select(func.pg_advisory_xact_lock(dataset.id.int & (2**63 - 1))))
    views = list_views(session, dataset)
    started = {name: _add_view(session, dataset, name) for name in wanted if name not in views}
    if len(views) + len(started) > VIEWS_MAX:
        raise Invalid(f"expected at most {VIEWS_MAX} audited classes; found {len(views) + len(started)}")
    session.flush()
    try:
        for view in started.values():
            share_files(session, storage, dataset, view, workspace_max_bytes=workspace_max_bytes)
    except BaseException:
        for view in started.values():  # their rows go with the transaction
            storage.remove(storage.locate_dataset(view.id))
        raise
    for view in started.values():
        dataset_service.send_to_ingestion(session, view)
    return [views.get(name) or started[name] for name in wanted]


def _choose_classes(dataset: Dataset, classes: Sequence[str] | None) -> list[str]:
    members = list_members(dataset)
    possible = [each.name for each in members if can_be_viewed(each, dataset.sample_count or 0)]
    if classes is None:
        chosen = possible
    else:
        known = {make_comparable(name): name for name in possible}
        unknown = [name for name in classes if make_comparable(name) not in known]
        if unknown:
            raise Invalid(
                f"expected classes that {FEWEST} samples or more have, and as many do not; found"
                f" {unknown[0]!r}; there are {', '.join(possible[:20])}"
            )
        chosen = [*dict.fromkeys(known[make_comparable(name)] for name in classes)]
    if not chosen:
        raise Invalid(f"no class is in {FEWEST} samples or more and missing in as many")
    if len(chosen) > VIEWS_MAX:
        raise Invalid(
            f"expected at most {VIEWS_MAX} classes to audit; found {len(chosen)}: name those to audit"
        )
    return chosen


def _add_view(session: Session, dataset: Dataset, name: str) -> Dataset:
    view = Dataset(
        workspace_id=dataset.workspace_id,
        name=f"{dataset.name[:190]}: {name}"[:200],
        options={key: value for key, value in dataset.options.items() if key not in SET_OPTIONS},
        place=dataset.place,
        view_of=dataset.id,
        view_class=name,
    )
    session.add(view)
    return view


def name_labels(name: str) -> list[str]:
    """Return the two class names of a view, index = label."""
    return [f"not {name}", name]
