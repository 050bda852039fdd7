"""Requests and answers about versions of datasets, and comparisons."""

from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from app.schemas.request_schemas import Name, Request

StateName = Literal["relabelled", "dropped", "new_suspect", "cleared", "still_suspect", "added"]


class VersionRequest(Request):
    """A version to make of a reviewed dataset."""

    name: Name | None = Field(default=None, description="null: the parent's, with the number of the version")
    issues: Literal["keep", "relabel", "drop"] = Field(
        default="keep",
        description="what to do with samples that the audit flags and nobody has reviewed, as in exports",
    )
    audit_id: UUID | None = Field(default=None, description="the audit that flags them")
    confirmed: bool = Field(
        default=False, description="relabel even if nobody knows how many labels that makes worse"
    )


class ParentRequest(Request):
    """The dataset that another is a version of."""

    parent_id: UUID | None = Field(description="null: it is a version of none")


class AgainRequest(Request):
    """Where an audit is to be made again."""

    dataset_id: UUID | None = Field(
        default=None, description="null: the newest version of the audit's dataset that is ready"
    )
    name: Name | None = None


class SplitChanges(BaseModel):
    """What a version changes in one split."""

    split: str
    samples: int = Field(description="that are left")
    relabelled: int
    dropped: int


class Remaining(BaseModel):
    """How many labels of a version are wrong, by random checks of its parent less what people corrected.

    It holds as far as the corrections are right.
    """

    low: float
    high: float
    parent_low: float
    parent_high: float
    corrected: int = Field(description="labels that people found wrong and corrected")
    uncertain: int = Field(description="other new labels: each may correct an error, leave it, or make one")
    dropped: int = Field(
        default=0, description="dropped samples: each may have had a wrong label, so they lower `low` alone"
    )
    rests_on: str
    audit_id: UUID


class PlannedVersionOut(BaseModel):
    """What a version would be if it was made now."""

    number: int
    parent_version: int = Field(default=1, description="number of the version that it is made from")
    name: str
    samples: int
    relabelled: int
    dropped: int
    unsure: int = Field(description="samples that people could not decide; they keep their labels")
    unlooked: int = Field(description="changes to samples that nobody has looked at")
    splits: list[SplitChanges]
    warnings: list[str]
    remaining: Remaining | None
    not_carried: list[str]


class VersionOut(BaseModel):
    """A dataset among its versions."""

    id: UUID
    name: str
    status: Literal["uploading", "ingesting", "ready", "rejected"]
    version: int
    parent_id: UUID | None
    sample_count: int | None
    origin: dict[str, Any] | None


class VersionsOut(BaseModel):
    """The versions of a dataset that were not deleted, the first one first."""

    items: list[VersionOut]


class ChangeOut(BaseModel):
    """A sample that is not the same in both datasets."""

    what: Literal["relabelled", "dropped", "added"]
    key: str
    first_position: int | None
    second_position: int | None
    first_label: str | None
    second_label: str | None
    reviewer: str | None = Field(
        description="who decided so in the first dataset; null: unknown, or nobody looked at it"
    )


class Transition(BaseModel):
    """How many labels of one class became another."""

    first_label: str
    second_label: str
    samples: int


class ComparedDataset(BaseModel):
    """A dataset of a comparison."""

    id: UUID
    name: str
    version: int
    sample_count: int | None


class DatasetComparisonOut(BaseModel):
    """What differs between two datasets, by the content of their samples."""

    first: ComparedDataset
    second: ComparedDataset
    shared: int = Field(description="samples that both have")
    relabelled: int
    dropped: int
    added: int
    transitions: list[Transition] = Field(description="the most frequent first, at most 100")
    changes: list[ChangeOut] = Field(description="relabelled, dropped, added samples, at most `limit`")


class ComparedAudit(BaseModel):
    """The count of an audit of a comparison."""

    id: UUID
    name: str
    dataset: ComparedDataset
    sample_count: int
    flagged: int
    interval: list[float] | None = Field(
        min_length=2, max_length=2, description="wrong labels; null: it cannot tell"
    )
    rests_on: str
    is_checked: bool


class MovedOut(BaseModel):
    """A sample that is suspicious in one of two audits, or was fixed or added between them."""

    state: StateName
    key: str
    first_position: int | None
    second_position: int | None
    first_label: str | None
    second_label: str | None
    suggested_label: str | None
    first_rank: int | None
    second_rank: int | None
    first_score: float | None
    second_score: float | None


class AuditComparisonOut(BaseModel):
    """Two audits side by side."""

    first: ComparedAudit
    second: ComparedAudit
    shared: int = Field(description="samples that both audits ranked")
    difference: Literal["unknown", "within", "beyond"] = Field(
        description="whether the shares of wrong labels differ by more than both intervals"
    )
    detail: str
    caveats: list[str]
    states: dict[StateName, int] = Field(
        description="samples by what became of them: relabelled, dropped, added; flagged only by the second"
        " audit (new_suspect), only by the first one with the same label (cleared), or by both"
    )
    samples: list[MovedOut] = Field(description="at most `limit` of each state")
