"""Answers about datasets."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field, WithJsonSchema

from app.schemas.shared_schemas import Failure
from models.catalogue.kinds import KINDS

KindName = Annotated[str, WithJsonSchema({"type": "string", "enum": [*KINDS]})]


class FileOut(BaseModel):
    """An uploaded file as it was stored."""

    name: str
    bytes: int
    sha256: str


class DatasetOut(BaseModel):
    """A dataset and what was recognised in it."""

    id: UUID
    name: str
    status: Literal["uploading", "ingesting", "ready", "rejected"]
    created_at: datetime
    ready_at: datetime | None
    format: str | None
    kind: KindName | None
    sample_count: int | None
    class_names: list[str] | None
    shape: list[int] | None = Field(description="[H, W, C] or [D] of one sample as it is trained on")
    statistics: dict[str, Any] | None
    problem_count: int | None
    has_truth: bool
    has_probabilities: bool
    progress: dict[str, Any] | None
    error: Failure | None
    files: list[FileOut]


class ProblemOut(BaseModel):
    """A sample that was left out, or a peculiarity, with the key that names it."""

    number: int
    key: str
    code: str
    detail: str


class SampleOut(BaseModel):
    """One sample of a dataset."""

    position: int
    key: str
    split: str | None
    given_label: str
    true_label: str | None
    width: int | None
    height: int | None
    image_url: str | None


class ProbabilitiesOut(BaseModel):
    """What attaching predicted probabilities came to."""

    attached: int = Field(description="samples")


class TruthOut(BaseModel):
    """What attaching clean labels came to."""

    attached: int
    differing: int = Field(description="samples whose given label is not the true one")
