"""What people say of samples, and how far they have come."""

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field, model_validator

from app.schemas.dataset_schemas import SampleOut
from app.schemas.request_schemas import Name, Request
from app.schemas.shared_schemas import Page, Probability
from app.tables import Verdict

MOST_AT_ONCE = 500
Reviewer = Annotated[
    Name | None,
    Field(description="who says so, where no key is asked for; with keys it is the key's name"),
]


class VerdictIn(Request):
    """Keep the given label, relabel to a class, drop the sample, or unsure."""

    verdict: Verdict
    label: str | None = Field(default=None, description="class name; of relabel alone")

    @model_validator(mode="after")
    def _label_fits(self) -> Self:
        if (self.verdict == Verdict.RELABEL) != (self.label is not None):
            raise ValueError("relabel takes a label, the other verdicts take none")
        return self


class ReviewRequest(VerdictIn):
    """A verdict on one sample."""

    audit_id: UUID | None = Field(default=None, description="whose ranking showed the sample")
    reviewer: Reviewer = None


class ReviewEntry(VerdictIn):
    """A verdict on one of several samples."""

    position: int = Field(ge=0, lt=2**31)
    version: int | None = Field(
        default=None, ge=1, lt=2**63, description="of the review that this replaces; null: there was none"
    )


class ReviewsRequest(Request):
    """Verdicts on several samples. Those overtaken by somebody else are left out and named."""

    reviews: list[ReviewEntry] = Field(min_length=1, max_length=MOST_AT_ONCE)
    audit_id: UUID | None = None
    reviewer: Reviewer = None


class ReviewOut(BaseModel):
    """A verdict, by whom and when."""

    position: int
    verdict: Literal["keep", "relabel", "drop", "unsure"]
    label: str | None = Field(description="the right class, of relabel alone")
    reviewer: str
    reviewed_at: datetime
    audit_id: UUID | None
    version: int = Field(description="new with every write; also the ETag")


class Conflict(BaseModel):
    """A verdict that was not saved, because the sample's review is not the one that was seen."""

    position: int
    detail: str
    current: ReviewOut | None = Field(description="what stands; null: the review was taken back")


class ReviewsOut(BaseModel):
    """What became of several verdicts."""

    saved: list[ReviewOut]
    conflicts: list[Conflict]


class ReviewPage(Page[ReviewOut]):
    """A page of reviews in order of position."""

    counts: dict[str, int] = Field(description="of the whole dataset, by verdict")


class SimilarSample(SampleOut):
    """A sample that looks like another one."""

    features: list[float | None] | None = Field(description="its row; null for pictures")


class SimilarClass(BaseModel):
    """Samples of one class that look most like a suspect, among those that fit their label best."""

    label: str
    samples: list[SimilarSample]


class SimilarOut(BaseModel):
    """What a suspect is compared with: its given class, and the likeliest other one."""

    feature_names: list[str] | None
    features: list[float | None] | None = Field(description="the suspect's row; null for pictures")
    given: SimilarClass
    other: SimilarClass


class ReviewProgress(BaseModel):
    """How far the review of an audit has come. `errors` are relabelled and dropped samples."""

    sample_count: int
    verdicts: dict[str, int] = Field(description="samples by verdict")
    reviewed: int
    errors: int
    precision: Probability | None = Field(description="errors among those kept, relabelled or dropped")
    recent_precision: Probability | None = Field(description="the same of the latest 50 verdicts")
    expected_errors: float = Field(description="in all, as the audit estimates them without truth")
    expected_errors_left: float = Field(
        description="among samples without a verdict, corrected by what people have found so far"
    )
    calibration: float = Field(description="(errors found + 1) / (errors expected there + 1)")
    next_precision: Probability | None = Field(
        description="share of errors to expect among the next 50 samples; null: all are reviewed"
    )
    advice: Literal["begin", "go_on", "nearly_done", "stop"] = Field(
        description="stop: fewer than one in ten of the next are worth a look, or none is left"
    )
