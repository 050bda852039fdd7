"""The options of a new audit, explained: what the form offers, out of the request's own schema."""

from dataclasses import dataclass
from typing import get_args

from app.audits.run_plans import GIVEN
from app.schemas.request_schemas import AuditConfiguration, Method

METHODS = {
    "limit": "LIMIT, gradients chosen while it trains (the default)",
    "limit_c": "LIMIT, predictor fitted to the labels",
    "limit_g": "LIMIT, Gaussian gradients",
    "limit_l": "LIMIT, Laplace gradients",
    "ce": "Cross-entropy, the plain network",
    "ce_gn": "Cross-entropy with Gaussian gradient noise",
    "ce_ln": "Cross-entropy with Laplace gradient noise",
    "mae": "Mean absolute error",
    "fw": "Forward correction",
    "dmi": "Determinant-based mutual information",
    "soft_regularisation": "Soft regularisation of LIMIT's bound",
    GIVEN: "Nothing is trained: your own probabilities, as attached",
}


@dataclass(frozen=True, kw_only=True)
class Option:
    """One field of the form."""

    name: str
    label: str
    hint: str
    kind: str = "number"
    choices: tuple[tuple[str, str], ...] = ()
    step: str = "any"


def _choices(field: str) -> tuple[tuple[str, str], ...]:
    annotation = AuditConfiguration.model_fields[field].annotation
    values = get_args(get_args(annotation)[0]) or get_args(annotation)
    return tuple((value, value.replace("_", " ")) for value in values)


def methods(*, has_probabilities: bool) -> tuple[tuple[str, str], ...]:
    """Return every method that a dataset can be audited with, and its name for people."""
    usable = (method for method in get_args(Method) if has_probabilities or method != GIVEN)
    return tuple((method, METHODS.get(method, method.replace("_", " "))) for method in usable)


def options() -> tuple[Option, ...]:
    """Return the options that are folded away: whoever leaves them alone gets what fits the data."""
    return (
        Option(
            name="network", label="Network", kind="choice", choices=_choices("network"),
            hint="Chosen from the size of the pictures and the device. A larger one tells finer classes apart"
            " and takes longer.",
        ),
        Option(
            name="epochs", label="Epochs", step="1",
            hint="Passes over the data. Too few and hard samples look wrong; too many and wrong labels are"
            " learned.",
        ),
        Option(
            name="beta", label="β, weight of the gradient's norm",
            hint="Higher values keep the predictor from memorising labels. 0 to 1000; the paper: 0 to 100.",
        ),
        Option(
            name="learning_rate", label="Learning rate",
            hint="Largest step of the optimiser. Chosen for the network.",
        ),
        Option(
            name="batch_size", label="Batch size", step="1",
            hint="Samples per step. Larger ones use a GPU better.",
        ),
        Option(
            name="augmentation", label="Augmentation", kind="choice", choices=_choices("augmentation"),
            hint="Random changes to pictures while training. Choose none where a mirrored picture is another"
            " class, as with digits.",
        ),
        Option(
            name="score", label="Score that ranks", kind="choice", choices=_choices("score"),
            hint="margin (the default): the margin of the predictor, averaged over epochs. average: the"
            " distance of LIMIT, averaged over epochs. last: the distance after the last epoch. neighbours:"
            " the share of the nearest neighbours that have another label.",
        ),
        Option(
            name="initialise", label="Start from", kind="choice", choices=_choices("initialise"),
            hint="ce: train a cross-entropy network first and start the classifier from it.",
        ),
        Option(
            name="seed", label="Seed", step="1",
            hint="The same seed on the same device gives the same ranking.",
        ),
    )  # fmt: skip
