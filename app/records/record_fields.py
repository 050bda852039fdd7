"""What the EU's AI Act (Regulation 2024/1689, Article 10) and datasheets (Gebru et al., 2021) ask for.

Each field says what is asked for in our words, and what of it this record knows. What only the operator knows
stays empty, or is what the operator states. No field claims that a demand is met.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from app.tables import Json

Find = Callable[[Json], object]


@dataclass(frozen=True, kw_only=True)
class Field:
    """One thing that is asked for."""

    name: str
    """A paragraph of the article, or a section of a datasheet."""
    asks: str
    find: Find | None = None
    """Returns what a record knows; None: only the operator knows."""


def _find_labelling(record: Json) -> Json:
    return {
        "verdicts": record["people"]["verdicts"],
        "labels_csv_sha256": record["results"]["labels.csv"],
        "version": record["data"]["version"],
        "made_from": record["data"]["made_from"],
    }


def _find_shortcomings(record: Json) -> Json:
    return {
        "cannot_tell": record["counts"]["reasons"],
        "left_out_or_warned_of": record["data"]["problems"],
        "issues": record["counts"]["issues"],
    }


def _find_composition(record: Json) -> Json:
    names = ("kind", "samples", "classes", "splits", "own_columns")
    return {name: record["data"][name] for name in names}


def _find_errors(record: Json) -> Json:
    return {name: record["counts"][name] for name in ("wrong_labels", "classes", "issues")}


def _find_preparation(record: Json) -> Json:
    return {"read_as": record["data"]["read_as"], **_find_labelling(record)}


ARTICLE_10 = (
    Field(name="10(2)(a)", asks="the relevant design choices"),
    Field(
        name="10(2)(b)",
        asks="how data were collected and where they are from; of personal data, the purpose at first",
    ),
    Field(
        name="10(2)(c)",
        asks="how data were prepared: annotation, labelling, cleaning, updating, enrichment, aggregation",
        find=_find_labelling,
    ),
    Field(name="10(2)(d)", asks="assumptions, above all about what the data are to measure and represent"),
    Field(
        name="10(2)(e)",
        asks="whether the data that are needed exist, how many there are, and whether they are suitable",
        find=lambda record: {"samples": record["data"]["samples"], "classes": record["data"]["classes"]},
    ),
    Field(
        name="10(2)(f)",
        asks="an examination for biases that may harm health, safety or rights, or discriminate",
        find=lambda record: {"where_labels_are_wrong_more_often": record["counts"]["error_sources"]},
    ),
    Field(name="10(2)(g)", asks="measures to detect, prevent and mitigate such biases"),
    Field(
        name="10(2)(h)",
        asks="gaps and shortcomings of the data, and how they can be addressed",
        find=_find_shortcomings,
    ),
    Field(
        name="10(3)",
        asks="data that are relevant, representative, and as free of errors and as complete as possible",
        find=_find_errors,
    ),
    Field(name="10(4)", asks="the place, context, behaviour or function that the system is meant for"),
    Field(name="10(5)", asks="special categories of personal data, where they are used against bias"),
)
DATASHEET = (
    Field(name="Motivation", asks="why the dataset was made, by whom, and who paid for it"),
    Field(
        name="Composition",
        asks="what the samples are and how many, with labels and splits",
        find=_find_composition,
    ),
    Field(
        name="Composition: errors, noise, redundancies",
        asks="which errors, sources of noise or duplicates there are",
        find=_find_errors,
    ),
    Field(name="Composition: people", asks="whether samples are about people, and what they reveal"),
    Field(name="Collection process", asks="how the data were acquired, by whom, when, and with what consent"),
    Field(
        name="Preprocessing, cleaning, labelling",
        asks="what was done to the data, and whether the raw data are kept",
        find=_find_preparation,
    ),
    Field(name="Uses", asks="what the data were and could be used for, and what not"),
    Field(name="Distribution", asks="who gets the data, how, when, and under which licence"),
    Field(
        name="Maintenance",
        asks="who maintains the data, whether labels are corrected, and which versions there are",
        find=lambda record: {"version": record["data"]["version"], "made_from": record["data"]["made_from"]},
    ),
)


def fill_fields(fields: Sequence[Field], record: Json, statements: Mapping[str, str]) -> list[Json]:
    """Return every field with what the record knows and what the operator states."""
    return [
        {
            "field": field.name,
            "asks_for": field.asks,
            "from_this_audit": None if field.find is None else field.find(record),
            "stated_by_the_operator": statements.get(field.name),
        }
        for field in fields
    ]
