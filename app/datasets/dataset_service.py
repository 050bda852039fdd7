"""Operations on datasets: create, add files, start ingestion, list, delete."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import cast
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    SQLColumnExpression,
    Text,
    case,
    delete,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONPATH, insert
from sqlalchemy.orm import Session, defer
from sqlalchemy.orm.attributes import set_committed_value

from app.infra import counters
from app.infra.database import send_after_commit
from app.infra.errors import Invalid, NotFound, WrongState
from app.infra.queue import Task
from app.tables import Audit, Dataset, DatasetFile, DatasetStatus, Json, Problem, Sample, TotalName, Truth

LONGEST_FILE_NAME_BYTES = 255
LISTED_CLASSES = 100
"""Class names of a dataset in a list of datasets; the dataset itself has all."""
LONG_STATISTICS = (("class_counts",), ("layout", "class_spellings"), ("layout", "class_list"))
"""Paths in a dataset's statistics to what has an entry for each class."""
FIRST_NAMES = f"$[0 to {LISTED_CLASSES - 1}]"
FILE_NAME = re.compile(r"(?!\.)[^/\\\x00-\x1f\x7f\ufffd]{1,200}")


def create(session: Session, *, name: str, options: Json) -> Dataset:
    """Create an empty dataset that waits for its files."""
    dataset = Dataset(name=name, options=options)
    session.add(dataset)
    session.flush()
    session.refresh(dataset)
    return dataset


def get(session: Session, dataset_id: UUID, *, lock: bool = False, keep: bool = False) -> Dataset:
    """Return a dataset, optionally locked against changes (`lock`) or only against deletion (`keep`).

    Raises:
        NotFound: the dataset does not exist.

    """
    row_lock = {"read": True, "key_share": True} if keep else lock or None
    dataset = session.get(Dataset, dataset_id, with_for_update=row_lock)
    if dataset is None:
        raise NotFound(f"there is no dataset {dataset_id}")
    return dataset


@dataclass(frozen=True, kw_only=True)
class ListedDataset:
    """A dataset of a list: of many classes, it has only the first names."""

    dataset: Dataset
    class_count: int | None
    """All classes; None: it was not read yet."""


def list_datasets(
    session: Session, *, before: UUID | None, limit: int, match: str | None = None
) -> list[ListedDataset]:
    """Return datasets, newest first, created before the given one; of them those that begin with `match`.

    Of a dataset with more than LISTED_CLASSES classes they have the first names, and no counts and spellings
    of classes: a list of 50 datasets with 90,000 names each would be over a gigabyte.
    """
    class_count = func.jsonb_array_length(Dataset.class_names)
    is_long = class_count > LISTED_CLASSES
    first_names = func.jsonb_path_query_array(Dataset.class_names, literal(FIRST_NAMES, JSONPATH))
    without_classes: SQLColumnExpression[Json | None] = Dataset.statistics
    for path in LONG_STATISTICS:
        without_classes = without_classes.op("#-")(literal(path, ARRAY(Text)))
    statement = (
        select(
            Dataset,
            class_count,
            case((is_long, first_names), else_=Dataset.class_names),
            case((is_long, without_classes), else_=Dataset.statistics),
        )
        .options(defer(Dataset.class_names), defer(Dataset.statistics))
        .order_by(Dataset.id.desc())
        .limit(limit)
    )
    if before is not None:
        statement = statement.where(Dataset.id < before)
    if match is not None:
        statement = statement.where(begins_with(Dataset, match))
    rows = session.execute(statement).all()
    for dataset, _, class_names, statistics in rows:
        set_committed_value(dataset, "class_names", class_names)
        set_committed_value(dataset, "statistics", statistics)
    return [ListedDataset(dataset=dataset, class_count=count) for dataset, count, *_ in rows]


def begins_with(table: type[Dataset | Audit], text: str) -> ColumnElement[bool]:
    """Return the condition that the name or the id of a dataset or an audit begins with a text."""
    by_id = table.id.cast(Text).startswith(text.lower(), autoescape=True)
    return or_(by_id, table.name.startswith(text, autoescape=True))


def find_names(session: Session, dataset_ids: Collection[UUID]) -> dict[UUID, str]:
    """Return the names of datasets, by id."""
    statement = select(Dataset.id, Dataset.name).where(Dataset.id.in_(dataset_ids))
    names: dict[UUID, str] = dict(session.execute(statement).all())
    return names


def list_files(session: Session, dataset_ids: list[UUID]) -> dict[UUID, list[DatasetFile]]:
    """Return the files of datasets, in order of their names."""
    files: dict[UUID, list[DatasetFile]] = {dataset_id: [] for dataset_id in dataset_ids}
    statement = select(DatasetFile).where(DatasetFile.dataset_id.in_(dataset_ids)).order_by(DatasetFile.name)
    for file in session.scalars(statement):
        files[file.dataset_id].append(file)
    return files


def has_sets(dataset: Dataset) -> bool:
    """Return whether the labels of a dataset are sets of classes: by its options, or as lists in files."""
    options = dataset.options or {}
    return (
        options.get("label_separator") is not None
        or bool(options.get("class_columns"))
        or "label_lists" in (dataset.statistics or {}).get("layout", {})
    )


def require_uploading(dataset: Dataset) -> None:
    """Raise WrongState unless the dataset still accepts files."""
    if dataset.status != DatasetStatus.UPLOADING:
        raise WrongState(
            f"only a dataset that is uploading accepts files, this one is {dataset.status};"
            " create a new dataset"
        )


