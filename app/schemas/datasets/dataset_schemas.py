"""Answers about datasets."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field, WithJsonSchema

from app.schemas.datasets.source_schemas import OwnColumn
from app.schemas.shared_schemas import BoxOut, Failure
from models.catalogue.kinds import KINDS

KindName = Annotated[str, WithJsonSchema({"type": "string", "enum": [*KINDS]})]


class FileOut(BaseModel):
    """A stored uploaded file."""

    name: str
    bytes: int
    sha256: str


class PlaceOut(BaseModel):
    """Where the files of a dataset lie."""

    kind: Literal["folder", "bucket", "table", "hub"]
    url: str = Field(description="without the query of an address, which may contain a signature")


class PlaceCheckOut(BaseModel):
    """What differed between a dataset and its place."""

    checked_at: datetime
    new: int
    changed: int
    gone: int
    unchanged: int
    examples: dict[str, list[str]] = Field(description="the first names of the files that differ")


class LineageOut(BaseModel):
    """The place of a dataset among its versions."""

    root_id: UUID = Field(description="the first version's id, also if that was deleted")
    parent_id: UUID | None = Field(description="the version that it was made from; null: none, or deleted")
    version: int = Field(description="1, 2, ... within one root")
    origin: dict[str, Any] | None = Field(
        description="how it became a version: `how` is decisions, content, by_hand or place; the parent's"
        " name and version, what changed, what was carried over and what was not"
    )
    relatives: list[dict[str, Any]] | None = Field(
        description="datasets that had the same samples when it was read, with what differs, the nearest"
        " first; PUT /v1/datasets/{id}/parent makes it a version of one of them"
    )


class DatasetOut(BaseModel):
    """A dataset, with the format, classes and shape that were detected."""

    id: UUID
    name: str
    status: Literal["uploading", "ingesting", "ready", "rejected"]
    created_at: datetime
    ready_at: datetime | None
    format: str | None
    kind: KindName | None
    sample_count: int | None
    class_names: list[str] | None = Field(description="in a list of datasets: the first 100")
    class_count: int | None
    shape: list[int] | None = Field(description="shape of one sample in training: [H, W, C] or [D]")
    statistics: dict[str, Any] | None
    understood: dict[str, Any] | None = Field(
        description="how the upload was read: columns, classes as spelled, scale, what was guessed"
    )
    problem_count: int | None
    own_columns: list[OwnColumn] = Field(description="your own columns about the samples; never features")
    has_truth: bool
    has_probabilities: bool
    progress: dict[str, Any] | None
    error: Failure | None
    lineage: LineageOut
    has_label_sets: bool = Field(
        default=False, description="whether samples have several labels each, of which a class is a set"
    )
    view_of: UUID | None = Field(
        default=None, description="the dataset with sets of labels of which this one tells one class"
    )
    view_class: str | None = Field(default=None, description="the class that this dataset tells")
    files: list[FileOut]
    place: PlaceOut | None = Field(description="where its files lie; null: they were uploaded")
    place_check: PlaceCheckOut | None = Field(description="what differed when the place was last compared")


class ClassesOut(BaseModel):
    """Classes of a dataset: those that begin with the text first."""

    items: list[str]
    class_count: int = Field(description="all classes of the dataset")


class ProblemOut(BaseModel):
    """A sample that was left out, or a warning about it; `key` names the sample."""

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
    box: BoxOut | None = Field(description="where it lies in its picture; null: it is a whole one")


class SampleDetail(SampleOut):
    """One sample with its values."""

    features: list[float | str | None] | None = Field(
        description="the sample's row of features, of a table its cells; null for images"
    )
    feature_names: list[str] | None


class ProbabilitiesOut(BaseModel):
    """Result of attaching predicted probabilities."""

    attached: int = Field(description="number of samples that have probabilities now")


class TruthOut(BaseModel):
    """Result of attaching correct labels."""

    attached: int = Field(description="number of samples that have a correct label now")
    differing: int = Field(description="number of samples whose given label is not the correct label")
