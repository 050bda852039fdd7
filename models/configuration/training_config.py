"""The frozen configuration of one training, and its completion from a user's options."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

from models.catalogue.kinds import find_kind
from models.catalogue.methods import METHODS
from models.catalogue.networks import NETWORKS, SMALLEST_SIDE
from models.catalogue.training_request import FIELDS
from models.configuration.defaults import CHOICES, Situation
from models.configuration.device_traits import read_traits
from models.configuration.invalid_configuration import InvalidConfiguration

SEED_MAX = 2**63 - 1


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """Everything that decides a training's numbers; invalid values raise InvalidConfiguration."""

    method: str
    """The training method, a key of `METHODS`; some methods need an initial state."""
    network: str
    """Architecture of classifier and gradient predictor, a key of `NETWORKS`."""
    input_size: int | None
    """Side length in pixels of the images fed to the network; None for features."""
    beta: float
    """Weight of the penalty on ||mu||^2, beta of eq. 10 and eq. 8; >= 0. For methods with a predictor."""
    sample_gradients: bool
    """The paper's "+S": train the classifier with a sample of the predicted distribution, not its mean."""
    noise_lambda: float
    """lambda of "+S", > 0: Gaussian noise of variance 1 / (2 lambda), Laplace noise of scale 1 / lambda."""
    noise_std: float
    """Standard deviation, > 0, of the noise that "ce_gn" and "ce_ln" add to the gradient at the logits."""
    soft_lambda: float
    """lambda of eq. 8, > 0: the weight of the penalty on the prediction's error."""
    dropout: float
    """Probability in [0, 1) with which a unit is dropped; `architectures` says where."""
    weight_decay: float
    """L2 penalty that Adam adds to every parameter's gradient, >= 0."""
    warm_up_epochs: int
    """The first epochs, counted in `epochs`, in which only the predictor learns; >= 0, below `epochs`."""
    epochs: int
    """Passes over the data, >= 1."""
    batch_size: int
    """Most samples per step, >= 2; an epoch's batches differ in size by at most one."""
    learning_rate: float
    """Adam's step size (beta1 0.9, beta2 0.999), the peak of the cycle with "one_cycle"; > 0."""
    schedule: str
    """"constant", or "one_cycle": linear rise, then a cosine fall to nearly 0."""
    augmentation: str
    """"none", "flip_crop" (the paper's for CIFAR) or "resize_crop_flip" (the paper's for photographs)."""
    signal_decay: float | None
    """Weight in [0, 1] that an epoch's signals keep in every later epoch; 0 keeps the last, 1 is a plain
    mean. None: each epoch is weighted by the classifier's agreement with the labels before it, see
    `SignalRecorder.weigh`."""
    score: str
    """The score that ranks: the averaged "margin"; the distance, its "average" over training or the "last"
    one; or "neighbours" with another label, which are searched after training: until then the margin."""
    folds: int = 1
    """Number of parts of the labels, >= 1: each part has a gradient predictor that is blind to it and scores
    it. 1: one predictor learns all labels, the paper's LIMIT. See `cross_fitting`."""
    blind_fraction: float = 0.0
    """With one fold: share of every class's labels, in [0, 0.5], that no loss uses; their gradients are
    predicted and used like all others."""
    validation_fraction: float
    """Share of the samples in [0, 0.95] held out, with their given labels, to choose the best model."""
    patience: int
    """Training ends after this many epochs without a better validation accuracy; 0 = never early."""
    stable_correlation: float
    """Training ends after two epochs in a row whose ranking has at least this rank correlation, in [0, 1],
    with that of the epoch before; 0 = never early."""
    precision: str
    """Arithmetic of the networks' products: "fp32", or "bf16" autocast."""
    compiled: bool
    """Whether the networks' kernels are compiled (torch.compile): a minute, worth it in long trainings."""
    seed: int
    """The seed of weights, order, augmentation and noise; >= 0."""

    def __post_init__(self) -> None:
        _check_types(self)
        _check_names(self)
        _check_numbers(self)
        if self.warm_up_epochs >= self.epochs:
            raise InvalidConfiguration(
                f"warm_up_epochs must be between 0 and {self.epochs - 1}, not {self.warm_up_epochs!r}.",
                "warm_up_epochs",
                "epochs",
            )
        if self.folds > 1 and self.blind_fraction:
            raise InvalidConfiguration(
                "blind_fraction needs folds = 1: with several folds every label has a network blind to it.",
                "blind_fraction",
                "folds",
            )
        if self.patience and not self.validation_fraction:
            raise InvalidConfiguration(
                "patience needs a validation_fraction above 0.",
                "patience",
                "validation_fraction",
            )


def resolve(
    requested: Mapping[str, object],
    *,
    shape: tuple[int, ...],
    sample_count: int,
    class_count: int,
    device: str,
    is_text: bool = False,
) -> TrainingConfig:
    """Return the configuration of a training on a device of this machine; see `complete`.

    Args:
        requested: the fields a user set; absent, None or "auto" means: choose.
        shape: (H, W, C) of uint8 images, or (D,) of features.
        sample_count: N, at least 2.
        class_count: K, at least 2.
        device: a torch device such as "cpu" or "cuda:0".
        is_text: whether the features are those of texts.

    Raises:
        InvalidConfiguration: for unknown fields, invalid values, or a network that cannot take the data.

    """
    situation = Situation(
        shape=shape,
        sample_count=sample_count,
        class_count=class_count,
        device=read_traits(device),
        is_text=is_text,
    )
    return complete(requested, situation)


