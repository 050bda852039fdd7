"""Random checks of an audit: their state, the samples to check, and what they say."""

from pydantic import BaseModel, Field

from app.schemas.datasets.dataset_schemas import SampleOut
from app.schemas.request_schemas import Request
from app.schemas.shared_schemas import Probability
from models.checks.check_plan import NUMBER_OF_CHECKS

CHECKS_MAX = 2_000
"""The half-width is 2.2 points at most then, whatever the ranking is like."""


class CheckRequest(Request):
    """How many samples of an audit are to be checked at random, in all."""

    samples: int = Field(
        default=NUMBER_OF_CHECKS,
        ge=1,
        le=CHECKS_MAX,
        description="samples to check in all, 50 or more where there are as many; a larger number adds to"
        " those that are drawn already",
    )


class ShareOut(BaseModel):
    """A share with its 95 % interval."""

    centre: Probability
    low: Probability
    high: Probability
    checked: int = Field(description="random checks that it rests on")


class CheckState(BaseModel):
    """How far the random checks of an audit have come."""

    wanted: int = Field(description="samples to check in all; the second half is drawn after the first")
    answered: int = Field(description="drawn samples that have a verdict")
    unsure: int = Field(description="those of them that nobody could decide; they count for nothing")
    dropped: int = Field(
        default=0,
        description="those of them that were dropped; they tell nothing about labels and do not count",
    )
    least: int = Field(
        default=50,
        description="decided checks from which on the number of wrong labels is told, and `follows`",
    )
    decided: int = Field(default=0, description="checks whose label was found right or wrong")
    is_finished: bool = Field(description="whether as many as are wanted have a verdict")
    follows: bool = Field(
        description="whether all figures of the audit rest on the checks: 50 are decided, or all samples"
    )
    error_share: ShareOut | None = Field(
        description="share of wrong labels among all samples, from the first verdict on, when it is still"
        " very wide; null: unknown"
    )


class CheckSample(SampleOut):
    """A sample to check. Score and suggestion are left out, so that they do not lead the verdict."""

    features: list[float | str | None] | None = Field(
        description="the sample's row of features, of a table its cells; null for images"
    )


class CheckSamples(BaseModel):
    """The samples to check next, in random order."""

    feature_names: list[str] | None
    items: list[CheckSample]


class CheckResult(BaseModel):
    """What the random checks say about an audit."""

    rests_on: str = Field(description="what all of these figures rest on, in words")
    decided: int = Field(description="checks that were decided")
    sample_count: int
    error_share: ShareOut = Field(description="share of wrong labels among all samples")
    error_count: float = Field(description="expected number of wrong labels")
    error_count_interval: list[float] = Field(min_length=2, max_length=2)
    flagged_count: int = Field(description="samples that the automatic cut flags after recalibration")
    flagged_precision: ShareOut | None = Field(
        description="share of wrong labels among the flagged; null: no flagged sample is checked"
    )
    slope: float = Field(description="of the log-odds of the error probabilities, by recalibration")
    shift: float = Field(description="of the log-odds of the error probabilities, by recalibration")
    suggestion_improves: ShareOut | None = Field(
        description="share of the flagged samples whose suggested label is right; null: unknown"
    )
    suggestion_worsens: ShareOut | None = Field(
        description="share of the flagged samples whose given label is right, so that the suggested label"
        " would be worse; null: unknown"
    )


class RelabellingOut(BaseModel):
    """What it would do to relabel the flagged samples that nobody has reviewed, as suggested."""

    labels: int = Field(description="labels that would change")
    improves: ShareOut | None = Field(description="share of them that becomes right; null: unknown")
    worsens: ShareOut | None = Field(
        description="share of them that was right and becomes wrong; null: unknown"
    )
    detail: str = Field(description="a sentence for people")
