"""The rows of the paper's tables: method, hyper-parameters, and the grids they were chosen from."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product

Settings = Mapping[str, object]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of a table. The first of `grid` is used, or with a search the best on validation."""

    name: str
    method: str
    settings: Settings
    grid: tuple[Settings, ...] = ({},)
    starts_from_ce: bool = False
    """Whether the network that is fitted to the labels starts from the best CE model of the same split."""


def _each(field: str, *values: float) -> tuple[Settings, ...]:
    return tuple({field: value} for value in values)


def _limit(letter: str, *, samples: bool, starts_from_ce: bool = False) -> Row:
    betas = (3.0, 0.03, 0.1, 0.3, 1.0, 10.0) if letter == "L" else (1.0, 0.03, 0.1, 0.3, 3.0, 10.0)
    name = f"LIMIT_{letter} {'+' if samples else '-'} S{' + init.' if starts_from_ce else ''}"
    return Row(
        name=name,
        method=f"limit_{letter.lower()}",
        settings={"sample_gradients": samples, "noise_lambda": 30.0 if letter == "L" else 500.0},
        grid=_each("beta", *betas),
        starts_from_ce=starts_from_ce,
    )


def with_grid(row: Row, values: Mapping[str, tuple[float, ...]]) -> Row:
    """Return a row that searches these values instead, of the fields that its own grid has."""
    fields = [field for field in values if any(field in settings for settings in row.grid)]
    if not fields:
        return row
    combinations = product(*(values[field] for field in fields))
    return replace(row, grid=tuple(dict(zip(fields, each, strict=True)) for each in combinations))


_NOISE = _each("noise_std", 0.01, 0.03, 0.1, 0.3)
_SOFT = tuple(
    {"soft_lambda": soft_lambda, "beta": beta}
    for soft_lambda in (0.01, 0.001, 0.03, 0.1)
    for beta in (0.01, 0.0, 0.1, 1.0, 10.0)
)
CE = Row(name="CE", method="ce", settings={})
_BASELINES = (
    CE,
    Row(name="CE + GN", method="ce_gn", settings={}, grid=_NOISE),
    Row(name="CE + LN", method="ce_ln", settings={}, grid=_NOISE),
    Row(name="MAE", method="mae", settings={}),
    Row(name="FW", method="fw", settings={}, starts_from_ce=True),
    Row(
        name="DMI",
        method="dmi",
        settings={},
        grid=_each("learning_rate", 1e-4, 1e-3, 1e-5, 1e-6),
        starts_from_ce=True,
    ),
    Row(name="Soft reg. (8)", method="soft_regularisation", settings={}, grid=_SOFT),
)
TABLE_1 = (
    *_BASELINES,
    _limit("G", samples=True),
    _limit("L", samples=True),
    _limit("G", samples=False),
    _limit("L", samples=False),
)
TABLE_2 = (
    *(row for row in _BASELINES if row.name in {"CE", "MAE", "FW", "DMI"}),
    _limit("G", samples=False),
    _limit("L", samples=False),
    _limit("G", samples=False, starts_from_ce=True),
    _limit("L", samples=False, starts_from_ce=True),
)
OURS = Row(name="limit (our default)", method="limit", settings={})
"""What the service does where nothing is asked for; not in the paper."""
FIGURE_1 = (
    CE,
    Row(name="CE + dropout", method="ce", settings={}, grid=_each("dropout", 0.5, 0.1, 0.3)),
    Row(
        name="CE + weight decay", method="ce", settings={}, grid=_each("weight_decay", 1e-3, 1e-5, 1e-4, 1e-2)
    ),
    _limit("L", samples=False),
)
FIGURE_2 = tuple(
    row
    for row in TABLE_1
    if row.name in {"CE", "MAE", "FW", "DMI", "Soft reg. (8)", "LIMIT_G - S", "LIMIT_L - S"}
)
FIGURE_A1 = tuple(
    Row(name=f"LIMIT_{letter}, beta = {beta:g}", method=f"limit_{letter.lower()}", settings={"beta": beta})
    for letter in "GL"
    for beta in (0.0, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
)
