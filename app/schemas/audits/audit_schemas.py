"""Answers about audits, their runs and their epochs."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.schemas.shared_schemas import Failure, Probability


class Progress(BaseModel):
    """The progress of a run."""

    stage: str = Field(
        description="loading, training, scoring, or evidence: what judges every label after the epochs"
    )
    epoch: int
    epochs: int
    step: int
    steps: int
    samples_per_second: float | None
    eta_seconds: float | None
    waiting: str | None = Field(default=None, description="what the run waits for; null while it works")


class EncoderChoiceOut(BaseModel):
    """The encoder whose features a run trains on, and why."""

    name: str | None = Field(description="null: it trains on its samples themselves")
    sha256: str | None = Field(
        default=None, description="digest of the encoder's weights and preparation of samples"
    )
    width: int | None = Field(default=None, description="features of one sample")
    length: int | None = Field(
        default=None,
        description="most tokens of a text that the encoder reads: the rest of a longer one is cut; null: no"
        " limit, or it takes pictures",
    )
    reason: str


class AwaitedFeatures(BaseModel):
    """The features that an audit waits for."""

    id: UUID
    encoder: str
    done: int = Field(description="samples")
    total: int = Field(description="samples")
    shards: int = Field(description="tasks, which all workers share")
    shards_done: int
    samples_per_second: float | None = Field(description="of all workers together")
    eta_seconds: float | None


class RunOut(BaseModel):
    """One training inside an audit."""

    number: int
    parent_number: int | None = Field(
        description="number of the run whose network initialises this run's network"
    )
    variant: int | None = Field(
        description="number of the audit's variant; null: the run only initialises other runs"
    )
    seed: int
    status: Literal["queued", "running", "succeeded", "failed", "cancelled"]
    method: str
    request: dict[str, Any] = Field(
        description="the configuration that was requested; the service chooses every other field"
    )
    is_chosen: bool = Field(description="whether the scores come from this run's signals")
    result: dict[str, Any] | None = Field(
        description="results of the network that was kept; accuracies are shares in [0, 1]"
    )
    attempt: int
    device: str | None
    configuration: dict[str, Any] | None
    encoder: EncoderChoiceOut | None = Field(description="null: not chosen yet, or nothing is trained")
    progress: Progress | None
    waiting: Failure | None = Field(
        description="why a queued run does not start: no worker that answers has the device it needs"
    )
    remarks: list[Failure] = Field(
        description="changes that the run needed, such as half the batch size, and what its method could not"
        " do with these samples"
    )
    error: Failure | None
    started_at: datetime | None
    finished_at: datetime | None


class Figure(BaseModel):
    """Mean and standard deviation of a number over the runs of a variant."""

    mean: float
    standard_deviation: float | None = Field(description="sample standard deviation; null for a single run")


class VariantOut(BaseModel):
    """One of the configurations that an audit compares; its runs differ only by seed."""

    number: int
    label: str = Field(description="the fields that differ from the audit's other variants")
    request: dict[str, Any]
    runs: list[int]
    is_chosen: bool
    figures: dict[str, Figure] = Field(
        description="over the runs that have ended: validation_accuracy, training_accuracy; with correct"
        " labels also test_accuracy (on the held-out samples), true_accuracy, roc_auc, average_precision"
    )


class AuditOut(BaseModel):
    """An audit, its progress and, after it has succeeded, its results."""

    id: UUID
    dataset_id: UUID
    name: str
    status: Literal["queued", "running", "succeeded", "failed", "cancelled"]
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    cancel_requested: bool
    configuration: dict[str, Any]
    fraction: Probability = Field(
        description="completed share of the audit: features, trainings, what follows them, and ranking"
    )
    eta_seconds: float | None = Field(
        description="about how many seconds are left of all of that, once it runs; null: unknown"
    )
    runs_before: int | None = Field(
        default=None,
        description="trainings of all users that come before it in its queue; null: one of its own has begun",
    )
    features: AwaitedFeatures | None = Field(
        description="features that the audit's runs wait for; null: none"
    )
    runs: list[RunOut]
    variants: list[VariantOut]
    provisional_available: bool
    summary: dict[str, Any] | None = Field(
        description="results that need no correct labels; GET /v1/audits/{id}/summary returns all of them"
    )
    theory: dict[str, Any] | None = Field(
        description="Theorem 1, Proposition 1 and eq. (2) of the paper for this audit; bits are per sample"
    )
    provenance: dict[str, Any] | None
    error: Failure | None


class EpochOut(BaseModel):
    """One epoch of a run. Accuracies are shares in [0, 1]; those with `true` need correct labels.

    The last five fields measure memorisation. They are null if no label was held back from a network, which
    is so with one fold and a blind fraction of 0.
    """

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
    in_sample_agreement: float | None = Field(
        default=None, description="share of the given labels that networks which learn them choose first"
    )
    out_of_sample_agreement: float | None = Field(
        default=None, description="the same share for networks that never learned the labels"
    )
    in_sample_loss: float | None = Field(
        default=None, description="cross-entropy of the given labels in nats, by networks that learn them"
    )
    out_of_sample_loss: float | None = Field(
        default=None, description="the same loss by networks that never learned the labels"
    )
    out_of_sample_error: float | None = Field(
        default=None, description="standard error of out_of_sample_loss"
    )


class RunEpochOut(EpochOut):
    """One epoch with the number of its run: the data of an `epoch` event."""

    run: int


class RunEpochsOut(BaseModel):
    """The training curves of one run."""

    run: int
    method: str
    epochs: list[EpochOut]
