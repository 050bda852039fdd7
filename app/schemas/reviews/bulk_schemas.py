"""Verdicts on many samples at once."""

from typing import Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field, model_validator

from app.audits.suspects import ReviewState
from app.schemas.request_schemas import Request
from app.schemas.reviews.check_schemas import ShareOut
from app.schemas.reviews.review_schemas import Reviewer, ReviewOut

SAMPLES_MAX = 20_000
"""With the positions of a million samples their list takes less than `list_body_max_bytes`."""


class BulkSample(Request):
    """A sample that somebody selected."""

    position: int = Field(ge=0, lt=2**31)
    version: int | None = Field(
        default=None,
        ge=1,
        lt=2**63,
        description="version of the review that was seen; null: none. A sample with another is left out",
    )


class SuspectFilters(Request):
    """Filters of the ranking, as the list of suspects takes them."""

    given_label: str | None = Field(default=None, description="class name")
    suggested_label: str | None = Field(default=None, description="class name")
    min_distance: float | None = Field(default=None, ge=0, le=1.5)
    max_distance: float | None = Field(default=None, ge=0, le=1.5)
    is_label_issue: bool | None = Field(
        default=None, description="whether the automatic cut flags the sample"
    )
    review: ReviewState | None = Field(default=None, description="only samples with this review state")
    column: str | None = Field(default=None, description="one of your own columns")
    value: str | None = Field(default=None, description="only samples with this value in `column`")
    low: float | None = Field(default=None, description="only samples with at least this number in it")
    high: float | None = Field(default=None, description="only samples with at most this number in it")
    selection: UUID | None = Field(default=None, description="only samples of this selection on the map")


class BulkRequest(Request):
    """One decision for many samples: the selected ones, or all that match filters."""

    action: Literal["keep", "accept", "relabel", "drop", "unsure"] = Field(
        description="accept: the suggested label of each sample"
    )
    label: str | None = Field(default=None, description="class name; only for relabel")
    samples: list[BulkSample] | None = Field(
        default=None, min_length=1, max_length=SAMPLES_MAX, description="samples that were looked at"
    )
    filters: SuspectFilters | None = Field(
        default=None, description="instead of samples: all that match; nobody has looked at them"
    )
    replaces: bool = Field(
        default=False, description="with filters: also replace verdicts that somebody gave before"
    )
    reviewer: Reviewer = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.action == "relabel") != (self.label is not None):
            raise ValueError("relabel needs a label, the other actions accept none")
        if (self.samples is None) == (self.filters is None):
            raise ValueError("expected either samples or filters")
        positions = [sample.position for sample in self.samples or ()]
        if len(set(positions)) < len(positions):
            raise ValueError("expected each position once")
        return self


class BulkPreview(BaseModel):
    """What a decision for many samples would do."""

    samples: int = Field(description="samples that would get the verdict")
    reviewed: int = Field(
        description="samples with a verdict: replaced, or with filters left unless `replaces`"
    )
    changed: int = Field(description="labels that would change")
    busy: int = Field(
        default=0, description="samples that somebody else has on their screen now; they are left out"
    )
    wrong: float | None = Field(description="wrong labels among the samples, as expected; null: unknown")
    wrong_interval: tuple[float, float] | None = Field(
        default=None, description="the least and the most of them; null: unknown"
    )
    rests_on: str = Field(
        description="what that rests on: random checks, the audit's estimate, or nothing yet"
    )
    improves: ShareOut | None = Field(
        description="share of flagged labels that the suggestion puts right, by random checks; null: unknown"
    )


class BulkOut(BaseModel):
    """A decision for many samples that was saved."""

    id: UUID
    saved: int = Field(description="samples that have the verdict now")
    left_out: int = Field(
        description="selected samples whose review somebody changed meanwhile, or that somebody else has on"
        " their screen"
    )
    reviews: list[ReviewOut] | None = Field(
        description="the reviews of the samples now; null: they are more than 500"
    )


class BulkUndone(BaseModel):
    """A decision for many samples that was taken back."""

    restored: int = Field(description="samples that have their earlier review again, or none again")
    changed_since: int = Field(description="samples that somebody has reviewed since; that review stays")
    reviews: list[ReviewOut] | None = Field(
        description="the reviews of the samples now; null: they were more than 500"
    )
