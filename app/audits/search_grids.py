"""The paper's hyper-parameter grids (appendix B), and how a grid becomes settings."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

Grid = Mapping[str, Sequence[float]]

BETA: Grid = {"beta": (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)}
NOISE: Grid = {"noise_std": (0.01, 0.03, 0.1, 0.3)}
PAPER: Mapping[str, Grid] = {
    "limit": BETA,
    "limit_c": BETA,
    "limit_g": BETA,
    "limit_l": BETA,
    "ce_gn": NOISE,
    "ce_ln": NOISE,
    "dmi": {"learning_rate": (1e-3, 1e-4, 1e-5, 1e-6)},
    "soft_regularisation": {
        "soft_lambda": (0.001, 0.01, 0.03, 0.1),
        "beta": (0.0, 0.01, 0.1, 1.0, 10.0),
    },
}
"""By method; CE, MAE and FW have no hyper-parameters."""
SAMPLED: Mapping[str, Grid] = {
    "limit": {"noise_lambda": (5.0, 50.0, 500.0, 5000.0)},
    "limit_c": {"noise_lambda": (5.0, 50.0, 500.0, 5000.0)},
    "limit_g": {"noise_lambda": (5.0, 50.0, 500.0, 5000.0)},
    "limit_l": {"noise_lambda": (5.0, 10.0, 30.0, 100.0)},
}
"""What "+S" adds."""


def paper(method: str | None, *, samples: bool) -> Grid:
    """Return a method's grid; a method that is chosen for the user is one of LIMIT's."""
    if method is None:
        return BETA
    return {**PAPER.get(method, {}), **(SAMPLED.get(method, {}) if samples else {})}


def settings(grid: Grid) -> list[dict[str, Any]]:
    """Return every combination of a grid's values; of an empty grid the one that sets nothing."""
    return [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
