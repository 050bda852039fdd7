"""The shapes of classifier f and gradient predictor q."""

from dataclasses import replace

from models.catalogue.methods import METHODS
from models.configuration.training_config import TrainingConfig
from models.networks.architectures import NetworkShape


def make_classifier_shape(config: TrainingConfig, *, channels: int, class_count: int) -> NetworkShape:
    """Return the shape of f; the classifier of eq. 8 has no bias in its last layer."""
    return NetworkShape(
        channels=channels,
        class_count=class_count,
        is_predictor=False,
        dropout=config.dropout,
        has_output_bias=METHODS[config.method].has_output_bias,
    )


def make_predictor_shape(shape: NetworkShape) -> NetworkShape:
    """Return the shape of q for a classifier of this shape."""
    return replace(shape, is_predictor=True, has_output_bias=True)
