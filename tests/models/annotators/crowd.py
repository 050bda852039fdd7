"""Annotations from a table of labels, and simulated annotators."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from models.annotators.annotations import Annotations


def annotate(rows: Sequence[Sequence[int | None]], *, class_count: int | None = None) -> Annotations:
    """Return the labels in a table with a row for each sample and a column for each annotator."""
    found = [
        (sample, annotator, label)
        for sample, row in enumerate(rows)
        for annotator, label in enumerate(row)
        if label is not None
    ]
    sample_R, annotator_R, label_R = np.array(found, dtype=np.int32).T
    return Annotations(
        sample_R=sample_R,
        annotator_R=annotator_R,
        label_R=label_R,
        sample_count=len(rows),
        annotator_count=len(rows[0]),
        class_count=class_count or int(label_R.max()) + 1,
    )


def simulate(
    accuracies: Sequence[float], *, samples: int, classes: int, seed: int = 0
) -> tuple[Annotations, npt.NDArray[np.int64]]:
    """Return labels of all annotators of all samples, and the true classes."""
    random = np.random.default_rng(seed)
    true_N = random.integers(0, classes, samples)
    label_NJ = np.repeat(true_N[:, None], len(accuracies), axis=1)
    wrong_NJ = random.random(label_NJ.shape) > np.array(accuracies)
    label_NJ[wrong_NJ] = (label_NJ[wrong_NJ] + random.integers(1, classes, int(wrong_NJ.sum()))) % classes
    return annotate(label_NJ.tolist(), class_count=classes), true_N
