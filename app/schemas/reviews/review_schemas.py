"""Reviews: verdicts on samples, similar samples, and the progress of a review."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field, model_validator

from app.schemas.datasets.dataset_schemas import SampleOut
from app.schemas.request_schemas import Name, Request
from app.schemas.shared_schemas import Page, Probability
from app.tables import Verdict
from models.checks.review_advice import Advice

REVIEWS_MAX = 500
Reviewer = Annotated[
    Name | None,
    Field(description="name of the reviewer if no keys are required; with keys, the key's name is used"),
]


class VerdictIn(Request):
    """A verdict: keep the given label, relabel to another class, drop the sample, or unsure."""

    verdict: Verdict
    label: str | None = Field(default=None, description="class name; only for relabel")

    @model_validator(mode="after")
    def _check_label(self) -> Self:
        if (self.verdict == Verdict.RELABEL) != (self.label is not None):
            raise ValueError("relabel needs a label, the other verdicts accept none")
        return self


class ReviewRequest(VerdictIn):
    """A verdict on one sample."""

    audit_id: UUID | None = Field(
        default=None, description="the audit in whose ranking the sample was reviewed"
    )
    reviewer: Reviewer = None


class ReviewEntry(VerdictIn):
    """A verdict on one of several samples."""

    position: int = Field(ge=0, lt=2**31)
    version: int | None = Field(
        default=None,
        ge=1,
        lt=2**63,
        description="version of the review that this entry replaces; null: the sample has no review",
    )


class ReviewsRequest(Request):
    """Verdicts on several samples. A verdict whose version is out of date is not saved but reported."""

    reviews: list[ReviewEntry] = Field(min_length=1, max_length=REVIEWS_MAX, fail_fast=True)
    audit_id: UUID | None = None
    reviewer: Reviewer = None


class ReviewOut(BaseModel):
    """A verdict with its reviewer and time."""

    position: int
    verdict: Literal["keep", "relabel", "drop", "unsure"]
    label: str | None = Field(description="the correct class; only for relabel")
    reviewer: str
    reviewed_at: datetime
    audit_id: UUID | None
    version: int = Field(description="changes with every write; also the ETag")
    is_looked_at: bool = Field(
        description="false: given to many samples at once that nobody looked at, or carried over; it is no"
        " evidence"
    )
    carried: dict[str, Any] | None = Field(
        description="the verdict of an earlier version that it was made from; null: it was given here"
    )
    agreement: Literal["agreed", "unsure", "disputed", "settled"] | None = Field(
        default=None,
        description="of samples that several people judged: they agree; only one of them was sure; they"
        " disagree, and until somebody settles it the verdict is unsure; somebody has settled it. null: one"
        " person's verdict",
    )


class ListedReview(ReviewOut):
    """A verdict in a list, with the sample's name."""

    key: str = Field(description="the sample's file name or row id")


class Conflict(BaseModel):
    """A verdict that was not saved because the sample's review has another version."""

    position: int
    detail: str
    current: ReviewOut | None = Field(description="the current review; null: the review was deleted")
    own: ReviewOut | None = Field(
        default=None,
        description="your own verdict, if you gave one; send its version to change it",
    )


class ReviewsOut(BaseModel):
    """The verdicts that were saved, and the conflicts."""

    saved: list[ReviewOut]
    conflicts: list[Conflict]


class ReviewPage(Page[ListedReview]):
    """A page of reviews by position."""

    counts: dict[str, int] = Field(description="number of reviews in the complete dataset, by verdict")


class SimilarSample(SampleOut):
    """A sample that is similar to another sample."""

    features: list[float | str | None] | None = Field(
        description="the sample's row of features, of a table its cells, of a text itself; null for images"
    )


class SimilarClass(BaseModel):
    """The samples of one class that are most similar to a suspect, among those most likely labelled right."""

    label: str
    samples: list[SimilarSample]


class ReasonColumn(BaseModel):
    """A column that speaks for another class than the given label."""

    column: str
    effect: float = Field(
        description="by how much the log-odds of the other class fall if the cell is replaced by those of"
        " random rows"
    )


class ReasonWord(BaseModel):
    """A word of a text that speaks for another class than the given label, or for the given one."""

    start: int = Field(description="its first character in the text, counted from 0 in Unicode code points")
    length: int
    effect: float = Field(
        description="what it adds to the log-odds of the other class against the given one, by a linear model"
        " that has not seen this label; negative: it speaks for the given label"
    )


class ReasonsOut(BaseModel):
    """What of a suspect speaks for another class: columns of a table, words of a text; strongest first."""

    label: str = Field(description="the class that they speak for")
    columns: list[ReasonColumn]
    words: list[ReasonWord] = []


class SimilarOut(BaseModel):
    """Samples to compare a suspect with: of its given class, and of the most likely other class."""

    feature_names: list[str] | None
    features: list[float | str | None] | None = Field(
        description="the suspect's row of features, of a table its cells, of a text itself; null for images"
    )
    given: SimilarClass
    other: SimilarClass
    reasons: ReasonsOut | None = Field(
        description="only of tables and texts, for the most suspicious samples: what speaks against the label"
    )


class ReviewProgress(BaseModel):
    """The progress of an audit's review. `errors` counts relabelled samples.

    A dropped sample counts neither as a wrong nor as a right label: copies are dropped, too.
    """

    sample_count: int
    verdicts: dict[str, int] = Field(description="number of samples by verdict")
    reviewed: int
    unseen: int = Field(
        description="those of them that were decided with many others, without being looked at; they count as"
        " no error and for no precision"
    )
    carried: int = Field(
        description="those of them that were carried over from an earlier version and not given anew; they"
        " count as no error and for no precision either"
    )
    errors: int
    precision: Probability | None = Field(description="share of errors among those kept or relabelled")
    recent_precision: Probability | None = Field(
        description="the same among the latest 50 decided verdicts on samples that no random check drew and"
        " that are no duplicates with different labels"
    )
    recent_decided: int = Field(description="number of those verdicts, 50 at most")
    verdicts_to_advice: int = Field(
        default=0,
        description="further such verdicts (keep or relabel) after which they alone carry advice on whether"
        " to go on; 0: there are enough, or the expected errors are known",
    )
    rests_on: str = Field(
        description="what the expected errors rest on: random checks, the audit's estimate, or nothing yet"
    )
    expected_errors: float | None = Field(description="wrong labels in all samples; null: unknown")
    expected_errors_interval: list[float] | None = Field(
        min_length=2, max_length=2, description="95 % interval of that number; null: unknown"
    )
    expected_errors_left: float | None = Field(
        description="wrong labels that nobody has found yet; null: unknown"
    )
    expected_errors_left_interval: list[float] | None = Field(
        default=None, min_length=2, max_length=2, description="95 % interval of these; null: unknown"
    )
    open_conflicts: int = Field(
        default=0,
        description="groups of duplicates that still have different labels and a sample that nobody decided",
    )
    next_precision: Probability | None = Field(
        description="expected share of errors among the next 50 samples of the ranking, by their"
        " probabilities and the latest verdicts, never more than random checks leave; null: unknown, or all"
        " samples are reviewed"
    )
    advice: Advice = Field(
        description="check: nothing can be said before samples are checked at random; stop: fewer than one in"
        " ten of the next samples is wrong by the upper end of a 95 % interval, or none is left"
    )
