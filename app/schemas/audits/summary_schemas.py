"""The summary of an audit, without correct labels.

What follows from the estimated label errors is null where the estimate may not be claimed.
"""

from pydantic import BaseModel, Field

from app.schemas.shared_schemas import Probability
from app.tables import IssueKind


class ClassSummary(BaseModel):
    """The results of one class."""

    name: str = Field(alias="class")
    samples: int = Field(description="samples with this given label")
    disagreements: int
    expected_errors: float | None = Field(
        description="expected number of samples with this given label that are of another class; null: the"
        " estimate may not be claimed"
    )
    label_issues: int
    mean_distance: float | None
    expected_members: float | None = Field(
        default=None, description="expected number of samples of this class, with any given label"
    )
    noise_rate: Probability | None = Field(
        default=None,
        description="share of the samples with this given label that are of another class; high = bad",
    )
    missed_rate: Probability | None = Field(
        default=None, description="share of this class's samples with another given label; high = bad"
    )
    health: Probability | None = Field(
        default=None,
        description="samples that have this class and this given label, divided by samples that have either;"
        " low = bad",
    )


class TransitionMatrix(BaseModel):
    """P(given label | true class): rows are true classes, columns are given labels, rows sum to 1."""

    rows: str
    columns: str
    classes: list[str]
    matrix: list[list[float | None]] = Field(description="a row of nulls: no sample is of this class")


class ConfusedPair(BaseModel):
    """The samples of one class with the given label of another class."""

    true: str
    given: str
    expected_count: float
    share_of_true: Probability = Field(description="share of the samples of class `true`")
    share_of_given: Probability = Field(description="share of the samples with the given label `given`")


class ToFind(BaseModel):
    """How many samples to review to find a given share of the wrong labels."""

    share: Probability = Field(description="share of the wrong labels to find")
    review: int = Field(description="number of samples to review, from rank 1")
    found: float = Field(description="expected number of wrong labels among them")


class Budget(BaseModel):
    """Review the first N samples to find about M of about T wrong labels."""

    total: float = Field(description="T, the expected number of wrong labels")
    review: list[int] = Field(description="N, from 1 to all samples")
    expected_found: list[float] = Field(description="M, for each N")
    to_find: list[ToFind]


class IssueCount(BaseModel):
    """The number of issues of one kind."""

    count: int = Field(
        description="number of samples, files or classes, including those beyond the 100,000 that are listed"
    )
    groups: int | None = Field(description="number of groups of duplicates")


class Recall(BaseModel):
    """The share of the errors that a review finds."""

    share: Probability = Field(description="reviewed share of the ranking, from rank 1")
    recall: Probability = Field(description="share of all errors that are among them")


class RehearsalOut(BaseModel):
    """How many planted errors were found. docs/ranking.md explains what this says about other errors."""

    noise: str
    planted_count: int
    roc_auc: Probability | None = Field(
        description="estimated; null if no errors were planted, or if the other labels' errors may not be"
        " claimed"
    )
    roc_auc_error: float | None = Field(
        description="standard error of roc_auc, by the number of planted errors"
    )
    roc_auc_uncorrected: Probability | None = Field(
        description="ROC AUC of planted errors against all other samples, as if all other labels were right"
    )
    recall: list[Recall] | None = Field(
        description="share of the errors found; of the planted errors alone where roc_auc is null"
    )
    cut_recall: Probability | None = Field(
        description="share of the planted errors that the automatic cut flags"
    )
    cut_precision: Probability | None = Field(description="share of the flagged labels that are wrong")


class Reason(BaseModel):
    """Why the number of wrong labels cannot be told yet."""

    code: str = Field(
        description="too_few_samples, knows_too_little, views_disagree, not_out_of_sample, too_large or"
        " too_many_classes"
    )
    detail: str = Field(description="a sentence for people")


class EstimateOut(BaseModel):
    """The number of wrong labels, by the audit's own evidence or by random checks (`checked`)."""

    may_claim: bool = Field(
        description="false: cannot tell yet; then `count` is null, no error probability is above 0.5, and the"
        " ranking and the cut only suggest what to look at first"
    )
    reasons: list[Reason] = Field(description="why nothing may be claimed; empty if it may")
    count: float | None = Field(description="expected number of wrong labels; null: cannot tell yet")
    interval: list[float] | None = Field(
        min_length=2,
        max_length=2,
        description="95 % interval of the number of wrong labels; null: nothing could be estimated",
    )
    sample_count: int


class SummaryOut(BaseModel):
    """The summary of an audit that has succeeded. Fields that an older version did not compute are null."""

    sample_count: int
    checked: int | None = Field(
        default=None,
        description="random checks that all figures follow; null: they rest on the audit's estimate alone",
    )
    rests_on: str | None = Field(default=None, description="the random checks in words")
    disagreement_count: int = Field(description="samples whose suggested label is not the given label")
    estimate: EstimateOut | None = Field(
        default=None, description="null: an audit of an older version, whose counts can be far off"
    )
    expected_error_count: float | None = Field(
        description="`estimate.count`: expected number of wrong labels; null: cannot tell yet"
    )
    expected_error_interval: list[float] | None = Field(
        default=None,
        min_length=2,
        max_length=2,
        description="95 % interval of the number of wrong labels; null: cannot tell yet",
    )
    label_issue_count: int = Field(description="samples that the automatic cut flags")
    noise_rate: Probability | None = Field(
        default=None, description="expected share of wrong labels; null: cannot tell yet"
    )
    health: Probability | None = Field(default=None, description="1 - noise_rate; low = bad")
    histogram: dict[str, list[float]] = Field(description="bin edges and counts of the distance")
    norm_histogram: dict[str, list[float]] | None = Field(
        default=None, description="bin edges and counts of the norm of the predicted gradient"
    )
    per_class: list[ClassSummary]
    transition_matrix: TransitionMatrix | None = Field(
        default=None,
        description="null for more than 100 classes, where confused_pairs lists the largest cells, and where"
        " the estimate may not be claimed",
    )
    confused_pairs: list[ConfusedPair] = Field(default=[], description="the most frequent pairs, at most 50")
    budget: Budget | None = Field(default=None, description="null: the estimate may not be claimed")
    rehearsal: RehearsalOut | None = Field(default=None, description="null if no errors were planted")
    issues: dict[IssueKind, IssueCount] = Field(
        default={},
        description="number of data issues by kind, without kinds that have none;"
        " GET /v1/audits/{id}/issues lists them",
    )
