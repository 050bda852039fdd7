"""`make demo-tables`: audit a table with categories, dates and blanks, a tenth of it mislabelled.

The table of customers is made up, so every correct label is known. The service reads each column by its type,
ranks by LIMIT and by boosted trees that have not seen the label, and says which columns speak against it.
"""

import csv
from pathlib import Path

import numpy as np

from examples import demo_steps
from models.paper.label_noise import add_uniform_noise

LABELS = ("leaves", "stays", "upgrades")
CITIES = {
    "leaves": ["Oslo", "Rome", "Lima"],
    "stays": ["Rome", "Bonn", "Cairo"],
    "upgrades": ["Bonn", "Oslo"],
}
PLANS = {"leaves": ["basic", "trial"], "stays": ["basic", "plus"], "upgrades": ["plus", "trial"]}
COUNT, NOISE_RATE, SEED = 1_500, 0.1, 1
BLANK_SHARE = 0.05


def write_dataset(folder: Path) -> tuple[Path, Path]:
    """Write the table as CSV with wrong labels, and its correct labels as another CSV."""
    generator = np.random.default_rng(SEED)
    correct = generator.integers(0, len(LABELS), COUNT)
    given, _ = add_uniform_noise(correct, rate=NOISE_RATE, class_count=len(LABELS), seed=SEED)
    table, truth = folder / "customers.csv", folder / "truth.csv"
    with table.open("w", newline="") as rows_file, truth.open("w", newline="") as truth_file:
        rows, labels = csv.writer(rows_file), csv.writer(truth_file)
        rows.writerow(["id", "age", "city", "plan", "since", "newsletter", "spent", "label"])
        labels.writerow(["key", "true_label"])
        for number in range(COUNT):
            key = f"c{number:05}"
            rows.writerow([key, *_draw_cells(correct[number], generator), LABELS[given[number]]])
            labels.writerow([key, LABELS[correct[number]]])
    return table, truth


def _draw_cells(label: int, generator: np.random.Generator) -> list[object]:
    """Return the cells of a customer; about a twentieth is blank."""
    name = LABELS[label]
    month, day = (label * 3 + generator.integers(0, 6)) % 12 + 1, generator.integers(1, 29)
    cells: list[object] = [
        round(33 + 9 * label + 7 * generator.normal()),
        generator.choice(CITIES[name]),
        generator.choice(PLANS[name]),
        f"20{generator.integers(18, 25)}-{month:02}-{day:02}",
        generator.choice(["yes", "no"]),
        f"{np.exp(3 + 0.4 * label + 0.6 * generator.normal()):.2f}",
    ]
    return ["" if generator.random() < BLANK_SHARE else cell for cell in cells]


def main() -> None:
    """Run the demo."""
    demo_steps.run(
        write_dataset, description=__doc__, name="customers with 10 % wrong labels", folder="demo-tables"
    )


if __name__ == "__main__":
    main()
