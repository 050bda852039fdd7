"""What the API takes and answers. High distance = the label is probably wrong, everywhere."""

from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Name = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
Item = TypeVar("Item")
Probability = Annotated[float, Field(ge=0, le=1)]


class Request(BaseModel):
    """A body: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class DatasetOptions(Request):
    """How to read an upload. Whatever is left out is recognised from the content."""

    format: str | None = Field(default=None, examples=["class_folder"], description="see docs/formats.md")
    image_size: int | None = Field(default=None, ge=8, le=512, description="side of the stored pixels")
    label_column: Name | None = None
    key_column: Name | None = None
    truth_column: Name | None = None
    split_column: Name | None = None


class DatasetRequest(DatasetOptions):
    """A new dataset, empty until a file is put into it."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "letters", "label_column": "letter", "key_column": "row"}]}
    )

    name: Name = Field(examples=["flowers, batch 7"])


class AuditConfiguration(Request):
    """What an audit trains. Every field left out is chosen from the data and the device."""

    method: Literal["limit_g", "limit_l", "ce"] | None = Field(
        default=None, description="LIMIT with a Gaussian or a Laplace gradient, or plain cross-entropy"
    )
    network: Literal["mlp", "mnist_cnn", "small_cnn", "photo_cnn", "resnet34_cifar", "resnet50"] | None = None
    input_size: int | None = Field(default=None, ge=8, le=512, description="pixels, at most the pack's")
    beta: float | None = Field(default=None, ge=0, le=1000, description="weight of ||mu||^2, eq. (10)")
    sample_gradients: bool | None = Field(default=None, description="+S: train on samples instead of means")
    noise_lambda: float | None = Field(default=None, gt=0, le=1e6, description="lambda of +S")
    warm_up_epochs: int | None = Field(
        default=None, ge=0, le=10_000, description="epochs of the predictor alone"
    )
    initialise: Literal["none", "ce"] = Field(
        default="none", description="'ce': start the classifier from a cross-entropy run of the same audit"
    )
    epochs: int | None = Field(default=None, ge=1, le=10_000)
    batch_size: int | None = Field(default=None, ge=2, le=65_536)
    learning_rate: float | None = Field(default=None, gt=0, le=10)
    schedule: Literal["constant", "one_cycle"] | None = None
    augmentation: Literal["none", "flip_crop", "resize_crop_flip"] | None = None
    signal_decay: float | None = Field(default=None, ge=0, lt=1, description="of the average over epochs")
    score: Literal["average", "last"] | None = Field(default=None, description="which distance ranks")
    precision: Literal["fp32", "bf16"] | None = None
    seed: int = Field(default=0, ge=0, lt=2**31)


