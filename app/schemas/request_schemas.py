"""What the API takes."""

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

Format = Literal[
    "class_folders",
    "manifest",
    "list_files",
    "npz",
    "idx",
    "cifar_python",
    "cifar_binary",
    "parquet_images",
    "parquet_features",
    "csv",
]


def _printable(text: str) -> str:
    """Refuse what neither a database nor a terminal can take: control characters and lone surrogates."""
    if not text.isprintable():
        raise ValueError("must hold printable characters alone")
    return text


CIFAR10_PAIRS = {"truck": "automobile", "bird": "airplane", "deer": "horse", "cat": "dog"}
Method = Literal[
    "limit",
    "limit_c",
    "limit_g",
    "limit_l",
    "ce",
    "ce_gn",
    "ce_ln",
    "mae",
    "fw",
    "dmi",
    "soft_regularisation",
    "probabilities",
]
Backbone = Literal[
    "resnet18", "resnet50", "mobilenet_v3_small", "efficientnet_b0", "convnext_tiny", "vit_b_16"
]
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


class Training(Request):
    """What one training may be told. Every field left out is chosen from the data and the device."""

    method: Method | None = Field(
        default=None,
        description="LIMIT with Gaussian or Laplace gradients, or a baseline of the paper; fw and dmi start"
        " from a cross-entropy run of the same audit; 'probabilities' ranks what was attached to the dataset"
        " and trains nothing",
    )
    network: (
        Literal[
            "mlp", "mnist_cnn", "small_cnn", "photo_cnn", "resnet34_cifar", "resnet50",
            "pretrained_resnet18", "pretrained_resnet50", "pretrained_mobilenet_v3_small",
            "pretrained_efficientnet_b0", "pretrained_convnext_tiny", "pretrained_vit_b_16",
        ]
        | None
    ) = Field(
        default=None,
        description="pretrained_...: fine-tune this network of torchvision, classifier and predictor alike",
    )  # fmt: skip
    backbone: Backbone | None = Field(
        default=None,
        description="pictures alone: train the MLP on the features of this pretrained network of torchvision",
    )
    input_size: int | None = Field(default=None, ge=8, le=512, description="pixels, at most the pack's")
    beta: float | None = Field(
        default=None, ge=0, le=1000, description="weight of ||mu||^2, eq. (10) and (8)"
    )
    soft_lambda: float | None = Field(default=None, ge=1e-9, le=1e6, description="lambda of eq. (8)")
    noise_std: float | None = Field(default=None, ge=1e-6, le=1e3, description="of ce_gn and ce_ln")
    dropout: float | None = Field(default=None, ge=0, le=0.99)
    weight_decay: float | None = Field(default=None, ge=0, le=10)
    validation_fraction: float | None = Field(
        default=None, ge=0, le=0.95, description="held out, with given labels, to choose the best network"
    )
    patience: int | None = Field(
        default=None,
        ge=0,
        le=100_000,
        description="epochs without a better validation accuracy; 0: off",
    )
    stable_correlation: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="ends training once the rankings of two epochs correlate so well, twice in a row; 0: off",
    )
    compiled: bool | None = Field(default=None, description="make kernels for the networks; for GPUs")
    sample_gradients: bool | None = Field(default=None, description="+S: train on samples instead of means")
    noise_lambda: float | None = Field(default=None, ge=1e-6, le=1e6, description="lambda of +S")
    warm_up_epochs: int | None = Field(
        default=None, ge=0, le=10_000, description="epochs of the predictor alone"
    )
    epochs: int | None = Field(default=None, ge=1, le=10_000)
    batch_size: int | None = Field(default=None, ge=2, le=65_536)
    learning_rate: float | None = Field(default=None, gt=0, le=10)
    schedule: Literal["constant", "one_cycle"] | None = None
    augmentation: Literal["none", "flip_crop", "resize_crop_flip"] | None = None
    signal_decay: float | None = Field(
        default=None, ge=0, le=1, description="of the average over epochs; default: by agreement"
    )
    score: Literal["margin", "average", "last", "neighbours"] | None = Field(
        default=None,
        description="what ranks: the averaged margin and the confusions of classes; the distance, averaged or"
        " last; or the share of the nearest neighbours with another label, the margin among equals and where"
        " no features are kept",
    )
    precision: Literal["fp32", "bf16"] | None = None

    @model_validator(mode="after")
    def _warm_up_ends(self) -> Self:
        if self.epochs is not None and (self.warm_up_epochs or 0) >= self.epochs:
            raise ValueError(
                f"warm_up_epochs must be less than epochs, found {self.warm_up_epochs} and {self.epochs}"
            )
        return self


class Compared(Training):
    """One of several trainings to compare: what it has of its own beside the audit's configuration."""

    initialise: Literal["none", "ce"] | None = None


Values = Field(default=None, min_length=1, max_length=20)


class Grid(Request):
    """Values to try, every combination of them; a method takes part with the fields that it knows."""

    beta: list[Annotated[float, Field(ge=0, le=1000)]] | None = Values
    noise_lambda: list[Annotated[float, Field(ge=1e-6, le=1e6)]] | None = Values
    noise_std: list[Annotated[float, Field(ge=1e-6, le=1e3)]] | None = Values
    soft_lambda: list[Annotated[float, Field(ge=1e-9, le=1e6)]] | None = Values
    learning_rate: list[Annotated[float, Field(gt=0, le=10)]] | None = Values
    dropout: list[Annotated[float, Field(ge=0, le=0.99)]] | None = Values
    weight_decay: list[Annotated[float, Field(ge=0, le=10)]] | None = Values


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
