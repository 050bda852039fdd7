"""The consensus of a dataset's annotators as a worker stored it, and which datasets wait for one."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet
from sqlalchemy import Integer, Select, func, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.infra.errors import NotFound, WrongState
from app.infra.storage import Storage
from app.tables import Audit, AuditStatus, Dataset, Json, Workspace

SAMPLES, ANNOTATORS = "samples", "annotators"
CHANCES_SHOWN = 5


def list_due() -> Select[UUID]:
    """Return the query of the datasets whose consensus is missing, of earlier labels, or of other audits.

    The workspaces whose last turn is longest ago come first, so that none waits for all of another's.
    """
    wanted, found = Dataset.annotators["version"], Dataset.consensus["version"]
    audits = count_audits(Dataset.id).correlate(Dataset).scalar_subquery()
    seen = Dataset.consensus["audits"].astext.cast(Integer)
    is_due = or_(Dataset.consensus.is_(None), wanted != found, func.coalesce(seen, audits) != audits)
    return (
        select(Dataset.id)
        .join(Workspace, Workspace.id == Dataset.workspace_id)
        .where(Dataset.annotators.is_not(None), is_due)
        .order_by(Workspace.consensus_turn_at.nulls_first(), Dataset.id)
    )


def take_turn(session: Session, dataset: Dataset) -> None:
    """Note that a consensus of a dataset's workspace is begun; deleting the dataset takes nothing back."""
    statement = update(Workspace).where(Workspace.id == dataset.workspace_id)
    session.execute(statement.values(consensus_turn_at=func.clock_timestamp()))


def count_audits(dataset_id: UUID | InstrumentedAttribute[UUID]) -> Select[int]:
    """Return the query of the number of a dataset's audits whose evidence a consensus may use."""
    return select(func.count(Audit.id)).where(
        Audit.dataset_id == dataset_id,
        Audit.status == AuditStatus.SUCCEEDED,
        Audit.configuration["rehearsal"].astext.is_(None),
    )


def find_state(dataset: Dataset) -> str:
    """Return `none`, `computing`, `failed` or `ready`."""
    if dataset.annotators is None:
        return "none"
    if dataset.consensus is None or dataset.consensus["version"] != dataset.annotators["version"]:
        return "computing"
    return "failed" if dataset.consensus.get("error") else "ready"


def is_due_again(session: Session, dataset: Dataset) -> bool:
    """Return whether audits have ended, or were deleted, since a consensus was formed: a new one waits."""
    seen = (dataset.consensus or {}).get("audits")
    return seen is not None and session.scalar(count_audits(dataset.id)) != seen


def require(dataset: Dataset) -> Json:
    """Return what was found out.

    Raises:
        NotFound: no annotators' labels were attached.
        WrongState: the consensus is being formed, or could not be.

    """
    state = find_state(dataset)
    if state == "none":
        raise NotFound("this needs labels of annotators; attach them with PUT /v1/datasets/{id}/annotations")
    if state == "computing":
        raise WrongState("the consensus of these labels is being formed; retry in a moment")
    found: Json = dataset.consensus or {}
    if state == "failed":
        raise WrongState(f"the consensus could not be formed: {found['error']['detail']}")
    return found


def read_table(files: Storage, dataset: Dataset, what: str) -> pa.Table:
    """Return the stored table of samples or of annotators; raise as `require`."""
    name = require(dataset)["files"][what]
    with files.open(files.locate_annotations(dataset.id, name)) as opened:
        return parquet.read_table(opened)


def list_annotators(files: Storage, dataset: Dataset, *, limit: int | None = None) -> list[Json]:
    """Return the annotators, those with the most labels first, with what is known of each."""
    rows: list[Json] = read_table(files, dataset, ANNOTATORS).slice(0, limit).to_pylist()
    return rows


def list_ask_again(files: Storage, dataset: Dataset, *, limit: int) -> list[Json]:
    """Return the samples of which one more label is worth most, best first, with class names."""
    table = read_table(files, dataset, SAMPLES)
    asked = table.filter(pc.is_valid(table["ask_again"])).sort_by("ask_again").slice(0, limit)
    return [render_row(row, dataset.class_names or []) for row in asked.to_pylist()]


def render_row(row: dict[str, Any], names: Sequence[str]) -> Json:
    """Return a sample's row with names of classes."""
    labels = ("given_label", "consensus", "majority")
    return row | {each: None if row[each] is None else names[row[each]] for each in labels}


def blank(values: Any) -> pa.Array:  # noqa: ANN401 - an array of numbers
    """Return numbers with null for what is not one."""
    return pa.array(values, mask=np.isnan(values))
