"""Answers about results: suspects and metrics. High distance = the label is probably wrong."""

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, create_model

from app.schemas.review_schemas import ReviewOut
from app.schemas.shared_schemas import Page, Probability
from models.catalogue.score_columns import FIGURES, SUSPECT_FIELDS


class Suggestion(BaseModel):
    """A label and how sure the predictor is of it."""

    label: str
    probability: Probability


ELSEWHERE: dict[str, tuple[Any, Any]] = {
    "position": (int, 1111),
    "key": (str, "8/1111.png"),
    "split": (str | None, None),
    "given_label": (str, "8"),
    "suggested_label": (str, "2"),
    "suggestions": (
        Annotated[list[Suggestion], Field(description="the three likeliest labels")],
        [{"label": "2", "probability": 0.9973}, {"label": "8", "probability": 0.0011}],
    ),
    "true_label": (str | None, "2"),
    "is_error": (bool | None, True),
    "image_url": (
        str | None,
        "/v1/datasets/01a203c1-e847-712f-bcc3-2f4681fd3091/samples/1111/image",
    ),
    "review": (Annotated[ReviewOut | None, Field(description="a person's verdict")], None),
}
"""Type and example of the fields that are no figures of a score."""


def _describe_field(name: str) -> tuple[Any, Any]:
    """Return type and example of a suspect's field."""
    if name in ELSEWHERE:
        return ELSEWHERE[name]
    column = FIGURES[name]
    plain: Any = Probability if column.facts.is_probability else column.type
    optional = plain | None if column.is_nullable else plain
    return Annotated[optional, Field(description=column.facts.description)], column.facts.example


_FIELDS = {name: _describe_field(name) for name in SUSPECT_FIELDS}
if TYPE_CHECKING:

    class _ScoreColumns(BaseModel):
        """The fields that the exports name; all of them are made below."""

        rank: int
        position: int
        key: str
        given_label: str
        suggested_label: str
        suggested_confidence: float
        suggestions: list[Suggestion]
        score: float | None
        distance: float
        error_probability: float | None
        is_label_issue: bool | None
        image_url: str | None
        review: ReviewOut | None
else:
    _ScoreColumns = create_model(
        "_ScoreColumns", **{name: (kind, ...) for name, (kind, _) in _FIELDS.items()}
    )


class Suspect(_ScoreColumns):
    """One sample of the ranking; rank 1 is the most suspicious."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{name: example for name, (_, example) in _FIELDS.items()}]}
    )


class SuspectDetail(Suspect):
    """A sample with its neighbours in rank."""

    previous_position: int | None
    next_position: int | None


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


class FigureLink(BaseModel):
    """A figure of the paper, made from an audit's results."""

    name: str
    title: str
    plotly_url: str = Field(description="data and layout, as Plotly draws them")
    png_url: str
    svg_url: str


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
    norm_histogram: dict[str, list[float]] | None = Field(
        default=None, description="the same of the predicted gradients' norms"
    )
    per_class: list[dict[str, Any]]
    suggestion_accuracy: float | None = Field(
        description="share of errors whose suggested label is the true one"
    )
