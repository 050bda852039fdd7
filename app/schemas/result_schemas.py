"""Answers about results: suspects and metrics. High distance = the label is probably wrong."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from app.schemas.review_schemas import ReviewOut
from app.schemas.shared_schemas import Page, Probability


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
                    "score": 0.9997,
                    "distance": 1.4125,
                    "error_probability": 0.999,
                    "is_label_issue": True,
                    "distance_average": 1.4125,
                    "distance_last": 1.4133,
                    "predicted_gradient_norm": 0.0021,
                    "margin": -8.1,
                    "loss": 6.9,
                    "neighbour_disagreement": 1.0,
                    "true_label": "2",
                    "is_error": True,
                    "image_url": "/v1/datasets/01a203c1-e847-712f-bcc3-2f4681fd3091/samples/1111/image",
                    "review": None,
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
    score: Probability | None = Field(
        description="what ranks; high = probably wrong; null: the distance ranks"
    )
    distance: float = Field(description="||mu - g||, in [0, sqrt 2]; high = probably wrong")
    error_probability: Probability | None = Field(description="estimated; null while provisional")
    is_label_issue: bool | None = Field(description="automatic cut; null while provisional")
    distance_average: float
    distance_last: float
    predicted_gradient_norm: float
    margin: float
    loss: float
    neighbour_disagreement: Probability | None = Field(
        description="share of the nearest samples by the network's features with another given label;"
        " null while provisional"
    )
    true_label: str | None
    is_error: bool | None
    image_url: str | None
    review: ReviewOut | None = Field(description="a person's verdict")


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
