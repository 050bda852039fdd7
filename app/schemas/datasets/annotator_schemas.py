"""Answers about labels of several annotators and their consensus."""

from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from app.schemas.shared_schemas import Failure, Probability


class AttachedAnnotations(BaseModel):
    """What was attached."""

    annotators: int
    labels: int = Field(description="labels of all annotators")
    samples: int = Field(description="samples with a label")
    left_out: list[str] = Field(
        description="columns of the table that were not read: the first 200, each to 200 characters"
    )


class AlphaOut(BaseModel):
    """Krippendorff's alpha with its 95 % interval."""

    alpha: float = Field(description="1: full agreement, 0: as by chance, below: systematic disagreement")
    low: float
    high: float
    samples: int = Field(description="samples with two labels or more")


class ConsensusOut(BaseModel):
    """What annotators' labels come to."""

    state: Literal["computing", "renewing", "failed", "ready"] = Field(
        description="renewing: what is given here is without an audit that has ended since; a new one is"
        " being formed"
    )
    error: Failure | None = None
    annotators: int
    labels: int
    audit_id: UUID | None = Field(
        default=None, description="the audit whose out-of-sample evidence was used; null: no audit yet"
    )
    labelled: int | None = Field(default=None, description="samples with a label of an annotator")
    with_two_labels: int | None = Field(default=None, description="of these, with two labels or more")
    alpha: AlphaOut | None = None
    reasons: list[Failure] = Field(default=[], description="why no probabilities are given; empty: they are")
    wrong_count: float | None = Field(
        default=None,
        description="expected wrong consensus labels, if annotators err independently; null: cannot tell",
    )
    wrong_interval: list[float] | None = Field(default=None, description="its 95 % interval")
    ties: int | None = Field(default=None, description="samples without one most frequent label")
    differs_from_majority: int | None = None
    ask_again: int | None = Field(default=None, description="samples of which one more label is worth asking")


class AnnotatorOut(BaseModel):
    """One annotator."""

    annotator: str
    labels: int
    agrees_with_consensus: Probability = Field(
        description="share of the labels; not quality: the consensus is made of these labels, too"
    )
    accuracy: Probability | None = Field(
        description="probability that a label of this annotator is right, of a sample drawn from this"
        " dataset; null: too few labels to tell"
    )
    accuracy_low: Probability | None = Field(description="lower end of the 95 % interval")
    accuracy_high: Probability | None = Field(description="upper end of the 95 % interval")
    finding: Literal["better", "worse", "too_few"] | None = Field(
        description="against the other annotators; null: no difference is certain enough"
    )
    confusions: str | None = Field(description="true class > label with its share, the most frequent")


class AnnotatorsOut(BaseModel):
    """The annotators of a dataset, those with the most labels first."""

    items: list[AnnotatorOut]
    total: int


class AskAgain(BaseModel):
    """A sample of which one more label is worth asking."""

    ask_again: int = Field(description="rank, 1 is worth most")
    position: int
    key: str
    given_label: str
    consensus: str | None
    majority: str | None
    is_tie: bool
    probability: Probability | None = Field(description="that the consensus is right; null: cannot tell")
    n_labels: int
    agreement: Probability | None = Field(description="share of pairs of labels that agree; null: one label")
    expected_gain: float | None = Field(
        description="wrong consensus labels that one more label of an annotator like the others avoids,"
        " on average"
    )
    image_url: str | None


class AskAgainOut(BaseModel):
    """The samples to label once more, the best first."""

    items: list[AskAgain]
    total: int
