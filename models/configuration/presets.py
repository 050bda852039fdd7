"""Fast and Thorough: fields of a configuration that trade time for quality, and what was measured of them."""

from collections.abc import Mapping
from dataclasses import dataclass

from models.catalogue.methods import DEFAULT_METHOD
from models.catalogue.training_request import TrainingRequest
from models.configuration.training_config import TrainingConfig

ENCODED_EPOCHS = 8
"""On an encoder's features: within .003 of 20 epochs by ROC AUC (bench/feature_views/RESULTS.md)."""
FEWER_EPOCHS = 10
"""On small data: .009 below 20 epochs by ROC AUC on average, at worst .036 (bench/evidence/RESULTS.md)."""
MEASURED_NETWORKS = frozenset({"mlp", "mnist_cnn"})
"""The networks of those datasets."""
REPEATS = 3
"""Averaged trainings: .002 above one by ROC AUC on average (bench/evidence/RESULTS.md)."""
THOROUGH = (
    "On four small datasets it ranked .002 higher by ROC AUC on average, at worst .003 lower. The number of"
    " wrong labels is estimated by the same rules; that was not measured."
)
THOROUGH_ENCODED = (
    "On photographs of flowers it ranked .001 higher by ROC AUC. The number of"
    " wrong labels rests on the features alone and stays the same."
)


@dataclass(frozen=True, kw_only=True)
class Preset:
    """Fields to add to a configuration, and what they cost and may claim."""

    name: str
    configuration: Mapping[str, int]
    says: str
    """What it costs, and what was measured of it."""


def list_presets(
    request: TrainingRequest, config: TrainingConfig, *, is_encoded: bool, repeats: int
) -> list[Preset]:
    """Return the presets that change something; a field that the user has set is left as it is.

    Args:
        request: what the user asked for.
        config: the training that follows from it.
        is_encoded: whether it trains on an encoder's features.
        repeats: the trainings that the user asked for.

    """
    if config.method != DEFAULT_METHOD:
        return []
    fast = _choose_fast(request, config, is_encoded=is_encoded)
    thorough = Preset(
        name="thorough",
        configuration={"repeats": REPEATS},
        says=f"{REPEATS} trainings with other seeds, averaged: {REPEATS} times the training's time, shared by"
        f" the workers. {THOROUGH_ENCODED if is_encoded else THOROUGH}",
    )
    return [*([] if fast is None else [fast]), *([thorough] if repeats == 1 else [])]


def _choose_fast(request: TrainingRequest, config: TrainingConfig, *, is_encoded: bool) -> Preset | None:
    """Return the cheaper configuration; None: none was measured for this training."""
    if config.folds == 1 or request.epochs is not None or config.network not in MEASURED_NETWORKS:
        return None
    if is_encoded and config.epochs > ENCODED_EPOCHS:
        return _reduce_epochs(
            config,
            ENCODED_EPOCHS,
            "On photographs of flowers it ranked .002 lower by ROC AUC; with the former ranking it was .001"
            " to .003 lower on CIFAR-10N, and .02 higher where classes are confused in pairs. The number of"
            " wrong labels rests on the features alone and stays the same.",
        )
    if not is_encoded and config.epochs > FEWER_EPOCHS:
        return _reduce_epochs(
            config,
            FEWER_EPOCHS,
            "On four small datasets it ranked .009 lower by ROC AUC on average, at worst .036. The number of"
            " wrong labels is estimated by the same rules from fewer passes; that was not measured.",
        )
    if request.folds is None and not is_encoded:
        return Preset(
            name="fast",
            configuration={"folds": 1},
            says="One fold instead of four: less than half the training's time. On 10,000 digits of MNIST it"
            " ranked as well, on smaller data much worse. No label is judged by a network that has not seen"
            " it, so the number of wrong labels is not told.",
        )
    return None


def _reduce_epochs(config: TrainingConfig, epochs: int, measured: str) -> Preset:
    return Preset(
        name="fast",
        configuration={"epochs": epochs},
        says=f"{epochs} passes over the data instead of {config.epochs}: {epochs / config.epochs:.0%} of the"
        f" training's time. {measured}",
    )
