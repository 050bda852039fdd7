"""Routes of annotators' labels: their consensus, their quality, and the samples to label once more."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from sqlalchemy.orm import Session as OrmSession

from app.datasets import dataset_service, stored_consensus
from app.kinds.shown_kinds import find_picture_address
from app.routes.shared.dependencies import Files, Reads, Session
from app.schemas.datasets.annotator_schemas import (
    AnnotatorOut,
    AnnotatorsOut,
    AskAgain,
    AskAgainOut,
    ConsensusOut,
)
from app.tables import Dataset

router = APIRouter(prefix="/v1/datasets", tags=["annotators"])
Limit = Annotated[int, Query(ge=1, le=500, description="maximum number of items")]


@router.get("/{dataset_id}/consensus", dependencies=[Reads])
def read_consensus(dataset_id: UUID, session: Session) -> ConsensusOut:
    """Return agreement and consensus of a dataset's annotators; while it is formed, only its state.

    `renewing`: this one is without an audit that has ended since; a new one is being formed.
    """
    return describe_consensus(session, _get(session, dataset_id))


@router.get("/{dataset_id}/annotators", dependencies=[Reads])
def list_annotators(dataset_id: UUID, session: Session, files: Files, limit: Limit = 100) -> AnnotatorsOut:
    """List the annotators with their quality, those with the most labels first."""
    dataset = _get(session, dataset_id)
    rows = stored_consensus.list_annotators(files, dataset, limit=limit)
    total = (dataset.annotators or {})["names"]
    return AnnotatorsOut(items=[AnnotatorOut(**row) for row in rows], total=total)


@router.get("/{dataset_id}/ask-again", dependencies=[Reads])
def list_ask_again(dataset_id: UUID, session: Session, files: Files, limit: Limit = 50) -> AskAgainOut:
    """List the samples of which one more label is worth most, best first."""
    dataset = _get(session, dataset_id)
    rows = stored_consensus.list_ask_again(files, dataset, limit=limit)
    return AskAgainOut(
        items=[AskAgain(**row, image_url=find_picture_address(dataset, row["position"])) for row in rows],
        total=stored_consensus.require(dataset)["ask_again"],
    )


def describe_consensus(session: OrmSession, dataset: Dataset) -> ConsensusOut:
    """Return what a dataset's annotators come to; raise NotFound if there are none."""
    state = stored_consensus.find_state(dataset)
    if state == "ready" and stored_consensus.is_due_again(session, dataset):
        state = "renewing"
    if state == "none" or dataset.annotators is None:
        stored_consensus.require(dataset)
        raise AssertionError
    known = {"annotators": dataset.annotators["names"], "labels": dataset.annotators["labels"]}
    found = {} if state == "computing" else dataset.consensus or {}
    names = ConsensusOut.model_fields.keys() - known.keys()
    return ConsensusOut(state=state, **known, **{name: found[name] for name in names if name in found})


def _get(session: OrmSession, dataset_id: UUID) -> Dataset:
    dataset = dataset_service.get(session, dataset_id)
    dataset_service.require_ready(dataset)
    return dataset
