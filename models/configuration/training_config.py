"""The frozen configuration of one training, and its completion from what a user asked for."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields

from models.catalogue.augmentations import AUGMENTATIONS
from models.configuration.defaults import CHOICES, Situation
from models.networks.architectures import INPUT_SIZES, NETWORKS
from models.paper.objectives import OBJECTIVES

SCHEDULES = ("constant", "one_cycle")
SCORES = ("margin", "average", "last", "neighbours")
PRECISIONS = ("fp32", "bf16")
SMALLEST_IMAGE = 16


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """Everything that decides a training's numbers; invalid values raise ValueError."""

    method: str
    """What is trained, one of `methods.METHODS`; those in `methods.NEEDS_PARENT` need an initial state."""
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
    """lambda of eq. 8, > 0: the weight of "soft_regularisation" on unpredicted gradients."""
    dropout: float
    """Probability in [0, 1) with which a unit is left out; see `networks` for where."""
    weight_decay: float
    """L2 penalty that Adam adds to every parameter's gradient, >= 0."""
    warm_up_epochs: int
    """The first epochs, counted in `epochs`, in which only the predictor learns; >= 0, below `epochs`."""
    epochs: int
    """Passes over the data, >= 1."""
    batch_size: int
    """Samples per step at most, >= 2; an epoch's batches differ in size by one at most."""
    learning_rate: float
    """Adam's step size (beta1 0.9, beta2 0.999), the peak of the cycle with "one_cycle"; > 0."""
    schedule: str
    """"constant", or "one_cycle": linear rise, then a cosine fall to nearly 0."""
    augmentation: str
    """"none", "flip_crop" (the paper's for CIFAR) or "resize_crop_flip" (the paper's for photographs)."""
    signal_decay: float | None
    """Weight in [0, 1] an epoch's signals keep per later epoch; 0 keeps the last, 1 is a plain mean. None:
    epochs weigh by the classifier's agreement with the labels before them, see `SignalRecorder.weigh`."""
    score: str
    """What ranks: the averaged "margin"; the distance, "average" over training or "last" of its end; or the
    "neighbours" of another label, which are found after the training: until then the margin."""
    validation_fraction: float
    """Share of the samples in [0, 0.95] held out, with their given labels, to choose the best model."""
    patience: int
    """Training ends after so many epochs without a better validation accuracy; 0 = never early."""
    stable_correlation: float
    """Training ends after two epochs in a row whose ranking has at least this rank correlation, in [0, 1],
    with that of the epoch before; 0 = never early."""
    precision: str
    """Arithmetic of the networks' products: "fp32", or "bf16" autocast."""
    compiled: bool
    """Whether kernels are made for the networks (torch.compile): a minute, which pays in long trainings."""
    seed: int
    """Decides weights, order, augmentation and noise; >= 0."""

    def __post_init__(self) -> None:
        _check_types(self)
        _check_names(self)
        _check_numbers(self)
        if self.patience and not self.validation_fraction:
            raise ValueError("patience needs a validation_fraction above 0 to tell when to stop.")


def resolve(
    requested: Mapping[str, object],
    *,
    shape: tuple[int, ...],
    sample_count: int,
    class_count: int,
    device: str,
) -> TrainingConfig:
    """Return the configuration of a training: what was requested, completed by what suits the data.

    Args:
        requested: the fields a user set; absent, None or "auto" means: choose.
        shape: (H, W, C) of uint8 images, or (D,) of features.
        sample_count: N, at least 2.
        class_count: K, at least 2.
        device: a torch device such as "cpu" or "cuda:0"; a CPU is never given a large ResNet unasked.

    Raises:
        ValueError: for unknown fields, invalid values, or a network that cannot take the data.

    """
    known = {field.name for field in fields(TrainingConfig)}
    unknown = sorted(set(requested) - known)
    if unknown:
        raise ValueError(f"Unknown configuration fields {unknown}; known are {sorted(known)}.")
    situation = Situation(shape=shape, sample_count=sample_count, class_count=class_count, device=device)
    chosen = {name: value for name, value in requested.items() if value is not None and value != "auto"}
    for name, choose in CHOICES.items():
        if name not in chosen:
            chosen[name] = choose(situation, chosen)
    config = TrainingConfig(**chosen)  # type: ignore[arg-type]  # __post_init__ checks every type
    check_fits(config, shape=shape)
    return config


def check_fits(config: TrainingConfig, *, shape: tuple[int, ...]) -> None:
    """Raise ValueError where the network cannot take samples of this shape, (H, W, C) or (D,)."""
    sizes = INPUT_SIZES[config.network]
    is_image = len(shape) == 3  # noqa: PLR2004  # H, W, C
    if is_image == (sizes is None):
        kind = "images" if is_image else "features"
        raise ValueError(f"Network {config.network!r} does not take {kind}.")
    if sizes is None and (config.input_size is not None or config.augmentation != "none"):
        raise ValueError("Features take neither an input_size nor an augmentation.")
    if sizes is not None:
        _check_input_size(config, sizes)


def _check_input_size(config: TrainingConfig, sizes: tuple[int, ...]) -> None:
    size = config.input_size
    if size is None or size < SMALLEST_IMAGE or (sizes and size not in sizes):
        accepted = f"one of {list(sizes)}" if sizes else f"at least {SMALLEST_IMAGE}"
        raise ValueError(f"Network {config.network!r} expects an input_size of {accepted}, not {size}.")


def _check_types(config: TrainingConfig) -> None:
    """Refuse values of another kind; a whole number may stand for a float."""
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
            raise ValueError(f"{field.name} expects {field.type}, not {value!r}.")


def _check_names(config: TrainingConfig) -> None:
    names = {
        "method": OBJECTIVES,
        "network": NETWORKS,
        "schedule": SCHEDULES,
        "augmentation": AUGMENTATIONS,
        "score": SCORES,
        "precision": PRECISIONS,
    }
    for field, known in names.items():
        if getattr(config, field) not in known:
            raise ValueError(f"{field} is one of {list(known)}, not {getattr(config, field)!r}.")


def _check_numbers(config: TrainingConfig) -> None:
    ranges: dict[str, tuple[float, float]] = {
        "beta": (0.0, 1e6),
        "noise_lambda": (1e-6, 1e9),
        "noise_std": (1e-6, 1e3),
        "soft_lambda": (1e-9, 1e6),
        "dropout": (0.0, 0.99),
        "weight_decay": (0.0, 10.0),
        "patience": (0, 100_000),
        "stable_correlation": (0.0, 1.0),
        "epochs": (1, 100_000),
        "warm_up_epochs": (0, config.epochs - 1),
        "batch_size": (2, 1 << 20),
        "learning_rate": (1e-9, 10.0),
        "signal_decay": (0.0, 1.0),
        "validation_fraction": (0.0, 0.95),
        "seed": (0, 2**63 - 1),
        "input_size": (8, 4096),
    }
    for field, (least, most) in ranges.items():
        value = getattr(config, field)
        if value is not None and not (math.isfinite(value) and least <= value <= most):
            raise ValueError(f"{field} lies between {least:g} and {most:g}, not at {value!r}.")