def check_file_name(session: Session, dataset_id: UUID, name: str, *, most: int) -> None:
    """Raise Invalid unless this is a plain file name and the dataset can have one more file."""
    if not FILE_NAME.fullmatch(name) or len(name.encode(errors="replace")) > LONGEST_FILE_NAME_BYTES:
        raise Invalid(
            "the file name must be 1 to 200 characters (255 bytes) without / or \\ and not begin with a dot,"
            f" found {name!r}"
        )
    others = select(func.count()).where(DatasetFile.dataset_id == dataset_id, DatasetFile.name != name)
    if session.scalar(others) >= most:  # type: ignore[operator]
        raise Invalid(f"a dataset can have at most {most} files; pack them into one archive")


def put_file(session: Session, dataset: Dataset, *, name: str, size: int, sha256: str) -> None:
    """Register a stored file; it replaces a file with the same name."""
    values = {"bytes": size, "sha256": sha256, "uploaded_at": func.now()}
    statement = insert(DatasetFile).values(dataset_id=dataset.id, name=name, **values)
    session.execute(statement.on_conflict_do_update(index_elements=["dataset_id", "name"], set_=values))


def start_ingestion(session: Session, dataset: Dataset) -> None:
    """Stop accepting files and start the ingestion by a worker.

    Raises:
        WrongState: the dataset is not uploading, or has no file.

    """
    require_uploading(dataset)
    if session.scalars(select(DatasetFile.name).where(DatasetFile.dataset_id == dataset.id)).first() is None:
        raise WrongState("ingestion needs at least one file; upload one first")
    send_to_ingestion(session, dataset)


def send_to_ingestion(session: Session, dataset: Dataset) -> None:
    """Let a worker read a dataset whose files are there."""
    session.flush()
    change_status(session, dataset.id, DatasetStatus.INGESTING, sent_at=func.now())
    session.refresh(dataset)
    send_after_commit(session, Task.INGEST, dataset.id)


def change_status(session: Session, dataset_id: UUID, status: DatasetStatus, **values: object) -> None:
    """Change the status of a dataset; the only function that does."""
    if status in {DatasetStatus.READY, DatasetStatus.REJECTED}:
        values = {"ready_at": func.now(), "lease_until": None, "progress": None, **values}
    if status == DatasetStatus.REJECTED:
        error = cast("Json", values["error"])
        counters.add(session, TotalName.INGEST_FAILURES, error["code"])
    session.execute(update(Dataset).where(Dataset.id == dataset_id).values(status=status, **values))


def require_ready(dataset: Dataset) -> None:
    """Raise WrongState unless the dataset is ready."""
    if dataset.status != DatasetStatus.READY:
        raise WrongState(f"this needs a dataset that is ready, this one is {dataset.status}")


def list_problems(session: Session, dataset_id: UUID, *, after: int, limit: int) -> list[Problem]:
    """Return problems in order of discovery."""
    statement = select(Problem).where(Problem.dataset_id == dataset_id, Problem.number > after)
    return list(session.scalars(statement.order_by(Problem.number).limit(limit)))


SampleRow = tuple[Sample, int | None]


def list_samples(
    session: Session, dataset_id: UUID, *, after: int, limit: int, given_label: int | None
) -> list[SampleRow]:
    """Return samples in order of position, each with its true label if known."""
    conditions: list[ColumnElement[bool]] = [Sample.dataset_id == dataset_id, Sample.position > after]
    if given_label is not None:
        conditions.append(Sample.given_label == given_label)
    statement = _select_with_truth().where(*conditions).order_by(Sample.position).limit(limit)
    return [(sample, true_label) for sample, true_label in session.execute(statement)]


def get_sample(session: Session, dataset_id: UUID, position: int) -> SampleRow:
    """Return one sample with its true label if known.

    Raises:
        NotFound: the position does not exist.

    """
    statement = _select_with_truth().where(Sample.dataset_id == dataset_id, Sample.position == position)
    row = session.execute(statement).one_or_none()
    if row is None:
        raise NotFound(f"dataset {dataset_id} has no sample at position {position}")
    return row[0], row[1]


def remove(session: Session, dataset_id: UUID) -> None:
    """Delete a dataset's rows; the caller deletes its files after the commit.

    Raises:
        NotFound: the dataset does not exist.
        WrongState: audits still refer to it.

    """
    dataset = get(session, dataset_id, lock=True)
    audits = list(session.scalars(select(Audit.id).where(Audit.dataset_id == dataset_id).limit(5)))
    if audits:
        raise WrongState("delete its audits first", audits=[str(audit_id) for audit_id in audits])
    session.execute(delete(Dataset).where(Dataset.id == dataset.id))


def search_classes(class_names: Sequence[str] | None, text: str, *, limit: int) -> list[str]:
    """Return the first names that begin with a text, in any case, then those that contain it."""
    wanted = text.casefold()
    found = [(name, at) for name in class_names or () if (at := name.casefold().find(wanted)) >= 0]
    begin = (name for name, at in found if at == 0)
    contain = (name for name, at in found if at > 0)
    return list(islice(chain(begin, contain), limit))


def find_label(class_names: Sequence[str] | None, name: str) -> int:
    """Return a class's index.

    Raises:
        Invalid: no class has this name.

    """
    try:
        return (class_names or []).index(name)
    except ValueError as error:
        raise Invalid(f"{name!r} is not a class of this dataset; see its class_names") from error


def _select_with_truth() -> Select[Sample, int | None]:
    matching = (Truth.dataset_id == Sample.dataset_id) & (Truth.position == Sample.position)
    return select(Sample, Truth.true_label).outerjoin(Truth, matching)
