"""Answers about audits while they run and when they have ended."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.schemas.shared_schemas import Failure, Probability


class Progress(BaseModel):
    """Where a run stands."""

    stage: str
    epoch: int
    epochs: int
    step: int
    steps: int
    samples_per_second: float | None
    eta_seconds: float | None
    waiting: str | None = Field(default=None, description="what the run waits for, where it cannot go on")


class RunOut(BaseModel):
    """One training inside an audit."""

    number: int
    parent_number: int | None = Field(description="the run whose network this one starts from")
    variant: int | None = Field(
        description="which of the audit's variants; null: trained to start others from"
    )
    seed: int
    status: Literal["queued", "running", "succeeded", "failed", "cancelled"]
    method: str
    request: dict[str, Any] = Field(description="what was asked of this run; the rest is chosen for it")
    is_chosen: bool = Field(description="whether the scores are made from its signals")
    result: dict[str, Any] | None = Field(
        description="figures of the network that was kept; accuracies are shares in [0, 1]"
    )
    attempt: int
    device: str | None
    configuration: dict[str, Any] | None
    progress: Progress | None
    waiting: Failure | None = Field(
        description="why no worker takes a queued run: none that answers has the device it asks for"
    )
    remarks: list[Failure] = Field(description="what had to be changed for it, such as half the batch")
    error: Failure | None
    started_at: datetime | None
    finished_at: datetime | None


class Figure(BaseModel):
    """A figure over the runs of a variant."""

    mean: float
    standard_deviation: float | None = Field(description="of the sample; null for a single run")


class VariantOut(BaseModel):
    """One of the configurations that an audit chooses between; its runs differ by their seed alone."""

    number: int
    label: str = Field(description="what tells it from the audit's other variants")
    request: dict[str, Any]
    runs: list[int]
    is_chosen: bool
    figures: dict[str, Figure] = Field(
        description="over the runs that have ended: validation_accuracy, training_accuracy; with truth also"
        " test_accuracy (on the truth of what is held out), true_accuracy, roc_auc, average_precision"
    )


class AuditOut(BaseModel):
    """An audit, its progress and, once it has succeeded, what it came to."""

    id: UUID
    dataset_id: UUID
    name: str
    status: Literal["queued", "running", "succeeded", "failed", "cancelled"]
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    cancel_requested: bool
    configuration: dict[str, Any]
    fraction: Probability = Field(description="of the whole audit that is done")
    eta_seconds: float | None
    runs: list[RunOut]
    variants: list[VariantOut]
    provisional_available: bool
    summary: dict[str, Any] | None = Field(
        description="figures that need no truth; GET /v1/audits/{id}/summary has all of them"
    )
    theory: dict[str, Any] | None = Field(
        description="Theorem 1, Proposition 1 and eq. (2) of the paper for this audit; bits are per sample"
    )
    provenance: dict[str, Any] | None
    error: Failure | None


class EpochOut(BaseModel):
    """One epoch of a run. Accuracies are shares in [0, 1]; `true_` ones need truth."""

    model_config = ConfigDict(from_attributes=True)

    epoch: int
    seconds: float
    learning_rate: float
    classifier_loss: float | None
    predictor_loss: float | None
    gradient_norm: float | None
    squared_gradient_norm: float | None
    accuracy: float | None
    predictor_accuracy: float | None
    validation_accuracy: float | None
    true_accuracy: float | None
    predictor_true_accuracy: float | None
    validation_true_accuracy: float | None


class RunEpochOut(EpochOut):
    """One epoch with the number of its run, as an event carries it."""

    run: int


class RunEpochsOut(BaseModel):
    """The training curves of one run."""

    run: int
    method: str
    epochs: list[EpochOut]