def complete(requested: Mapping[str, object], situation: Situation) -> TrainingConfig:
    """Return the requested configuration, completed with the defaults for data and device; never load torch.

    Raises:
        InvalidConfiguration: for unknown fields, invalid values, or a network that cannot take the data.

    """
    known = {field.name for field in fields(TrainingConfig)}
    unknown = sorted(set(requested) - known)
    if unknown:
        raise InvalidConfiguration(
            f"Unknown configuration fields {unknown}; known are {sorted(known)}.", *unknown
        )
    chosen = {name: value for name, value in requested.items() if value is not None and value != "auto"}
    for name, choose in CHOICES.items():
        if name not in chosen:
            chosen[name] = choose(situation, chosen)
    config = TrainingConfig(**chosen)  # type: ignore[arg-type]  # __post_init__ checks every type
    check_fits(config, shape=situation.shape)
    if METHODS[config.method].needs_whole_batch and config.batch_size < situation.class_count:
        raise InvalidConfiguration(
            f"Method {config.method!r} needs every class in every batch: expected a batch_size of at least"
            f" {situation.class_count}, found {config.batch_size}.",
            "batch_size",
            "method",
        )
    _check_folds(config, situation.sample_count)
    count_held_out(situation.sample_count, config.validation_fraction)
    return config


def check_fits(config: TrainingConfig, *, shape: Sequence[int]) -> None:
    """Raise InvalidConfiguration if the network cannot take samples of this shape, (H, W, C) or (D,)."""
    kind, network = find_kind(shape), NETWORKS[config.network]
    if network.takes != kind.network_input:
        raise InvalidConfiguration(
            f"Network {config.network!r} does not take {kind.name}.", "network", "encoder", "backbone"
        )
    has_augmentation = config.augmentation != "none" and not kind.has_augmentation
    if has_augmentation or (config.input_size is not None and not kind.has_input_size):
        raise InvalidConfiguration(
            f"{kind.name.capitalize()} take neither an input_size nor an augmentation.",
            *(("augmentation", "input_size") if has_augmentation else ("input_size",)),
            "encoder",
            "backbone",
        )
    if kind.has_input_size:
        _check_input_size(config, network.sides)


def count_held_out(sample_count: int, validation_fraction: float) -> int:
    """Return how many samples are held out; raise InvalidConfiguration if too few are left."""
    held_out_count = round(sample_count * validation_fraction)
    if sample_count - held_out_count < 2:  # noqa: PLR2004  # batch normalisation needs 2
        raise InvalidConfiguration(
            f"Holding out {held_out_count} of {sample_count} samples leaves too few to train on.",
            "validation_fraction",
        )
    return held_out_count


def _check_folds(config: TrainingConfig, sample_count: int) -> None:
    if config.folds > sample_count:
        raise InvalidConfiguration(
            f"folds can be at most the number of samples, {sample_count}, not {config.folds}.", "folds"
        )


def _check_input_size(config: TrainingConfig, sides: tuple[int, ...]) -> None:
    size = config.input_size
    if size is None or size < SMALLEST_SIDE or (sides and size not in sides):
        accepted = f"one of {list(sides)}" if sides else f"at least {SMALLEST_SIDE}"
        raise InvalidConfiguration(
            f"Network {config.network!r} expects an input_size of {accepted}, not {size}.",
            "input_size",
            "network",
        )


def _check_types(config: TrainingConfig) -> None:
    """Refuse values of another type; a whole number is accepted as a float."""
    accepted: dict[object, tuple[type, ...]] = {
        str: (str,),
        bool: (bool,),
        int: (int,),
        float: (float, int),
        int | None: (int, type(None)),
        float | None: (float, int, type(None)),
    }
    for field in fields(config):
        value = getattr(config, field.name)
        is_stray_bool = isinstance(value, bool) and field.type is not bool
        if is_stray_bool or not isinstance(value, accepted[field.type]):
            raise InvalidConfiguration(f"{field.name} expects {field.type}, not {value!r}.", field.name)


def _check_names(config: TrainingConfig) -> None:
    choices = {name: facts.choices for name, facts in FIELDS.items() if facts.choices and name != "backbone"}
    for field, known in {**choices, "method": tuple(METHODS)}.items():
        if getattr(config, field) not in known:
            raise InvalidConfiguration(
                f"{field} is one of {list(known)}, not {getattr(config, field)!r}.", field
            )


def _check_numbers(config: TrainingConfig) -> None:
    for field, facts in FIELDS.items():
        value = getattr(config, field, None)
        if facts.most is None or value is None:
            continue
        if not (math.isfinite(value) and facts.is_allowed(value)):
            raise InvalidConfiguration(f"{field} must be {facts.describe_range()}, not {value!r}.", field)
    if not 0 <= config.seed <= SEED_MAX:
        raise InvalidConfiguration(f"seed must be between 0 and {SEED_MAX}, not {config.seed!r}.", "seed")
