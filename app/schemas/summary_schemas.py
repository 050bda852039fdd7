"""What an audit came to by itself. Every figure follows from the error probabilities; no truth enters."""

from pydantic import BaseModel, Field

from app.schemas.shared_schemas import Probability
from app.tables import IssueKind


class ClassSummary(BaseModel):
    """One class as an audit sees it."""

    name: str = Field(alias="class")
    samples: int = Field(description="given this label")
    disagreements: int
    expected_errors: float = Field(description="samples given this label that are of another class")
    label_issues: int
    mean_distance: float | None
    expected_members: float | None = Field(
        default=None, description="samples of this class, whatever label they were given"
    )
    noise_rate: Probability | None = Field(
        default=None, description="share of those given this label that are of another class; high = bad"
    )
    missed_rate: Probability | None = Field(
        default=None, description="share of this class's samples that were given another label; high = bad"
    )
    health: Probability | None = Field(
        default=None,
        description="samples of the class that were given it, over those of which either holds; low = bad",
    )


class TransitionMatrix(BaseModel):
    """P(given label | true class): rows are true classes, columns are given labels, rows sum to 1."""

    rows: str
    columns: str
    classes: list[str]
    matrix: list[list[float | None]] = Field(description="a row of null: no sample is of that class")


class ConfusedPair(BaseModel):
    """Samples of one class that were given another one's label."""

    true: str
    given: str
    expected_count: float
    share_of_true: Probability = Field(description="of the samples that are of class `true`")
    share_of_given: Probability = Field(description="of the samples that were given label `given`")


class ToFind(BaseModel):
    """How far down the list a share of the wrong labels lies."""

    share: Probability
    review: int = Field(description="review the first so many")
    found: float = Field(description="and expect to find about so many")


class Budget(BaseModel):
    """Review the first N, expect to find about M of about T."""

    total: float = Field(description="T, the expected number of wrong labels")
    review: list[int] = Field(description="N, rising from 1 to all samples")
    expected_found: list[float] = Field(description="M, for each N")
    to_find: list[ToFind]


class IssueCount(BaseModel):
    """How much is listed under a kind of issue."""

    count: int = Field(description="samples, files or classes, also those beyond the 100,000 listed")
    groups: int | None = Field(description="of duplicates")


class Recall(BaseModel):
    """How many errors a review finds."""

    share: Probability = Field(description="reviewed of the ranking, from the worst on")
    recall: Probability = Field(description="share of the errors among them")


class RehearsalOut(BaseModel):
    """What planted errors tell of others like them; docs/ranking.md says what they cannot tell."""

    noise: str
    planted_count: int
    roc_auc: Probability | None = Field(description="estimated; null where nothing was planted")
    roc_auc_error: float | None = Field(description="its standard error by the number of planted ones")
    roc_auc_uncorrected: Probability | None = Field(
        description="of planted ones against all others, as if all of these were right"
    )
    recall: list[Recall] | None
    cut_recall: Probability | None = Field(description="share of the errors that the automatic cut flags")
    cut_precision: Probability | None = Field(description="share of the flagged that is wrong")


class SummaryOut(BaseModel):
    """The figures of an audit that has succeeded. Those an older version did not make are null."""

    sample_count: int
    disagreement_count: int = Field(description="samples whose suggested label is not the given one")
    expected_error_count: float = Field(description="sum of the error probabilities")
    expected_error_interval: list[float] | None = Field(
        default=None,
        min_length=2,
        max_length=2,
        description="least and largest estimate of the number of wrong labels",
    )
    label_issue_count: int = Field(description="samples beyond the automatic cut")
    noise_rate: Probability | None = Field(default=None, description="expected share of wrong labels")
    health: Probability | None = Field(default=None, description="1 - noise_rate; low = bad")
    histogram: dict[str, list[float]] = Field(description="edges and counts of the distance")
    norm_histogram: dict[str, list[float]] | None = Field(
        default=None, description="edges and counts of the predicted gradient's norm"
    )
    per_class: list[ClassSummary]
    transition_matrix: TransitionMatrix | None = Field(
        default=None,
        description="null also for more than 100 classes; confused_pairs has their largest cells",
    )
    confused_pairs: list[ConfusedPair] = Field(default=[], description="the 50 most frequent at most")
    budget: Budget | None = None
    rehearsal: RehearsalOut | None = Field(default=None, description="null where nothing was planted")
    issues: dict[IssueKind, IssueCount] = Field(
        default={}, description="GET /v1/audits/{id}/issues lists them; kinds without any are left out"
    )
