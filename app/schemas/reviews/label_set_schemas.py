"""Requests and answers about samples with several labels."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from app.label_sets.class_views import VIEWS_MAX
from app.schemas.request_schemas import Name, Request
from app.schemas.reviews.review_schemas import Reviewer
from app.schemas.shared_schemas import Page, Probability

ClassName = Field(max_length=1000)


class ClassViewsRequest(Request):
    """The classes to audit, of a dataset whose samples have several labels."""

    classes: list[str] | None = Field(
        default=None,
        max_length=VIEWS_MAX,
        description="null: every class that five samples or more have, and as many do not",
    )


class ClassAuditOut(BaseModel):
    """The newest audit of a class."""

    id: UUID
    status: Literal["queued", "running", "succeeded", "failed", "cancelled"]
    flagged: int | None = Field(description="samples that the automatic cut flags; null: not ready")
    count: float | None = Field(
        description="expected number of samples that wrongly have or lack the class; null: cannot tell yet"
    )
    interval: list[float] | None = Field(
        min_length=2, max_length=2, description="95 % interval of that number; null: cannot tell yet"
    )
    rests_on: str | None = Field(description="random checks in words; null: the audit's own evidence")


class ClassViewOut(BaseModel):
    """A class, and the dataset that tells which samples have it."""

    class_name: str
    samples: int = Field(description="that have it by the given labels")
    dataset_id: UUID | None = Field(description="of the view; null: there is none")
    status: Literal["uploading", "ingesting", "ready", "rejected"] | None
    audit: ClassAuditOut | None = Field(description="null: it was not audited")
    not_audited: str | None = Field(
        default=None, description="why this class is never audited, in words; null: it can be"
    )


class ClassViewsOut(BaseModel):
    """The classes of a dataset with sets of labels, those of most samples first."""

    items: list[ClassViewOut]


class LabelDoubt(BaseModel):
    """What the audit of one class says of one sample."""

    class_name: str
    is_given: bool = Field(description="whether the sample has the class by its given labels")
    error_probability: Probability | None = Field(
        description="that this is wrong; null: the audit may not claim it"
    )
    is_flagged: bool
    rank: int
    verdict: Literal["keep", "relabel", "drop", "unsure"] | None
    version: int | None = Field(description="of the verdict, to replace it")


class RankedSetOut(BaseModel):
    """A sample with its labels and what is doubtful about them."""

    position: int
    key: str
    image_url: str | None
    given: list[str]
    final: list[str] = Field(description="after the review")
    is_dropped: bool
    doubts: list[LabelDoubt] = Field(description="of every audited class, the most doubtful first")


class RankedSetPage(Page[RankedSetOut]):
    """Samples in order of the most doubtful of their labels."""


class LabelSetRequest(Request):
    """Which labels a sample has."""

    labels: list[str] = Field(max_length=VIEWS_MAX, description="all classes that it has")
    asked: list[str] = Field(
        max_length=VIEWS_MAX,
        description="the classes that the reviewer looked at; others get a verdict only if they change",
    )
    seen: dict[Name, Annotated[int, Field(ge=0, lt=2**63)]] = Field(
        default={},
        max_length=VIEWS_MAX,
        description="version of the verdict to replace, by class; a class without one has no verdict yet",
    )
    is_dropped: bool = Field(default=False, description="leave the sample out of the corrected dataset")
    reviewer: Reviewer = None
