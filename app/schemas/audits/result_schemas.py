"""Answers about results: suspects, figures and metrics."""

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, create_model

from app.schemas.reviews.review_schemas import ReviewOut
from app.schemas.shared_schemas import BoxOut, Page, Probability
from models.catalogue.score_columns import FIGURES, SUSPECT_FIELDS


class Suggestion(BaseModel):
    """A label and its probability: see `suggestions`."""

    label: str
    probability: Probability


OTHER_FIELDS: dict[str, tuple[Any, Any]] = {
    "position": (int, 1111),
    "key": (str, "8/1111.png"),
    "split": (str | None, None),
    "given_label": (str, "8"),
    "suggested_label": (str, "2"),
    "suggestions": (
        Annotated[
            list[Suggestion],
            Field(
                description="up to three labels, the suggested one first. If it is not the given one: the"
                " likeliest other labels, each with the probability that it is right if the given label is"
                " wrong. Else, while provisional, and where the audit has no evidence: labels with their"
                " predicted probabilities"
            ),
        ],
        [{"label": "2", "probability": 0.9973}, {"label": "3", "probability": 0.0011}],
    ),
    "true_label": (str | None, "2"),
    "is_error": (bool | None, True),
    "image_url": (
        str | None,
        "/v1/datasets/01a203c1-e847-712f-bcc3-2f4681fd3091/samples/1111/image",
    ),
    "box": (
        Annotated[BoxOut | None, Field(description="where it lies in its picture; null: it is a whole one")],
        None,
    ),
    "review": (
        Annotated[ReviewOut | None, Field(description="the reviewer's verdict; null: not reviewed")],
        None,
    ),
    "own": (
        Annotated[
            dict[str, str | float] | None,
            Field(description="values of your own columns; null: the dataset has none"),
        ],
        {"annotator": "kim", "camera": "north"},
    ),
}
"""Type and example of the fields that `score_columns.FIGURES` does not describe."""


def _describe_field(name: str) -> tuple[Any, Any]:
    """Return the type and the example of a suspect's field."""
    if name in OTHER_FIELDS:
        return OTHER_FIELDS[name]
    column = FIGURES[name]
    plain: Any = Probability if column.facts.is_probability else column.type
    optional = plain | None if column.is_nullable else plain
    return Annotated[optional, Field(description=column.facts.description)], column.facts.example


_FIELDS = {name: _describe_field(name) for name in SUSPECT_FIELDS}
if TYPE_CHECKING:

    class _ScoreColumns(BaseModel):
        """The fields that exports use, for type checkers; all fields are created below."""

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
        own: dict[str, str | float] | None
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
    """A sample with the positions of its neighbours in the ranking."""

    previous_position: int | None
    next_position: int | None


class SuspectPage(Page[Suspect]):
    """A page of the ranking."""

    provisional: bool = Field(description="true while the audit still runs")


class Curve(BaseModel):
    """Points of a curve, reduced to at most 500 without changing its shape."""

    x: list[float]
    y: list[float]


class AtK(BaseModel):
    """Precision and recall of the first k samples of the ranking."""

    k: int
    precision: Probability
    recall: Probability


class FigureLink(BaseModel):
    """A figure of the paper for an audit's results."""

    name: str
    title: str
    plotly_url: str = Field(description="JSON with data and layout for Plotly")
    png_url: str
    svg_url: str


class MetricsOut(BaseModel):
    """How well the ranking finds the samples whose given label differs from the correct label."""

    sample_count: int = Field(description="samples with a correct label")
    error_count: int
    noise_rate: Probability
    roc_auc: float | None = Field(description="null if no label, or every label, is wrong")
    average_precision: float | None
    precision_at_noise_rate: float | None
    roc: Curve | None = Field(description="x: false positive rate, y: true positive rate")
    precision_recall: Curve | None = Field(description="x: recall, y: precision")
    at_k: list[AtK]
    histogram: dict[str, list[float]] = Field(
        description="bin edges of the distance, with counts of right and wrong labels"
    )
    norm_histogram: dict[str, list[float]] | None = Field(
        default=None, description="the same for the norm of the predicted gradient"
    )
    per_class: list[dict[str, Any]]
    suggestion_accuracy: float | None = Field(
        description="share of wrong labels whose suggested label is the correct one"
    )
