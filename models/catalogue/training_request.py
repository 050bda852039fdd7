"""The options of one training: every field with its type, its range and its texts for people.

The API's body, the form of a new audit and the check of a configuration are all made from this class.
`TrainingConfig` says what the fields mean to the training.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from dataclasses import field as dataclass_field
from typing import Any, Self, get_type_hints

from models.catalogue.choices import AUGMENTATIONS, PRECISIONS, SCHEDULES, SCORES
from models.catalogue.encoders import REQUESTED
from models.catalogue.methods import ALL_METHODS
from models.catalogue.networks import BACKBONES, NETWORKS

_FACTS = "facts"


@dataclass(frozen=True, kw_only=True)
class FieldFacts:
    """The facts of one field."""

    choices: tuple[str, ...] = ()
    """The names allowed; empty: the field is not a choice of names."""
    pattern: str | None = None
    """The form of a name that is not one of fixed choices, a regular expression."""
    least: float | None = None
    """The smallest number allowed; None with `above`, and if the field is not a number."""
    above: float | None = None
    """The number must be greater than this."""
    most: float | None = None
    """The largest number allowed."""
    is_whole: bool = False
    """Whether the field is a whole number."""
    description: str | None = None
    """Its description in the OpenAPI document."""
    label: str | None = None
    """Its label in the form of a new audit; None: the form does not offer it."""
    hint: str = ""
    """The text below the field in that form."""

    def is_allowed(self, value: float) -> bool:
        """Return whether a finite number lies in the range."""
        is_enough = self.least is None or value >= self.least
        is_more = self.above is None or value > self.above
        return is_enough and is_more and (self.most is None or value <= self.most)

    def describe_range(self) -> str:
        """Return the range in words, "between 0 and 1"."""
        if self.above is not None:
            return f"above {self.above:g} and at most {self.most:g}"
        return f"between {self.least:g} and {self.most:g}"


def _make_field(**facts: Any) -> Any:  # noqa: ANN401 - FieldFacts checks the facts; dataclasses.field returns Any
    return dataclass_field(default=None, metadata={_FACTS: FieldFacts(**facts)})


@dataclass(frozen=True, kw_only=True)
class TrainingRequest:
    """The options of one training; None: chosen from the data and the device."""

    method: str | None = _make_field(
        choices=tuple(ALL_METHODS),
        description="LIMIT with Gaussian or Laplace gradients, or a baseline of the paper; fw and dmi start"
        " from a cross-entropy run of the same audit; 'probabilities' trains nothing and ranks the"
        " probabilities attached to the dataset",
    )
    network: str | None = _make_field(
        choices=tuple(NETWORKS),
        description="pretrained_...: fine-tune this torchvision network, both as classifier and as predictor",
        label="Network",
        hint="Chosen from the size of the pictures and the device. A larger network separates finer classes"
        " and takes longer.",
    )
    encoder: str | None = _make_field(
        pattern=REQUESTED,
        description="for pictures and texts: train the MLP on the features of this encoder, NAME or, of"
        " pictures, NAME@SIDE with the side in pixels; none: train on the pixels or the terms of the texts."
        " docs/photographs.md lists encoders of pictures, docs/text.md says how to add one of texts",
    )
    backbone: str | None = _make_field(
        choices=tuple(BACKBONES),
        description="deprecated: the former name of encoder",
    )
    input_size: int | None = _make_field(
        least=8, most=512, description="pixels, at most the side of the stored images"
    )
    beta: float | None = _make_field(
        least=0,
        most=1000,
        description="weight of ||mu||^2, eq. (10) and (8)",
        label="β, weight of the gradient's norm",
        hint="Higher values keep the predictor from memorising labels. 0 to 1000; the paper: 0 to 100.",
    )
    soft_lambda: float | None = _make_field(least=1e-9, most=1e6, description="lambda of eq. (8)")
    noise_std: float | None = _make_field(
        least=1e-6, most=1e3, description="standard deviation of the gradient noise of ce_gn and ce_ln"
    )
    dropout: float | None = _make_field(least=0, most=0.99)
    weight_decay: float | None = _make_field(least=0, most=10)
    folds: int | None = _make_field(
        least=1,
        most=50,
        description="number of parts of the labels; each part has one predictor that does not learn it;"
        " 1: the paper's training; by default 4, or 1 with large networks",
    )
    blind_fraction: float | None = _make_field(
        least=0,
        most=0.5,
        description="with one fold: share of the labels that no network learns; by default 0.1, but 0 if"
        " folds are set",
    )
    validation_fraction: float | None = _make_field(
        least=0,
        most=0.95,
        description="share of the samples that is held out, with given labels, to choose the best network",
    )
    patience: int | None = _make_field(
        least=0,
        most=100_000,
        description="training ends after this many epochs without a better validation accuracy; 0: off",
    )
    stable_correlation: float | None = _make_field(
        least=0,
        most=1,
        description="training ends once the rankings of consecutive epochs have at least this correlation,"
        " twice in a row; 0: off",
    )
    compiled: bool | None = _make_field(description="compile the networks' kernels (torch.compile); for GPUs")
    sample_gradients: bool | None = _make_field(
        description="+S: train on samples of the predicted gradients instead of their means"
    )
    noise_lambda: float | None = _make_field(least=1e-6, most=1e6, description="lambda of +S")
    warm_up_epochs: int | None = _make_field(
        least=0, most=10_000, description="first epochs, in which only the predictor learns"
    )
    epochs: int | None = _make_field(
        least=1,
        most=10_000,
        label="Epochs",
        hint="Passes over the data. With too few, hard samples look wrong; with too many, wrong labels are"
        " learned.",
    )
    batch_size: int | None = _make_field(
        least=2, most=65_536, label="Batch size", hint="Samples per step. Larger ones use a GPU better."
    )
    learning_rate: float | None = _make_field(
        above=0,
        most=10,
        label="Learning rate",
        hint="The optimiser's largest step. Chosen for the network.",
    )
    schedule: str | None = _make_field(choices=tuple(SCHEDULES))
    augmentation: str | None = _make_field(
        choices=tuple(AUGMENTATIONS),
        label="Augmentation",
        hint="Random changes to pictures in training. Choose none if a mirrored picture is another class, as"
        " with digits.",
    )
    signal_decay: float | None = _make_field(
        least=0,
        most=1,
        description="weight that an epoch's signals keep in every later epoch; default: epochs are weighted"
        " by agreement with the labels",
    )
    score: str | None = _make_field(
        choices=tuple(SCORES),
        description="orders the ranking: the given label against its best rival, averaged over epochs and the"
        " networks that learn it, with the confusions of classes; the distance, averaged or last; or the"
        " share of the nearest neighbours with another label (ties, and trainings that keep no features, are"
        " ordered by the margin)",
        label="Score that ranks",
        hint=" ".join(f"{name}: {does}." for name, does in SCORES.items()),
    )
    precision: str | None = _make_field(choices=tuple(PRECISIONS))

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> Self:
        """Return the request in a stored document, and ignore the document's other keys.

        The document can be from an older version: removed fields are ignored, new fields are None.
        """
        return cls(**{name: stored[name] for name in FIELDS if name in stored})

    @property
    def encoder_name(self) -> str | None:
        """The encoder, also by its field's former name; None: not requested."""
        return self.encoder if self.encoder is not None else self.backbone

    def list_given(self) -> dict[str, Any]:
        """Return the fields that are set, by name."""
        values = {name: getattr(self, name) for name in FIELDS}
        return {name: value for name, value in values.items() if value is not None}


TYPES: Mapping[str, Any] = get_type_hints(TrainingRequest)
"""The type of every field by its name, such as `int | None`."""
FIELDS: Mapping[str, FieldFacts] = {
    field.name: replace(field.metadata[_FACTS], is_whole=TYPES[field.name] == int | None)
    for field in fields(TrainingRequest)
}
"""The facts of every field by its name, in the order of the OpenAPI document."""
FORM_FIELDS = ("network", "epochs", "beta", "learning_rate", "batch_size", "augmentation", "score")
"""The fields in the form of a new audit besides the method, in order."""
SEARCHED_FIELDS = (
    "beta", "noise_lambda", "noise_std", "soft_lambda", "learning_rate", "dropout", "weight_decay",
)  # fmt: skip
"""The fields for which a search can try several values; the values of the last one change fastest."""
