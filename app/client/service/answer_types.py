"""Types of the service's answers, for type checkers. At run time the answers are plain JSON objects."""

from collections.abc import Callable
from typing import Any, TypedDict

from models.catalogue.score_columns import ScoreFigures

Json = dict[str, Any]
OnBytes = Callable[[int, int], None]
"""Called with the number of bytes sent so far and the total."""
OnAnswer = Callable[[Json], None]
"""Called with every answer during a wait."""


class Failure(TypedDict):
    """Why a dataset was rejected or an audit failed."""

    code: str
    detail: str


class DatasetAnswer(TypedDict):
    """A dataset, with the format, classes and shape that were detected."""

    id: str
    name: str
    status: str
    created_at: str
    ready_at: str | None
    format: str | None
    kind: str | None
    sample_count: int | None
    class_names: list[str] | None
    class_count: int | None
    shape: list[int] | None
    statistics: Json | None
    understood: Json | None
    problem_count: int | None
    own_columns: list[Json]
    has_truth: bool
    progress: Json | None
    error: Failure | None
    lineage: Json
    files: list[Json]
    place: Json | None
    place_check: Json | None


class AuditAnswer(TypedDict):
    """An audit, its progress and, after it has succeeded, its results."""

    id: str
    dataset_id: str
    name: str
    status: str
    created_at: str
    started_at: str | None
    finished_at: str | None
    cancel_requested: bool
    configuration: Json
    fraction: float
    eta_seconds: float | None
    runs_before: int | None
    features: Json | None
    runs: list[Json]
    provisional_available: bool
    summary: Json | None
    theory: Json | None
    provenance: Json | None
    error: Failure | None


class Suggestion(TypedDict):
    """A suggested label and its probability by the predictor."""

    label: str
    probability: float


class Suspect(ScoreFigures):
    """One sample of the ranking. High score: the label is probably wrong; rank 1 is the worst."""

    position: int
    key: str
    split: str | None
    given_label: str
    suggested_label: str
    suggestions: list[Suggestion]
    true_label: str | None
    is_error: bool | None
    image_url: str | None
    box: dict[str, float] | None
    own: dict[str, str | float] | None
