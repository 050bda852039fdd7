"""What the API takes."""

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

from models.catalogue.methods import ALL_METHODS
from models.catalogue.training_request import FIELDS, SEARCHED_FIELDS, TYPES
from models.catalogue.upload_formats import FORMATS


@dataclass(frozen=True)
class OneOf:
    """Makes a text one of the catalogue's names, as a Literal of them would."""

    names: tuple[str, ...]

    def __get_pydantic_core_schema__(self, source: object, handler: object) -> core_schema.CoreSchema:
        """Return how such a text is checked."""
        return core_schema.literal_schema([*self.names])


def _printable(text: str) -> str:
    """Refuse what neither a database nor a terminal can take: control characters and lone surrogates."""
    if not text.isprintable():
        raise ValueError("must hold printable characters alone")
    return text


CIFAR10_PAIRS = {"truck": "automobile", "bird": "airplane", "deer": "horse", "cat": "dog"}
Format = Annotated[str, OneOf(FORMATS)]
Method = Annotated[str, OneOf(tuple(ALL_METHODS))]
Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200, strip_whitespace=True),
    AfterValidator(_printable),
]


class Request(BaseModel):
    """A body: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class DatasetOptions(Request):
    """How to read an upload. Whatever is left out is recognised from the content."""

    format: Format | None = Field(default=None, description="see docs/formats.md")
    image_size: int | None = Field(default=None, ge=8, le=512, description="side of the stored pixels")
    label_column: Name | None = None
    key_column: Name | None = None
    truth_column: Name | None = None
    split_column: Name | None = None


class DatasetRequest(DatasetOptions):
    """A new dataset, empty until a file is put into it."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "letters", "label_column": "letter", "key_column": "row"}]}
    )

    name: Name = Field(examples=["flowers, batch 7"])


class Rehearsal(Request):
    """Known label errors, planted in a copy of the labels, to learn how many of them are found.

    `{}` plants a small share of uniform noise. The planted samples are no part of the audit's ranking.
    """

    noise: Literal["uniform", "pair", "confusion"] = "uniform"
    rate: float | None = Field(default=None, gt=0, lt=1, description="of uniform and pair noise")
    mapping: dict[str, str] | Literal["cifar10"] | None = Field(
        default=None,
        description="pair: class name to class name; 'cifar10' for the paper's four pairs",
    )
    matrix: list[list[float]] | None = Field(
        default=None, description="confusion: row i, the probabilities of what class i becomes"
    )
    seed: int = Field(default=0, ge=0, lt=2**31)

    @field_validator("mapping")
    @classmethod
    def _by_name(cls, mapping: dict[str, str] | str | None) -> dict[str, str] | str | None:
        return dict(CIFAR10_PAIRS) if mapping == "cifar10" else mapping

    @model_validator(mode="after")
    def _complete(self) -> Self:
        needed: set[str] = {"uniform": set(), "pair": {"mapping"}, "confusion": {"matrix"}}[self.noise]
        optional = set() if self.noise == "confusion" else {"rate"}
        given = {name for name in ("rate", "mapping", "matrix") if getattr(self, name) is not None}
        if not needed <= given <= needed | optional:
            raise ValueError(
                f"{self.noise} noise needs {sorted(needed)} and may have {sorted(optional)},"
                f" found {sorted(given)}"
            )
        return self


def _request_field(name: str) -> Any:  # noqa: ANN401 - a type that is made here, and a field
    """Return the type and the range of one of a training's fields, out of the catalogue."""
    facts, accepted = FIELDS[name], TYPES[name]
    if facts.choices:
        accepted = Annotated[str, OneOf(facts.choices)] | None
    return accepted, Field(
        default=None, ge=facts.least, gt=facts.above, le=facts.most, description=facts.description
    )


Training = create_model("Training", __base__=Request, **{name: _request_field(name) for name in FIELDS})
"""What one training may be told. Every field left out is chosen from the data and the device."""


class Compared(Training):
    """One of several trainings to compare: what it has of its own beside the audit's configuration."""

    initialise: Literal["none", "ce"] | None = None


def _values_field(name: str) -> Any:  # noqa: ANN401 - the same
    """Return the type of several values for one field."""
    facts = FIELDS[name]
    value = Annotated[float, Field(ge=facts.least, gt=facts.above, le=facts.most)]
    return list[value] | None, Field(default=None, min_length=1, max_length=20)


Grid = create_model("Grid", __base__=Request, **{name: _values_field(name) for name in SEARCHED_FIELDS})
Grid.__doc__ = "Values to try, every combination of them; a method takes part with the fields that it knows."


class AuditConfiguration(Training):
    """What an audit trains: one training, or several that are searched, compared and repeated."""

    initialise: Literal["none", "ce"] = Field(
        default="none", description="'ce': start the classifier from a cross-entropy run of the same audit"
    )
    seed: int = Field(default=0, ge=0, lt=2**31)
    repeats: int = Field(
        default=1,
        ge=1,
        le=20,
        description="trainings of each variant, with seeds and held-out samples of their own; their signals"
        " are averaged (an ensemble), their figures have a mean and a standard deviation",
    )
    search: Literal["paper"] | Grid | None = Field(
        default=None,
        description="values to choose between by the accuracy on held-out given labels: 'paper' for the grid"
        " that the paper has for the method, or lists of values",
    )
    compare: list[Method | Compared] | None = Field(
        default=None,
        min_length=1,
        max_length=50,
        description="methods or configurations to train side by side; the scores come from the best on"
        " held-out given labels",
    )
    device: Literal["any", "cpu", "gpu"] | None = Field(
        default=None, description="what may train it; left out, as the service is set, else any"
    )
    device_memory_gb: float | None = Field(
        default=None,
        gt=0,
        le=10_000,
        description="least memory of the device that trains it, in 10^9 bytes; of a GPU unless device is cpu",
    )
    rehearsal: Rehearsal | None = Field(
        default=None, description="audit labels with planted errors, to learn how many of them are found"
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
