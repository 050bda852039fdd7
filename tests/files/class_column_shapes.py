"""Tables with a column of 0 and 1 for each class, as CelebA and Kaggle's toxic comments have them."""

from collections.abc import Sequence

import pyarrow as pa

from tests.files.shapes import COUNT, NUMBER_TEXTS, VALUES, Expected, add, flat, parquet, table, zipped
from tests.files.workbook_shapes import workbook

CAT = [row % 2 for row in range(COUNT)]
DOG = [int(row % 3 == 0) for row in range(COUNT)]
NAMES = [
    {(0, 0): "[]", (1, 0): '["cat"]', (0, 1): '["dog"]', (1, 1): '["cat", "dog"]'}[pair]
    for pair in zip(CAT, DOG, strict=True)
]
BOTH = ["cat", "dog"]
READ = Expected(given=NAMES, features=["a", "b", "c"])


def write_features(cat: Sequence[object], dog: Sequence[object], delimiter: str = ",") -> dict[str, bytes]:
    """Return a CSV of three features and two classes."""
    rows = [[*NUMBER_TEXTS[row], cat[row], dog[row]] for row in range(COUNT)]
    return {"data.csv": table(delimiter.join(("a", "b", "c", "cat", "dog")), rows, delimiter).encode()}


add("classes: columns of 0 and 1", write_features(CAT, DOG), READ, class_columns=BOTH)
add("classes: from one column to another", write_features(CAT, DOG), READ, class_columns=["cat..dog"])
add(
    "classes: columns that nobody named",
    write_features(CAT, DOG),
    Expected(refused="missing_column", says=["'cat', 'dog' hold 0 and 1", "class_columns", "cat..dog"]),
)
for title, words in (
    ("pandas's truth values", ("False", "True")),
    ("yes and no", ("no", "YES")),
    ("numbers with a fraction", ("0.0", "1.0")),
    ("-1 and 1", ("-1", "1")),
):
    cells = [words[has] for has in CAT], [words[has] for has in DOG]
    add(f"classes: {title}", write_features(*cells, ";"), READ, class_columns=BOTH)
for odd in ("2", "-1", "x", "1,0"):
    add(
        f"classes: {odd} among 0 and 1",
        write_features(CAT, [odd, *DOG[1:]], ";"),
        Expected(refused="bad_class_column", says=["'dog'", f"'{odd}'", "0 and 1"]),
        class_columns=BOTH,
    )
add(
    "classes: a blank cell",
    write_features(CAT, ["", *DOG[1:]]),
    Expected(given=NAMES[1:], notes=["class_cell_blank"], says=["1 rows were left out", "'dog'"]),
    class_columns=BOTH,
)
COMMENTS = [f'"{row} words, of a\n""comment"" here"' for row in range(COUNT)]
add(
    "classes: Kaggle's toxic comments",
    {
        "train.csv": table(
            "id,comment_text,cat,dog",
            [[f"k{row}", COMMENTS[row], CAT[row], DOG[row]] for row in range(COUNT)],
        ).encode()
    },
    Expected(given=NAMES, keys=[f"k{row}" for row in range(COUNT)]),
    class_columns=["cat..dog"],
)
add(
    "classes: Parquet with truth values",
    {
        "d.parquet": parquet(
            {"a": VALUES[:, 0], "cat": pa.array(map(bool, CAT)), "dog": pa.array(DOG, pa.int8())}
        )
    },
    Expected(given=NAMES, features=["a"]),
    class_columns=BOTH,
)
CELLS = [[*VALUES[row].tolist(), bool(CAT[row]), DOG[row]] for row in range(COUNT)]
add(
    "classes: truth values and numbers of Excel",
    workbook({"S": [["a", "b", "c", "cat", "dog"], *CELLS]}),
    READ,
    class_columns=BOTH,
)
FACES = [f"{row}.png,{2 * CAT[row] - 1},{2 * DOG[row] - 1}" for row in range(COUNT)]
PARTITION = [f"{row}.png,{row % 3}" for row in range(COUNT)]
CELEBA = {
    "faces.zip": zipped(
        {
            **flat("img_align_celeba/"),
            "list_attr_celeba.csv": "\n".join(["image_id,cat,dog", *FACES]).encode(),
            "list_eval_partition.csv": "\n".join(["image_id,partition", *PARTITION]).encode(),
        }
    )
}
add("classes: CelebA", CELEBA, Expected(given=NAMES, notes=["table_ignored"]), class_columns=BOTH)
add(
    "classes: CelebA, as nobody named the columns",
    CELEBA,
    Expected(notes=["label_guessed", "table_ignored"], says=["class_columns", "cat..dog"]),
)
