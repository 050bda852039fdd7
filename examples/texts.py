"""`make demo-text`: audit short messages, a tenth of them mislabelled.

The messages to a shop are made up, in English and Japanese, so every correct label is known; some words
belong to several subjects. The service reads the texts by their words, ranks by LIMIT and by a linear model
that has not seen the label, and marks the words that speak against it.
"""

import csv
from pathlib import Path

import numpy as np

from examples import demo_steps
from models.paper.label_noise import add_uniform_noise

LABELS = ("delivery", "payment", "returns")
WORDS = {
    "delivery": ["parcel", "courier", "late", "tracking", "address", "arrived", "postman", "delayed"],
    "payment": ["invoice", "card", "charged", "amount", "bank", "price", "transfer", "twice"],
    "returns": ["refund", "return", "broken", "exchange", "label", "size", "defect", "box"],
}
SHARED = [
    "order",
    "please",
    "help",
    "today",
    "the",
    "my",
    "still",
    "since",
    "week",
    "again",
    "can",
    "you",
    "box",
    "card",
]
JAPANESE = {
    "delivery": ["荷物が届かない", "配送が遅い", "追跡番号", "住所を変更"],
    "payment": ["請求書", "カードで支払い", "金額が違う", "二重に請求"],
    "returns": ["返品したい", "返金", "壊れていた", "サイズ交換"],
}
JAPANESE_SHARED = ["お願いします", "注文について", "今日", "教えてください"]
COUNT, NOISE_RATE, SEED = 1_500, 0.1, 1
JAPANESE_SHARE = 0.2


def write_dataset(folder: Path) -> tuple[Path, Path]:
    """Write the texts as CSV with wrong labels, and their correct labels as another CSV."""
    generator = np.random.default_rng(SEED)
    correct = generator.integers(0, len(LABELS), COUNT)
    given, _ = add_uniform_noise(correct, rate=NOISE_RATE, class_count=len(LABELS), seed=SEED)
    table, truth = folder / "messages.csv", folder / "truth.csv"
    with (
        table.open("w", newline="", encoding="utf-8") as texts_file,
        truth.open("w", newline="") as truth_file,
    ):
        texts, labels = csv.writer(texts_file), csv.writer(truth_file)
        texts.writerow(["id", "text", "label"])
        labels.writerow(["key", "true_label"])
        for number in range(COUNT):
            key = f"m{number:05}"
            texts.writerow([key, _write_text(LABELS[correct[number]], generator), LABELS[given[number]]])
            labels.writerow([key, LABELS[correct[number]]])
    return table, truth


def _write_text(label: str, generator: np.random.Generator) -> str:
    if generator.random() < JAPANESE_SHARE:
        parts = [*generator.choice(JAPANESE[label], 2), *generator.choice(JAPANESE_SHARED, 2)]
        return "、".join(generator.permutation(parts))
    count = int(generator.integers(6, 16))
    parts = [
        str(generator.choice(WORDS[label] if generator.random() < 0.35 else SHARED))  # noqa: PLR2004 - a share
        for _ in range(count)
    ]
    return " ".join(parts)


def main() -> None:
    """Run the demo."""
    demo_steps.run(
        write_dataset, description=__doc__, name="messages with 10 % wrong labels", folder="demo-text"
    )


if __name__ == "__main__":
    main()
