"""What names a class: numbers of class names, correct labels, and folders around folders."""

import numpy as np

from tests.files.array_shapes import CLASS_NAMES, NUMBERS, arrays
from tests.files.shapes import (
    COUNT,
    NAMES,
    VALUES,
    Expected,
    add,
    features,
    foldered,
    parquet,
    zipped,
)
from tests.files.shapes import table as make_table

THREE = np.arange(COUNT) % 3
ABC = ["a", "b", "c"]
COLUMNS = {"p": VALUES[:, 0], "q": VALUES[:, 1]}
FROM_1 = Expected(
    refused="labels_count_from_1",
    says=["labels are 1 to 3 and there are 3 names: they count from 0; subtract 1 or give 4 names"],
)

add("numbers: npz from 1", arrays(y=THREE + 1, class_names=np.array(ABC)), FROM_1)
add(
    "numbers: npz of correct labels from 1",
    arrays(y=THREE, y_true=THREE + 1, class_names=np.array(ABC)),
    Expected(refused="labels_count_from_1", says=["correct labels are 1 to 3 and there are 3 names"]),
)
add(
    "numbers: Parquet from 1", {"d.parquet": parquet({**COLUMNS, "label": THREE + 1}, {"label": ABC})}, FROM_1
)
add(
    "numbers: none is 0",
    arrays(y=NUMBERS + 1, class_names=np.array(["none", *CLASS_NAMES])),
    Expected(given=NAMES, notes=["no_label_is_0"], says=["'none' has no sample"]),
)
add(
    "numbers: without a name",
    arrays(y=THREE, class_names=np.array(CLASS_NAMES)),
    Expected(
        notes=["labels_without_name"], says=["8 labels were left out", "numbered 0 to 1, and none for 2"]
    ),
)
add(
    "numbers: -1 is no label, as Hugging Face writes it",
    {"d.parquet": parquet({**COLUMNS, "label": np.where(THREE == 2, -1, THREE)}, {"label": ABC})},
    Expected(classes=["a", "b"]),
)
add(
    "numbers: shards sorted by class",
    {
        "train-0.parquet": parquet({**COLUMNS, "label": np.zeros(COUNT, int)}, {"label": ABC}),
        "train-1.parquet": parquet({**COLUMNS, "label": np.full(COUNT, 2)}, {"label": ABC}),
    },
    Expected(given=["a"] * COUNT + ["c"] * COUNT),
)

UNLIKE = Expected(
    given=NAMES,
    classes=["cat", "dog"],
    true=[None] * COUNT,
    notes=["truth_not_used"],
    says=["no given label is among the correct ones: 0, 1 against cat, dog"],
)
NUMBERED = [[name, row % 2] for row, name in enumerate(foldered())]
add("truth: numbers beside names in an npz", arrays(y=np.array(NAMES), y_true=NUMBERS), UNLIKE)
add("truth: numbers beside names in a CSV", {"a.csv": features(y_true=NUMBERS).encode()}, UNLIKE)
add(
    "truth: numbers beside class folders",
    {"d.zip": zipped({**foldered(), "metadata.csv": make_table("file_name,true_label", NUMBERED).encode()})},
    UNLIKE,
)
add(
    "truth: names beside numbers",
    {"a.csv": features(names=NUMBERS.tolist(), truth=NAMES).encode()},
    Expected(classes=["0", "1"], notes=["truth_not_used"]),
)
add(
    "truth: numbers beside names, as asked",
    {"a.csv": features(checked=NUMBERS).encode()},
    Expected(refused="truth_differs", says=["0, 1 against cat, dog"]),
    truth_column="checked",
)
add(
    "truth: numbers of the class names",
    arrays(y=np.array(NAMES), y_true=1 - NUMBERS, class_names=np.array(CLASS_NAMES)),
    Expected(given=NAMES, true=NAMES[1:] + NAMES[:1]),
)
