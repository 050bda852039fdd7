"""Answers about data issues: duplicates, outliers and the like."""

from pydantic import BaseModel, ConfigDict, Field

from app.schemas.reviews.review_schemas import ReviewOut
from app.tables import IssueKind


class IssueOut(BaseModel):
    """A sample, file or class that a person should check; docs/issues.md explains each kind."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "kind": "conflicting_duplicate",
                    "number": 0,
                    "position": 2810,
                    "key": "rose/2535466143.jpg",
                    "given_label": "rose",
                    "group": 0,
                    "score": 1.0,
                    "detail": "duplicate of tulip/2535466143.jpg, which is given as tulip",
                    "image_url": "/v1/datasets/01a203c1-e847-712f-bcc3-2f4681fd3091/samples/2810/image",
                    "review": None,
                }
            ]
        }
    )

    kind: IssueKind
    number: int = Field(description="place in the list of this kind, from 0; the most serious first")
    position: int | None = Field(description="null: the issue is about a file or a class, not a sample")
    key: str = Field(description="the sample's key, or the name of a file or class")
    given_label: str | None
    group: int | None = Field(
        description="for duplicates: samples of one kind with the same number are duplicates of each other"
    )
    score: float | None = Field(
        description="duplicates: similarity, 1 = same content; outliers: mean cosine distance to the nearest"
        " neighbours; rare classes: number of samples"
    )
    detail: str
    image_url: str | None
    review: ReviewOut | None = Field(
        default=None, description="the sample's verdict; null: nobody has reviewed it"
    )
