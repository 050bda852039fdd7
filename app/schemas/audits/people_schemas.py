"""Several people at one review: the queue, second opinions, agreement, disagreements, notes."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from app.people.sample_notes import NOTE_LENGTH
from app.schemas.audits.result_schemas import Suspect
from app.schemas.datasets.dataset_schemas import SampleOut
from app.schemas.request_schemas import Request
from app.schemas.reviews.bulk_schemas import SuspectFilters
from app.schemas.reviews.check_schemas import CheckSample, ShareOut
from app.schemas.reviews.review_schemas import Reviewer, ReviewOut
from app.schemas.shared_schemas import Page, Probability

HANDED_MAX = 100
HELD_MAX = 500
Position = Annotated[int, Field(ge=0, lt=2**31)]


def _check_text(text: str) -> str:
    if not all(letter.isprintable() or letter in "\n\t" for letter in text):
        raise ValueError("must contain only printable characters and line breaks")
    return text


NoteText = Annotated[
    str,
    StringConstraints(min_length=1, max_length=NOTE_LENGTH, strip_whitespace=True),
    AfterValidator(_check_text),
]


class CheckQueueRequest(Request):
    """What a person wants to be handed of the random checks."""

    count: int = Field(default=20, ge=0, le=HANDED_MAX, description="samples at most; 0 only renews leases")
    held: list[Position] = Field(
        default=[],
        max_length=HELD_MAX,
        description="samples that the person has already and has not decided: their leases are renewed",
    )
    reviewer: Reviewer = None


class QueueRequest(CheckQueueRequest):
    """What a person wants to be handed of the ranking."""

    after_rank: int = Field(default=0, ge=0, lt=2**31, description="only samples after this rank")
    filters: SuspectFilters | None = Field(
        default=None, description="as for the list of suspects; `review` is ignored"
    )


class ReleaseRequest(Request):
    """Samples that a person gives back."""

    held: list[Position] = Field(max_length=HELD_MAX)
    reviewer: Reviewer = None


class QueueOut(BaseModel):
    """The samples that a person is handed, in the order in which to look at them."""

    items: list[Suspect]
    lost: list[int] = Field(description="held samples that somebody else was handed meanwhile")
    lease_seconds: float = Field(description="time after which others are handed these samples")


class CheckQueueOut(BaseModel):
    """The samples of the random checks that a person is handed, without score and suggestion."""

    feature_names: list[str] | None
    items: list[CheckSample]
    lost: list[int] = Field(description="held samples that somebody else was handed meanwhile")
    lease_seconds: float = Field(description="time after which others are handed these samples")


class ReleaseOut(BaseModel):
    """How many samples were given back."""

    released: int


class ReviewPlanRequest(Request):
    """Which share of the reviewed samples a second person judges."""

    second_share: float = Field(ge=0, le=1, description="0: none, .1: a tenth, 1: all")
    seed: int | None = Field(
        default=None, ge=0, lt=2**31, description="chooses the samples; null: as it was, or at random"
    )


class ReviewPlanOut(BaseModel):
    """Which share of the reviewed samples a second person judges, and the seed that chooses them."""

    second_share: float
    seed: int


class PersonOut(BaseModel):
    """How much one person has judged of the dataset."""

    reviewer: str
    verdicts: int = Field(description="samples that this person looked at and judged")
    settled: int = Field(description="disagreements that this person settled")


class AgreementFigureOut(BaseModel):
    """How far people agree beyond chance: 1 is full agreement, 0 what chance gives."""

    statistic: Literal["cohen_kappa", "krippendorff_alpha"] = Field(
        description="kappa where two people judged, alpha where more did"
    )
    samples: int = Field(description="samples that two or more people judged and were sure of")
    agreed: int = Field(description="those of them on which all agree")
    value: float | None = Field(description="null: too few samples to tell, or all say the same")
    low: float | None
    high: float | None


class ClassAgreement(AgreementFigureOut):
    """How far people agree on which samples are of one class; `drop`: on which are dropped."""

    name: str


class ReviewerError(BaseModel):
    """How often one person errs, if all err equally often and independently; together they may err more."""

    centre: Probability
    low: Probability | None
    high: Probability | None = Field(description="null: half or more")


class CheckedTwiceOut(BaseModel):
    """What second opinions say of the random checks."""

    disagreement: ShareOut | None = Field(
        description="share of checks on which people disagree whether the label is right; null: too few"
    )
    disputed: int = Field(description="checks with a disagreement that nobody has settled; they do not count")
    error_share: ShareOut | None = Field(description="share of wrong labels that the checks count")
    bounds: list[float] | None = Field(
        description="the ends of that interval if all disputed labels were right, or all wrong"
    )
    caution: str | None = Field(
        description="a sentence where people disagree about as often as labels are counted as wrong"
    )


class AgreementOut(BaseModel):
    """How far people agree who judged the same samples, the second without seeing the first verdict."""

    people: list[PersonOut]
    states: dict[str, int] = Field(
        description="samples that several people judged: agreed, unsure, disputed, settled"
    )
    labels: AgreementFigureOut = Field(description="on the right label")
    right_or_wrong: AgreementFigureOut = Field(description="on whether the given label is right")
    classes: list[ClassAgreement]
    disagreement: ShareOut | None = Field(
        description="share of samples on which people disagree whether the label is right; null: too few"
    )
    reviewer_error: ReviewerError | None = Field(description="null: unknown")
    checks: CheckedTwiceOut


class JudgedSample(SampleOut):
    """A sample that several people judged, with what each of them says."""

    suggested_label: str
    review: ReviewOut = Field(description="what counts now; a verdict on top of it settles the sample")
    opinions: list[ReviewOut] = Field(description="the first person's first")
    notes: int = Field(description="number of notes on the sample")


class JudgedSamples(Page[JudgedSample]):
    """A page of samples that several people judged, by position."""


class NoteRequest(Request):
    """A note on a sample."""

    text: NoteText
    reviewer: Reviewer = None


class NoteOut(BaseModel):
    """A note on a sample: what, who, when."""

    id: UUID
    position: int
    text: str
    reviewer: str
    created_at: datetime


class Notes(BaseModel):
    """The notes on a sample, the oldest first."""

    items: list[NoteOut]
