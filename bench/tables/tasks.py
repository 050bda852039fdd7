"""Ten tables with categories, blanks and known labels, and the wrong labels that are planted in them.

Four are scikit-learn's: some of their columns become words by their quartiles, and a twentieth of all cells
becomes blank. Six are generated. Wrong labels are planted uniformly, or where a forest that learned the
correct labels takes the row for another class.

Array names: N rows, K classes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn import datasets
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import cross_val_predict

Table = dict[str, list[Any]]
Labels = npt.NDArray[np.int64]
WORDS = ("low", "medium", "high", "top")
BLANK_SHARE = 0.05
ROWS = 400


@dataclass(frozen=True, kw_only=True)
class Task:
    """A table with given and correct labels."""

    name: str
    table: Table
    given_N: Labels
    correct_N: Labels

    @property
    def is_error(self) -> npt.NDArray[np.bool_]:
        """Return which labels are wrong [N]."""
        wrong_N: npt.NDArray[np.bool_] = self.given_N != self.correct_N
        return wrong_N

    @property
    def class_count(self) -> int:
        """Return K."""
        return int(self.correct_N.max()) + 1


def _mix(load: Callable[..., Any], words_every: int, rows: int = ROWS) -> tuple[Table, Labels]:
    """Return scikit-learn's table with every so many columns as words, and blanks."""
    values, labels = load(return_X_y=True)
    values, labels = values[:rows], labels[:rows]
    generator = np.random.default_rng(0)
    table: Table = {}
    for place, column in enumerate(values.T):
        cells: list[Any] = column.tolist()
        if place % words_every == 0:
            quartiles = np.quantile(column, [0.25, 0.5, 0.75])
            cells = [WORDS[level] for level in np.searchsorted(quartiles, column)]
        blank = generator.random(len(cells)) < BLANK_SHARE
        table[f"c{place}"] = [None if is_blank else cell for cell, is_blank in zip(cells, blank, strict=True)]
    return table, labels.astype(np.int64)


def _draw(seed: int, class_count: int) -> tuple[np.random.Generator, Labels]:
    generator = np.random.default_rng(seed)
    return generator, generator.integers(0, class_count, ROWS)


def _choose(
    generator: np.random.Generator, labels_N: Labels, values: list[str], sharpness: float
) -> list[str]:
    """Return a category for each label; each class has its own frequencies."""
    logits = sharpness * generator.normal(size=(labels_N.max() + 1, len(values)))
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return [values[generator.choice(len(values), p=shares[label])] for label in labels_N]


def _categories_alone() -> tuple[Table, Labels]:
    generator, labels = _draw(1, 3)
    return {f"c{place}": _choose(generator, labels, list("abcdefg"), 1.2) for place in range(6)}, labels


def _many_values() -> tuple[Table, Labels]:
    generator, labels = _draw(2, 4)
    streets = [f"street {number}" for number in range(160)]
    table: Table = {
        "street": _choose(generator, labels, streets, 2.0),
        "kind": _choose(generator, labels, list("abcde"), 1.0),
        "size": (labels * 0.8 + generator.normal(size=ROWS)).tolist(),
        "noise": generator.normal(size=ROWS).tolist(),
    }
    return table, labels


def _telling_blanks() -> tuple[Table, Labels]:
    generator, labels = _draw(3, 2)
    table: Table = {}
    for place in range(8):
        cells = (labels * 0.5 * generator.normal() + generator.normal(size=ROWS)).tolist()
        blank = generator.random(ROWS) < np.where(labels == place % 2, 0.45, 0.15)
        table[f"c{place}"] = [None if is_blank else cell for cell, is_blank in zip(cells, blank, strict=True)]
    return table, labels


def _dates() -> tuple[Table, Labels]:
    generator, labels = _draw(4, 3)
    months = (3 * labels + generator.integers(0, 5, ROWS)) % 12
    table: Table = {
        "since": [
            f"{year}-{month + 1:02}-{day:02}"
            for year, month, day in zip(
                2018 + generator.integers(0, 5, ROWS), months, generator.integers(1, 29, ROWS), strict=True
            )
        ],
        "paid": _choose(generator, labels, ["yes", "no"], 0.8),
        "sum": np.exp(labels * 0.5 + generator.normal(size=ROWS)).round(2).tolist(),
    }
    return table, labels


