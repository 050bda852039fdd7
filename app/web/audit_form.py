"""The options of a new audit, explained: what the form offers, out of the catalogue."""

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
    """Return every method that a dataset can be audited with, and its name for people."""
    return tuple(
        (method.name, method.title)
        for method in ALL_METHODS.values()
        if has_probabilities or method is not EXTERNAL
    )


def list_options() -> tuple[Option, ...]:
    """Return the options that are folded away: whoever leaves them alone gets what fits the data."""
    return (
        *map(_make_option, FORM_FIELDS),
        Option(
            name="initialise",
            label="Start from",
            kind="choice",
            choices=_show("none", "ce"),
            hint="ce: train a cross-entropy network first and start the classifier from it.",
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
        choices=_show(*facts.choices),
        step="1" if facts.is_whole else "any",
    )


def _show(*choices: str) -> tuple[tuple[str, str], ...]:
    """Return choices with their names for people."""
    return tuple((choice, choice.replace("_", " ")) for choice in choices)
