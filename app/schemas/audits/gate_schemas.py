"""Answers of the gate: what an audit comes to by somebody's limits."""

from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from app.schemas.shared_schemas import Probability


class GateCheckOut(BaseModel):
    """A rule applied to one figure."""

    rule: Literal["max_noise", "max_class_noise", "max_new_noise", "no_conflicts", "not_worse"]
    subject: str | None = Field(description="the class; null: the rule is about no class")
    outcome: Literal["within", "undecided", "exceeded", "cannot_tell"] = Field(
        description="exceeded: the whole interval lies above the limit; within: all of it lies below;"
        " undecided: the limit lies inside; cannot_tell: there is no interval"
    )
    detail: str
    limit: Probability | None
    low: Probability | None = Field(description="lower end of the 95 % interval of the share of wrong labels")
    high: Probability | None = Field(description="upper end of the interval")
    samples: int = Field(description="that the figure is about")


class GateBaselineOut(BaseModel):
    """What is different since the baseline, by the content of the samples."""

    audit_id: UUID
    name: str
    shared: int = Field(description="samples that both have")
    added: int
    dropped: int
    relabelled: int
    new_suspects: int = Field(description="flagged now and not before, with the same label")
    difference: Literal["unknown", "within", "beyond"] = Field(
        description="whether the shares of wrong labels differ by more than both intervals"
    )
    detail: str


class GateOut(BaseModel):
    """What an audit comes to by limits. High = bad."""

    audit_id: UUID
    verdict: Literal["passed", "failed", "cannot_tell"] = Field(
        description="failed: a limit is exceeded; cannot_tell: none is, and one cannot be judged"
    )
    sample_count: int
    left_out: int = Field(description="problems met when the data were read: see the dataset's problems")
    rests_on: str | None = Field(description="what counts rest on; null: cannot tell")
    cannot_see: str | None = Field(
        description="wrong labels that no share counts: those that follow a rule; null: no share was judged,"
        " or people checked samples at random"
    )
    checks: list[GateCheckOut]
    baseline: GateBaselineOut | None