def _interaction() -> tuple[Table, Labels]:
    generator = np.random.default_rng(5)
    first, second = (generator.integers(0, 3, ROWS) for _ in range(2))
    labels = (first + second) % 3
    table: Table = {
        "first": [("red", "green", "blue")[value] for value in first],
        "second": (second * 2 + 0.5 * generator.normal(size=ROWS)).tolist(),
        "third": generator.normal(size=ROWS).tolist(),
        "fourth": [("x", "y", None)[value] for value in generator.integers(0, 3, ROWS)],
    }
    return table, labels.astype(np.int64)


def _uneven_heavy_tails() -> tuple[Table, Labels]:
    generator = np.random.default_rng(6)
    labels = generator.choice(4, ROWS, p=[0.6, 0.25, 0.1, 0.05]).astype(np.int64)
    table: Table = {
        f"c{place}": np.exp(1.5 * generator.normal(size=4)[labels] + generator.normal(size=ROWS)).tolist()
        for place in range(6)
    }
    table["kind"] = _choose(generator, labels, list("abcdefghij"), 1.0)
    return table, labels


TABLES: Mapping[str, Callable[[], tuple[Table, Labels]]] = {
    "iris": lambda: _mix(datasets.load_iris, 2),
    "wine": lambda: _mix(datasets.load_wine, 3),
    "tumours": lambda: _mix(datasets.load_breast_cancer, 3),
    "digits": lambda: _mix(datasets.load_digits, 8),
    "categories alone": _categories_alone,
    "many values": _many_values,
    "telling blanks": _telling_blanks,
    "dates": _dates,
    "interaction": _interaction,
    "uneven, heavy tails": _uneven_heavy_tails,
}
NOISES = ("uniform", "confusable")


def make_task(name: str, noise: str, rate: float, *, seed: int) -> Task:
    """Return a table in which a share of the labels was changed."""
    table, correct_N = TABLES[name]()
    generator = np.random.default_rng([seed, len(correct_N)])
    class_count, count = int(correct_N.max()) + 1, round(rate * len(correct_N))
    other_N = (correct_N + generator.integers(1, class_count, len(correct_N))) % class_count
    weight_N = np.ones(len(correct_N))
    if noise == "confusable":
        other_N, weight_N = _find_confusable(table, correct_N)
    changed = generator.choice(len(correct_N), count, replace=False, p=weight_N / weight_N.sum())
    given_N = correct_N.copy()
    given_N[changed] = other_N[changed]
    return Task(name=name, table=table, given_N=given_N, correct_N=correct_N)


def _find_confusable(table: Table, correct_N: Labels) -> tuple[Labels, npt.NDArray[np.float64]]:
    """Return the class that each row is taken for if not for its own, and how readily."""
    forest = RandomForestClassifier(min_samples_leaf=3, random_state=0)
    found_NK = cross_val_predict(forest, encode_plainly(table), correct_N, cv=5, method="predict_proba")
    found_NK[np.arange(len(correct_N)), correct_N] = 0
    return found_NK.argmax(1), found_NK.max(1) + 1e-3


def encode_plainly(table: Table) -> npt.NDArray[np.float32]:
    """Return a table as numbers: categories and dates by the place of the text, blanks as the mean."""
    columns = []
    for cells in table.values():
        if any(isinstance(cell, str) for cell in cells):
            places = {text: place for place, text in enumerate(sorted({str(cell) for cell in cells}))}
            columns.append([float(places[str(cell)]) for cell in cells])
            continue
        known = [cell for cell in cells if cell is not None]
        mean = sum(known) / len(known)
        columns.append([mean if cell is None else cell for cell in cells])
    return np.array(columns, dtype=np.float32).T
