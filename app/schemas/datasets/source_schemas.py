"""Answers about people's own columns, and about where errors come from by them."""

from typing import Literal

from pydantic import BaseModel, Field

from app.schemas.shared_schemas import Probability


class OwnColumn(BaseModel):
    """A column of the user's about the samples; it is never a feature."""

    name: str
    kind: Literal["text", "number"]
    missing: int = Field(description="samples without a value, among those that the column came with")
    source: Literal["upload", "attached"]


class AttachedColumns(BaseModel):
    """What was attached."""

    columns: list[str]
    left_out: list[str] = Field(
        description="columns that name labels; they are not kept: the first 200, each to 200 characters"
    )
    samples: int = Field(description="rows of the table")


class SourceGroup(BaseModel):
    """The samples with one value of a column, compared with all other samples."""

    value: str | None = Field(description="null: the value is missing")
    low: float | None = Field(description="smallest number of the bin; null: a column of texts")
    high: float | None = Field(description="largest number of the bin; null: a column of texts")
    samples: int
    share: Probability | None = Field(description="share of wrong labels; null: cannot tell")
    share_low: Probability | None = Field(description="lower end of its 95 % interval")
    share_high: Probability | None = Field(description="upper end of its 95 % interval")
    place: Probability = Field(
        description="mean place in the ranking of the same given class: 0 the most suspicious, 1 the least"
    )
    place_low: Probability
    place_high: Probability
    finding: Literal["more", "fewer"] | None = Field(
        description="whether it has more or fewer wrong labels than the others, at 5 % for all comparisons"
        " together; where `basis` is `ranking`, more or less suspicious ones. null: not certain"
    )
    reviewed: int = Field(description="decided verdicts on its samples")
    found_wrong: int = Field(description="of these, relabelled")
    checked: int = Field(description="decided verdicts of random checks on its samples")
    checked_wrong: int = Field(description="of these, relabelled")


class SourceColumn(BaseModel):
    """A column with its values, the most frequent first; numbers in up to five bins of equal size."""

    name: str
    kind: Literal["text", "number"]
    groups: list[SourceGroup]
    other_values: int = Field(description="rarer values, which are not compared")
    other_samples: int = Field(description="samples with such values")


class ErrorSourcesOut(BaseModel):
    """Where the errors come from: each value of your own columns, with its share of wrong labels."""

    basis: Literal["checks", "evidence", "ranking"] = Field(
        description="what the shares follow; ranking: no share is known, only how suspicious the samples are"
    )
    rests_on: str = Field(description="the same in words")
    comparisons: int = Field(description="groups that were compared; findings are corrected for their number")
    findings: list[str] = Field(description="what stands out, as sentences; empty: nothing does")
    columns: list[SourceColumn]
