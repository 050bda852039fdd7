"""The check of one planned training, by the API before it accepts and by the worker before it trains."""

from dataclasses import replace

from models.catalogue.encoders import NO_ENCODER, UnusableEncoder, find_encoder
from models.catalogue.kinds import find_kind
from models.catalogue.methods import METHODS, PARENT_METHOD
from models.catalogue.training_request import TrainingRequest
from models.configuration.defaults import Situation
from models.configuration.invalid_configuration import InvalidConfiguration
from models.configuration.training_config import TrainingConfig, complete

ENCODER_FIELDS = ("encoder", "backbone")
"""The field that names an encoder, and its former name."""


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
    given = {name: value for name, value in request.list_given().items() if name not in ENCODER_FIELDS}
    if find_requested_encoder(request) is not None:
        situation = _encode(situation, str(request.encoder_name))
    config = complete(given | {"seed": seed}, situation)
    require_parent(config.method, has_parent=has_parent)
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
            f'Method {method!r} needs an initial_state: the start_state of a "{PARENT_METHOD}" run.',
            "method",
        )


def find_requested_encoder(request: TrainingRequest) -> str | None:
    """Return the encoder whose features a request asks for; None: it asks for none.

    Raises:
        InvalidConfiguration: the field and its former name `backbone` name different encoders.

    """
    if request.backbone is not None and request.encoder not in {None, request.backbone}:
        raise InvalidConfiguration(
            f"backbone is the former name of encoder: expected one of them, found {request.backbone!r}"
            f" and {request.encoder!r}.",
            *reversed(ENCODER_FIELDS),
        )
    return None if request.encoder_name == NO_ENCODER else request.encoder_name


def _encode(situation: Situation, encoder: str) -> Situation:
    """Return the situation of a training on an encoder's features of the samples."""
    try:
        facts = find_encoder(encoder, situation.encoders_dir)
    except UnusableEncoder as error:
        raise InvalidConfiguration(str(error), *ENCODER_FIELDS) from error
    if situation.encoded_by is None:
        raise InvalidConfiguration(
            f"Encoders take pictures or texts, {encoder} {facts.takes}; this dataset holds"
            f" {find_kind(situation.shape).name}.",
            *ENCODER_FIELDS,
        )
    if facts.takes != situation.encoded_by:
        raise InvalidConfiguration(
            f"Expected an encoder of {situation.encoded_by}, which this dataset holds; found {encoder}, which"
            f" takes {facts.takes}. `limit-audit encoders list` names what each takes.",
            *ENCODER_FIELDS,
        )
    return replace(situation, shape=(facts.width,))
