"""Answers about what else is wrong with an audit's data."""

from pydantic import BaseModel, ConfigDict, Field

from app.tables import IssueKind


class IssueOut(BaseModel):
    """A sample, or a class, that a person should look at; docs/issues.md says what each kind means."""

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
                }
            ]
        }
    )

    kind: IssueKind
    number: int = Field(description="place in the list of this kind, from 0, the most serious first")
    position: int | None = Field(description="null: not a sample of the dataset, but a file or a class")
    key: str = Field(description="the sample's key, or the name of a file or class")
    given_label: str | None
    group: int | None = Field(description="duplicates: those of one number belong together, within the kind")
    score: float | None = Field(
        description="duplicates: likeness, 1 = same content; outliers: mean cosine distance to the nearest"
        " neighbours; rare classes: number of samples"
    )
    detail: str
    image_url: str | None
