"""Request bodies."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    create_model,
    field_validator,
    model_validator,
)
from pydantic_core import core_schema

from models.catalogue.column_types import COLUMN_TYPES, read_column_type
from models.catalogue.methods import ALL_METHODS
from models.catalogue.training_request import FIELDS, SEARCHED_FIELDS, TYPES
from models.catalogue.upload_formats import FORMATS
from models.reading.several_labels.class_cells import refuse_other_labels
from models.reading.several_labels.label_sets import read_separator
from models.reading.table_files import WORDS, parse_delimiter
from models.reading.text_encodings import check_codec


@dataclass(frozen=True)
class OneOf:
    """Annotation that restricts a string to names of the catalogue, like a Literal of them."""

    names: tuple[str, ...]

    def __get_pydantic_core_schema__(self, source: object, handler: object) -> core_schema.CoreSchema:
        """Return the check for Pydantic."""
        return core_schema.literal_schema([*self.names])


def _check_printable(text: str) -> str:
    """Refuse control characters and lone surrogates, which databases or terminals cannot handle."""
    if not text.isprintable():
        raise ValueError("must contain only printable characters")
    return text


CLASSES_MAX = 100_000
"""Of a matrix or a mapping; the size of the body is the narrower limit."""
FIELDS_MAX = 200
"""Of any request; the largest has fewer than a hundred."""
Row = Annotated[list[float], Field(max_length=CLASSES_MAX, fail_fast=True)]
CIFAR10_PAIRS = {"truck": "automobile", "bird": "airplane", "deer": "horse", "cat": "dog"}
Format = Annotated[str, OneOf(FORMATS)]
Method = Annotated[str, OneOf(tuple(ALL_METHODS))]
Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200, strip_whitespace=True),
    AfterValidator(_check_printable),
]


def _check_separator(text: str) -> str:
    read_separator(text)
    return text


def _check_column_type(choice: str) -> str:
    read_column_type(choice)
    return choice


class Request(BaseModel):
    """A request body; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _check_field_count(cls, fields: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
        """Refuse a body of very many fields at once: each unknown one would be an error of its own."""
        if isinstance(fields, dict) and len(fields) > FIELDS_MAX:
            raise ValueError(f"expected at most {FIELDS_MAX} fields; found {len(fields)}")
        return fields


class DatasetOptions(Request):
    """How to read an upload. Omitted fields are detected from the content."""

    format: Format | None = Field(default=None, description="see docs/formats.md")
    image_size: int | None = Field(
        default=None, ge=8, le=512, description="side of the stored square images, in pixels"
    )
    label_column: Name | None = None
    label_separator: Annotated[Name, AfterValidator(_check_separator)] | None = Field(
        default=None,
        description="what separates the classes if samples have several each: up to three characters such as"
        " ; or |, or the word space",
    )
    class_columns: list[Name] = Field(
        default=[],
        max_length=1000,
        description="columns of 0 and 1 that are a class each, if samples have several: by name, or as"
        " first..last",
    )
    key_column: Name | None = None
    truth_column: Name | None = None
    split_column: Name | None = None
    include_columns: list[Name] = Field(
        default=[],
        max_length=1000,
        description="columns that are features although their names say otherwise",
    )
    exclude_columns: list[Name] = Field(
        default=[], max_length=1000, description="columns of a table that are not used"
    )
    column_types: list[Annotated[Name, AfterValidator(_check_column_type)]] = Field(
        default=[],
        max_length=1000,
        description="types of columns of a table, each as COLUMN=TYPE with a type of "
        + ", ".join(COLUMN_TYPES),
    )
    encoding: Name | None = Field(
        default=None, description="of texts that are not UTF-8, such as cp1252 or utf-16"
    )
    delimiter: Name | None = Field(
        default=None, description="of tables of text: one character such as ; or |, or the words tab or space"
    )
    sheet: Name | None = Field(default=None, description="sheet of an Excel workbook")
    class_folder: int | None = Field(
        default=None, ge=1, le=8, description="which folder below the root is the class: 1 for the first"
    )

    @model_validator(mode="after")
    def _check_labels(self) -> "DatasetOptions":
        others = {name: getattr(self, name) for name in ("label_column", "label_separator", "truth_column")}
        refuse_other_labels(self.class_columns, others)
        return self

    @field_validator("encoding")
    @classmethod
    def _check_encoding(cls, name: str | None) -> str | None:
        return None if name is None else check_codec(name)

    @field_validator("delimiter", mode="before")
    @classmethod
    def _check_delimiter(cls, text: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
        return WORDS.get(parse_delimiter(text) or "", text) if isinstance(text, str) else text


class DatasetRequest(DatasetOptions):
    """A new dataset; it is empty until files are uploaded, or read in their place."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "letters", "label_column": "letter", "key_column": "row"}]}
    )

    name: Name = Field(examples=["flowers, batch 7"])
    place: Annotated[str, StringConstraints(max_length=2000), AfterValidator(_check_printable)] | None = (
        Field(
            default=None,
            description="where pictures lie that are read there and not uploaded: a folder of the server,"
            " s3://bucket/prefix, hf://datasets/OWNER/NAME, or the address of a table of addresses",
        )
    )


class Rehearsal(Request):
    """Known label errors to plant in a copy of the labels, to measure how many of them the audit finds.

    `{}` plants a small share of uniform noise. The planted samples are not part of the audit's ranking.
    """

    noise: Literal["uniform", "pair", "confusion"] = "uniform"
    rate: float | None = Field(
        default=None, gt=0, lt=1, description="share of labels to change, for uniform and pair noise"
    )
    mapping: dict[str, str] | Literal["cifar10"] | None = Field(
        default=None,
        description="for pair noise: class name to wrong class name; 'cifar10': the paper's four pairs",
    )
    matrix: list[Row] | None = Field(
        default=None,
        max_length=CLASSES_MAX,
        fail_fast=True,
        description="for confusion noise: row i holds the probabilities of the labels of class i",
    )
    seed: int = Field(default=0, ge=0, lt=2**31)

    @field_validator("mapping", mode="before")
    @classmethod
    def _check_mapping(cls, mapping: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
        """Refuse a wrong mapping with one error, however many wrong values it has."""
        if isinstance(mapping, dict) and not all(isinstance(value, str) for value in mapping.values()):
            raise ValueError("expected class names as values")
        return mapping

    @field_validator("mapping")
    @classmethod
    def _resolve_mapping(cls, mapping: dict[str, str] | str | None) -> dict[str, str] | str | None:
        return dict(CIFAR10_PAIRS) if mapping == "cifar10" else mapping

    @model_validator(mode="after")
    def _check_parameters(self) -> Self:
        required: set[str] = {"uniform": set(), "pair": {"mapping"}, "confusion": {"matrix"}}[self.noise]
        optional = set() if self.noise == "confusion" else {"rate"}
        present = {name for name in ("rate", "mapping", "matrix") if getattr(self, name) is not None}
        if not required <= present <= required | optional:
            raise ValueError(
                f"{self.noise} noise needs {sorted(required)} and accepts {sorted(optional)},"
                f" found {sorted(present)}"
            )
        return self


def _make_request_field(name: str) -> Any:  # noqa: ANN401 - a computed type and a field
    """Return the type and the range of a training field by the catalogue."""
    facts, accepted = FIELDS[name], TYPES[name]
    if facts.choices:
        accepted = Annotated[str, OneOf(facts.choices)] | None
    return accepted, Field(
        default=None,
        ge=facts.least,
        gt=facts.above,
        le=facts.most,
        pattern=facts.pattern,
        description=facts.description,
    )


Training = create_model("Training", __base__=Request, **{name: _make_request_field(name) for name in FIELDS})
"""The options of one training. The service chooses omitted fields by the data and the device."""


class Compared(Training):
    """One of several trainings to compare: the fields that differ from the audit's configuration."""

    initialise: Literal["none", "ce"] | None = None


def _make_values_field(name: str) -> Any:  # noqa: ANN401 - a computed type and a field
    """Return the type of a list of values for a training field."""
    facts = FIELDS[name]
    value = Annotated[float, Field(ge=facts.least, gt=facts.above, le=facts.most)]
    return list[value] | None, Field(default=None, min_length=1, max_length=20, fail_fast=True)


Grid = create_model("Grid", __base__=Request, **{name: _make_values_field(name) for name in SEARCHED_FIELDS})
Grid.__doc__ = "Values to try in every combination; a method uses only the fields that it has."


class AuditConfiguration(Training):
    """The trainings of an audit: one, or several by search, comparison and repetition."""

    initialise: Literal["none", "ce"] = Field(
        default="none",
        description="'ce': start the network that is fitted to the labels from a cross-entropy run of the"
        " same audit: the gradient predictor, or the classifier of methods without one",
    )
    seed: int = Field(default=0, ge=0, lt=2**31)
    repeats: int = Field(
        default=1,
        ge=1,
        le=20,
        description="trainings of each variant, each with its own seed and held-out samples; their signals"
        " are averaged (an ensemble), and their results get a mean and a standard deviation",
    )
    search: Literal["paper"] | Grid | None = Field(
        default=None,
        description="hyperparameters to choose by the accuracy on held-out given labels: 'paper' for the"
        " paper's grid of the method, or lists of values",
    )
    compare: list[Method | Compared] | None = Field(
        default=None,
        min_length=1,
        max_length=50,
        fail_fast=True,
        description="methods or configurations to train and compare; the scores come from the one with"
        " the best accuracy on held-out given labels",
    )
    device: Literal["any", "cpu", "gpu"] | None = Field(
        default=None, description="device to train on; if omitted, the service's setting, else any"
    )
    device_memory_gb: float | None = Field(
        default=None,
        gt=0,
        le=10_000,
        description="minimum memory of the training device in 10^9 bytes; of the GPU unless device is cpu",
    )
    rehearsal: Rehearsal | None = Field(
        default=None, description="plant known label errors, to measure how many of them the audit finds"
    )


class AuditRequest(Request):
    """A new audit of a ready dataset."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "dataset_id": "01a203c1-e847-712f-bcc3-2f4681fd3091",
                    "name": "before the release",
                    "configuration": {"method": "limit_l", "beta": 1.0, "seed": 7},
                }
            ]
        }
    )

    dataset_id: UUID
    name: Name | None = None
    configuration: AuditConfiguration = AuditConfiguration()
