"""The columns of a ranking in one table, from which database, ranking row, files, API and client are made.

To add a signal: add a field to `ScoreFigures`, its place in `FILE_COLUMNS` and `SUSPECT_FIELDS`, a migration,
a row in docs/ranking.md, and the code that measures it (a field of `models.training.signals.Signals`, or an
array that is stored beside them).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypedDict, get_args, get_origin, get_type_hints


@dataclass(frozen=True, kw_only=True)
class ColumnFacts:
    """The facts of a column besides its name and type."""

    comment: str | None = None
    """The column's comment in the database."""
    description: str | None = None
    """The field's description in the OpenAPI document."""
    example: Any = None
    """The field's example in the OpenAPI document."""
    is_signal: bool = False
    """Whether it is a copy of the run's signal of the same name."""
    is_probability: bool = False
    """Whether the API limits it to [0, 1]."""
    histogram: str | None = None
    """The name of its histogram in summaries and metrics."""


class ScoreFigures(TypedDict):
    """The figures of a sample, the same in database, files, API and client."""

    rank: Annotated[int, ColumnFacts(comment="1 = most suspicious", example=1)]
    score: Annotated[
        float | None,
        ColumnFacts(
            comment="what ranks, in [0, 1]; null: the distance ranks",
            description="orders the ranking; high = probably wrong; null: the distance orders it",
            example=0.9997,
            is_probability=True,
        ),
    ]
    distance: Annotated[
        float,
        ColumnFacts(
            comment="||mu - g||, in [0, sqrt 2]",
            description="||mu - g||, in [0, sqrt 2]; high = probably wrong",
            example=1.4125,
            is_signal=True,
            histogram="histogram",
        ),
    ]
    error_probability: Annotated[
        float | None,
        ColumnFacts(
            comment="estimated; null while provisional",
            description="estimated; null while provisional; where the audit cannot tell how many labels are"
            " wrong, at most 0.5 and no probability that holds",
            example=0.999,
            is_probability=True,
        ),
    ]
    is_label_issue: Annotated[
        bool | None,
        ColumnFacts(
            comment="automatic cut; null while provisional",
            description="automatic cut; null while provisional",
            example=True,
        ),
    ]
    distance_average: Annotated[
        float, ColumnFacts(comment="decaying average over epochs", example=1.4125, is_signal=True)
    ]
    distance_last: Annotated[
        float, ColumnFacts(comment="of the trained predictor", example=1.4133, is_signal=True)
    ]
    predicted_gradient_norm: Annotated[
        float, ColumnFacts(comment="||mu||", example=0.0021, is_signal=True, histogram="norm_histogram")
    ]
    margin: Annotated[
        float,
        ColumnFacts(
            comment="logit of the given label minus the best other, averaged", example=-8.1, is_signal=True
        ),
    ]
    loss: Annotated[
        float, ColumnFacts(comment="cross-entropy of the given label, nats", example=6.9, is_signal=True)
    ]
    given_label_probability: Annotated[float, ColumnFacts(example=0.0011, is_signal=True)]
    neighbour_disagreement: Annotated[
        float | None,
        ColumnFacts(
            comment="share of the nearest samples by the network's features with another given label",
            description="share of the nearest samples with another given label, by the network's features, or"
            " the encoder's where the audit uses one; null while provisional",
            example=1.0,
            is_signal=True,
            is_probability=True,
        ),
    ]
    memorisation: Annotated[
        float | None,
        ColumnFacts(
            comment="given label's probability in sample minus out of sample",
            description="the given label's probability by the networks that learned it minus that by the"
            " network that did not, in [-1, 1]; null: not measured, no label was held back",
            example=0.42,
            is_signal=True,
        ),
    ]
    suggested_confidence: Annotated[
        float,
        ColumnFacts(
            description="the probability that the suggested label is right if the given one is wrong; where"
            " the given label is suggested, while provisional, and where the audit has no evidence, its"
            " predicted probability",
            example=0.9973,
        ),
    ]


class ScoreLabels(TypedDict):
    """The labels of a sample and their probabilities; the API shows class names instead of numbers."""

    given_label: Annotated[int, ColumnFacts(comment="copied, so that one index serves the class filter")]
    suggested_label: int
    second_label: int | None
    second_probability: float | None
    third_label: int | None
    third_probability: float | None


@dataclass(frozen=True, kw_only=True)
class ScoreColumn:
    """One column of a score."""

    name: str
    type: type[int | float | bool]
    is_nullable: bool
    facts: ColumnFacts


def _read_columns(table: type) -> dict[str, ScoreColumn]:
    """Return the columns that a typed dictionary declares."""
    return {
        name: _read_column(name, hint) for name, hint in get_type_hints(table, include_extras=True).items()
    }


def _read_column(name: str, hint: Any) -> ScoreColumn:  # noqa: ANN401  # a type hint has no common type
    plain, facts = hint, ColumnFacts()
    if get_origin(hint) is Annotated:
        plain, facts = get_args(hint)
    kinds = [kind for kind in get_args(plain) or (plain,) if kind is not type(None)]
    return ScoreColumn(name=name, type=kinds[0], is_nullable=type(None) in get_args(plain), facts=facts)


FIGURES: Mapping[str, ScoreColumn] = _read_columns(ScoreFigures)
LABELS: Mapping[str, ScoreColumn] = _read_columns(ScoreLabels)
TABLE_COLUMNS: tuple[str, ...] = (
    "rank", "given_label", *(name for name in FIGURES if name not in {"rank", "suggested_confidence"}),
    "suggested_label", "suggested_confidence", "second_label", "second_probability", "third_label",
    "third_probability",
)  # fmt: skip
"""The database's columns besides a sample's keys, in order."""
FILE_COLUMNS: tuple[str, ...] = (
    "rank", "key", "position", "split", "given_label", "suggested_label", "suggested_confidence", "score",
    "distance", "error_probability", "is_label_issue", "given_label_probability", "predicted_gradient_norm",
    "margin", "neighbour_disagreement", "memorisation",
)  # fmt: skip
"""The columns of ranking.csv and ranking.parquet, in order, without those that an audit does not have. If
the correct labels are known, `true_label` and `is_error` follow."""
SUSPECT_FIELDS: tuple[str, ...] = (
    "rank", "position", "key", "split", "given_label", "given_label_probability", "suggested_label",
    "suggested_confidence", "suggestions", "score", "distance", "error_probability", "is_label_issue",
    "distance_average", "distance_last", "predicted_gradient_norm", "margin", "loss",
    "neighbour_disagreement", "memorisation", "true_label", "is_error", "image_url", "box", "review",
    "own",
)  # fmt: skip
"""The fields of a suspect in the API, in order."""
SIGNALS: tuple[str, ...] = tuple(name for name, column in FIGURES.items() if column.facts.is_signal)
HISTOGRAMS: Mapping[str, str] = {
    column.facts.histogram: name for name, column in FIGURES.items() if column.facts.histogram is not None
}
"""The columns that have a histogram, by its name in summaries and metrics."""
