"""The fields of the form of a new audit, made from the catalogue."""

from dataclasses import dataclass

from models.catalogue.methods import ALL_METHODS, EXTERNAL
from models.catalogue.training_request import FIELDS, FORM_FIELDS


@dataclass(frozen=True, kw_only=True)
class Option:
    """One field of the form."""

    name: str
    label: str
    hint: str
    kind: str = "number"
    choices: tuple[tuple[str, str], ...] = ()
    step: str = "any"


def list_methods(*, has_probabilities: bool) -> tuple[tuple[str, str], ...]:
    """Return the methods available for a dataset, each with its title."""
    return tuple(
        (method.name, method.title)
        for method in ALL_METHODS.values()
        if has_probabilities or method is not EXTERNAL
    )


def list_options() -> tuple[Option, ...]:
    """Return the optional fields of the form."""
    return (
        *map(_make_option, FORM_FIELDS),
        Option(
            name="initialise",
            label="Initialise",
            kind="choice",
            choices=_label_choices("none", "ce"),
            hint="ce: train a network with cross-entropy first, and start the gradient predictor from it.",
        ),
        Option(
            name="seed",
            label="Seed",
            step="1",
            hint="The same seed on the same device gives the same ranking.",
        ),
    )


def _make_option(name: str) -> Option:
    facts = FIELDS[name]
    return Option(
        name=name,
        label=facts.label or name,
        hint=facts.hint,
        kind="choice" if facts.choices else "number",
        choices=_label_choices(*facts.choices),
        step="1" if facts.is_whole else "any",
    )


def _label_choices(*choices: str) -> tuple[tuple[str, str], ...]:
    """Return the choices, each with a readable label."""
    return tuple((choice, choice.replace("_", " ")) for choice in choices)
