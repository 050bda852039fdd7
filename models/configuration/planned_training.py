"""The check of one planned training, by the API before it accepts and by the worker before it trains."""

from dataclasses import replace

from models.catalogue.kinds import find_kind
from models.catalogue.methods import METHODS, PARENT_METHOD
from models.catalogue.networks import BACKBONES
from models.catalogue.training_request import TrainingRequest
from models.configuration.defaults import Situation
from models.configuration.invalid_configuration import InvalidConfiguration
from models.configuration.training_config import TrainingConfig, complete


def complete_request(
    request: TrainingRequest, situation: Situation, *, seed: int, has_parent: bool
) -> TrainingConfig:
    """Return the configuration of a planned training, every field chosen.

    The device decides only fields that the request leaves open: the network, and the fields that follow from
    it.

    Args:
        request: the user's options.
        situation: the stored dataset and the device.
        seed: the seed of this training.
        has_parent: whether it starts from the model of a "ce" run.

    Raises:
        InvalidConfiguration: this device cannot train it; the error names the fields at fault.

    """
    check_counts(situation.sample_count, situation.class_count)
    given = {name: value for name, value in request.list_given().items() if name != "backbone"}
    if request.backbone is not None:
        situation = _encode(situation, request.backbone)
    config = complete(given | {"seed": seed}, situation)
    require_parent(config.method, has_parent=has_parent)
    if has_parent and not METHODS[config.method].has_output_bias:
        raise InvalidConfiguration(
            f'Method {config.method!r} cannot start from a "{PARENT_METHOD}" run:'
            " the last layer of its classifier has no bias.",
            "initialise",
            "method",
        )
    return config


def check_counts(sample_count: int, class_count: int) -> None:
    """Raise InvalidConfiguration if a dataset is too small to train on."""
    if sample_count < 2 or class_count < 2:  # noqa: PLR2004  # a classifier separates at least 2 of each
        raise InvalidConfiguration(
            f"Training needs 2 samples and 2 classes, not {sample_count} and {class_count}."
        )


def require_parent(method: str, *, has_parent: bool) -> None:
    """Raise InvalidConfiguration if a method needs the model of a "ce" run and there is none."""
    if METHODS[method].needs_parent and not has_parent:
        raise InvalidConfiguration(
            f'Method {method!r} needs an initial_state: the model_state of a "{PARENT_METHOD}" run.', "method"
        )


def _encode(situation: Situation, backbone: str) -> Situation:
    """Return the situation of a training on a backbone's features of the samples."""
    kind = find_kind(situation.shape)
    if kind.encoded_as is None:
        raise InvalidConfiguration(
            f"A backbone makes features of images; this dataset holds {kind.name}.", "backbone"
        )
    if backbone not in BACKBONES:
        raise InvalidConfiguration(f"backbone is one of {list(BACKBONES)}, not {backbone!r}.", "backbone")
    return replace(situation, shape=(BACKBONES[backbone].width,))