class AuditRequest(Request):
    """A new audit of a ready dataset."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "dataset_id": "01a203c1-e847-712f-bcc3-2f4681fd3091",
                    "name": "before the release",
                    "configuration": {"method": "limit_l", "beta": 1.0, "seed": 7},
                }
            ]
        }
    )

    dataset_id: UUID
    name: Name | None = None
    configuration: AuditConfiguration = AuditConfiguration()


class Failure(BaseModel):
    """Why something ended."""

    code: str
    detail: str


class FileOut(BaseModel):
    """An uploaded file as it was stored."""

    name: str
    bytes: int
    sha256: str


class DatasetOut(BaseModel):
    """A dataset and what was recognised in it."""

    id: UUID
    name: str
    status: Literal["uploading", "ingesting", "ready", "rejected"]
    created_at: datetime
    ready_at: datetime | None
    format: str | None
    kind: Literal["images", "features"] | None
    sample_count: int | None
    class_names: list[str] | None
    shape: list[int] | None = Field(description="[H, W, C] or [D] of one sample as it is trained on")
    statistics: dict[str, Any] | None
    problem_count: int | None
    has_truth: bool
    progress: dict[str, Any] | None
    error: Failure | None
    files: list[FileOut]


class ProblemOut(BaseModel):
    """A sample that was left out, or a peculiarity, with the key that names it."""

    number: int
    key: str
    code: str
    detail: str


class SampleOut(BaseModel):
    """One sample of a dataset."""

    position: int
    key: str
    split: str | None
    given_label: str
    true_label: str | None
    width: int | None
    height: int | None
    image_url: str | None


class TruthOut(BaseModel):
    """What attaching clean labels came to."""

    attached: int
    differing: int = Field(description="samples whose given label is not the true one")


class Progress(BaseModel):
    """Where a run stands."""

    stage: str
    epoch: int
    epochs: int
    step: int
    steps: int
    samples_per_second: float | None
    eta_seconds: float | None


class RunOut(BaseModel):
    """One training inside an audit."""

    number: int
    parent_number: int | None
    status: Literal["queued", "running", "succeeded", "failed", "cancelled"]
    method: str
    attempt: int
    device: str | None
    configuration: dict[str, Any] | None
    progress: Progress | None
    error: Failure | None
    started_at: datetime | None
    finished_at: datetime | None


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
    provisional_available: bool
    summary: dict[str, Any] | None
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
    accuracy: float | None
    predictor_accuracy: float | None
    validation_accuracy: float | None
    true_accuracy: float | None
    predictor_true_accuracy: float | None


class RunEpochsOut(BaseModel):
    """The training curves of one run."""

    run: int
    method: str
    epochs: list[EpochOut]


class Suggestion(BaseModel):
    """A label and how sure the predictor is of it."""

    label: str
    probability: Probability


class Suspect(BaseModel):
    """One sample of the ranking; rank 1 is the most suspicious."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "rank": 1,
                    "position": 1111,
                    "key": "8/1111.png",
                    "split": None,
                    "given_label": "8",
                    "given_label_probability": 0.0011,
                    "suggested_label": "2",
                    "suggested_confidence": 0.9973,
                    "suggestions": [
                        {"label": "2", "probability": 0.9973},
                        {"label": "8", "probability": 0.0011},
                    ],
                    "distance": 1.4125,
                    "error_probability": 0.999,
                    "is_label_issue": True,
                    "distance_average": 1.4125,
                    "distance_last": 1.4133,
                    "predicted_gradient_norm": 0.0021,
                    "margin": -8.1,
                    "loss": 6.9,
                    "true_label": "2",
                    "is_error": True,
                    "image_url": "/v1/datasets/01a203c1-e847-712f-bcc3-2f4681fd3091/samples/1111/image",
                }
            ]
        }
    )

    rank: int
    position: int
    key: str
    split: str | None
    given_label: str
    given_label_probability: float
    suggested_label: str
    suggested_confidence: float
    suggestions: list[Suggestion] = Field(description="the three likeliest labels")
    distance: float = Field(description="||mu - g||, in [0, sqrt 2]; high = probably wrong")
    error_probability: Probability | None = Field(description="estimated; null while provisional")
    is_label_issue: bool | None = Field(description="more probably wrong than right; null while provisional")
    distance_average: float
    distance_last: float
    predicted_gradient_norm: float
    margin: float
    loss: float
    true_label: str | None
    is_error: bool | None
    image_url: str | None


class SuspectDetail(Suspect):
    """A sample with its neighbours in rank."""

    previous_position: int | None
    next_position: int | None


class Page(BaseModel, Generic[Item]):
    """Some items and, where there are more, the cursor of the next page (also as a Link header)."""

    items: list[Item]
    next_cursor: str | None


class SuspectPage(Page[Suspect]):
    """A page of the ranking."""

    provisional: bool = Field(description="true while the audit still trains")


class Curve(BaseModel):
    """Points of a curve, thinned to at most 500 without changing its shape."""

    x: list[float]
    y: list[float]


class AtK(BaseModel):
    """How good the first k of the ranking are."""

    k: int
    precision: Probability
    recall: Probability


class MetricsOut(BaseModel):
    """How well the ranking finds the samples whose given label differs from the truth."""

    sample_count: int = Field(description="samples with truth")
    error_count: int
    noise_rate: Probability
    roc_auc: float | None = Field(description="null where there is no error, or nothing else")
    average_precision: float | None
    precision_at_noise_rate: float | None
    roc: Curve | None = Field(description="x: false positive rate, y: true positive rate")
    precision_recall: Curve | None = Field(description="x: recall, y: precision")
    at_k: list[AtK]
    histogram: dict[str, list[float]] = Field(description="edges, right and wrong counts of the distance")
    per_class: list[dict[str, Any]]
    suggestion_accuracy: float | None = Field(
        description="share of errors whose suggested label is the true one"
    )


class Health(BaseModel):
    """What was checked and what it said."""

    status: Literal["ok", "failing"]
    checks: dict[str, str]


class ProblemDocument(BaseModel):
    """An error as problem+json (RFC 9457)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:limit-audit:wrong_state",
                    "title": "Conflict",
                    "status": 409,
                    "code": "wrong_state",
                    "detail": "this needs a dataset that is ready, this one is ingesting",
                }
            ]
        }
    )

    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: list[dict[str, Any]] | None = Field(
        default=None, description="validation: a JSON pointer and what was wrong there"
    )
