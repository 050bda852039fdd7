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
SAME_RULES = "The number of wrong labels is estimated by the same rules; that was not measured."
SAME_COUNT = "The number of wrong labels does not rest on this training and stays the same."
THOROUGH = "On four small datasets it ranked .002 higher by ROC AUC on average, at worst .003 lower."
THOROUGH_ENCODED = "On photographs of flowers it ranked .001 higher by ROC AUC."


@dataclass(frozen=True, kw_only=True)
class Preset:
    """Fields to add to a configuration, and what they cost and may claim."""

    name: str
    configuration: Mapping[str, int]
    says: str
    """What it costs and changes, in plain words."""
    measured: str
    """What was measured of it, in the field's words."""


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
        says=f"Trains {REPEATS} times and averages: {REPEATS} times the training's time, shared by the"
        f" workers. The order of the suspects is hardly better. {SAME_COUNT if is_encoded else SAME_RULES}",
        measured=THOROUGH_ENCODED if is_encoded else THOROUGH,
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
            f"The order of the suspects is nearly as good. {SAME_COUNT}",
            "On photographs of flowers it ranked .002 lower by ROC AUC; with the ranking of earlier versions"
            " it was .001 to .003 lower on CIFAR-10N, and .02 higher where classes are confused in pairs.",
        )
    if not is_encoded and config.epochs > FEWER_EPOCHS:
        return _reduce_epochs(
            config,
            FEWER_EPOCHS,
            f"The order of the suspects is a little worse. {SAME_RULES}",
            "On four small datasets it ranked .009 lower by ROC AUC on average, at worst .036.",
        )
    if request.folds is None and not is_encoded:
        return Preset(
            name="fast",
            configuration={"folds": 1},
            says="Trains once instead of four times: less than half the training's time. No label is"
            " judged by a network that has not seen it, so the number of wrong labels is not told. On small"
            " data the order of the suspects is much worse.",
            measured="On 10,000 digits of MNIST one fold ranked as well, on smaller data much worse.",
        )
    return None


def _reduce_epochs(config: TrainingConfig, epochs: int, effect: str, measured: str) -> Preset:
    return Preset(
        name="fast",
        configuration={"epochs": epochs},
        says=f"{epochs} passes over the data instead of {config.epochs}: {epochs / config.epochs:.0%} of the"
        f" training's time. {effect}",
        measured=measured,
    )
