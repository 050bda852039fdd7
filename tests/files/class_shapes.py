"""What names a class: numbers of class names, correct labels, and folders around folders."""

import json
from collections.abc import Sequence

import numpy as np

from tests.files.array_shapes import CLASS_NAMES, NUMBERS, arrays, idx
from tests.files.shapes import (
    COUNT,
    NAMES,
    PIXELS,
    VALUES,
    Expected,
    add,
    features,
    flat,
    foldered,
    npz,
    parquet,
    png,
    tarred,
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
    "truth: numbers from 0 beside numbers from 1",
    arrays(y=THREE + 1, y_true=THREE),
    Expected(notes=["truth_counts_otherwise"], says=["1 to 3, correct ones 0 to 2"]),
)
add(
    "truth: numbers of the class names",
    arrays(y=np.array(NAMES), y_true=1 - NUMBERS, class_names=np.array(CLASS_NAMES)),
    Expected(given=NAMES, true=NAMES[1:] + NAMES[:1]),
)


def pets(prefix: str, rows: range = range(COUNT)) -> dict[str, bytes]:
    """Return some pictures in the class folders below a folder."""
    return {f"{prefix}{NAMES[row]}/{row}.png": png(row) for row in rows}


def one(members: dict[str, bytes]) -> dict[str, bytes]:
    """Return a zip upload."""
    return {"pets.zip": zipped(members)}


LOOSE = {f"{row}.png": png(row) for row in range(4)}
add(
    "wrappers: repeated folders of splits with a prefix",
    one({**pets("asl_train/asl_train/"), "asl_test/asl_test/A_test.png": png(0)}),
    Expected(given=NAMES, notes=["splits_found", "folder_ignored"], says=["'asl_test'"]),
)
add(
    "wrappers: splits with a prefix",
    one({**pets("asl_train/", range(12)), **pets("asl_test/", range(12, COUNT))}),
    Expected(given=NAMES, splits=["asl_train"] * 12 + ["asl_test"] * 12, notes=["splits_found"]),
)
add(
    "wrappers: every picture twice",
    one({**pets("flowers/"), **pets("flowers/flowers/")}),
    Expected(given=NAMES, notes=["folder_ignored"], says=["have the names of the classes beside it"]),
)
add(
    "wrappers: Tiny ImageNet's val/images",
    one({**pets("tiny/train/"), **{f"tiny/val/images/{name}": data for name, data in LOOSE.items()}}),
    Expected(given=NAMES, classes=["cat", "dog"], notes=["folder_ignored"], says=["only 'images'"]),
)
add(
    "wrappers: Tiny ImageNet's images in the class folders",
    one(
        {f"train/{NAMES[row]}/images/{row}.png": png(row) for row in range(COUNT)}
        | {f"val/images/{name}": data for name, data in LOOSE.items()}
    ),
    Expected(given=NAMES, classes=["cat", "dog"], notes=["folder_ignored"]),
)
add(
    "wrappers: a repeated folder beside a split",
    one({**pets("X/X/train/"), **{f"test/test/{name}": data for name, data in LOOSE.items()}}),
    Expected(notes=["class_holds_folders", "split_as_class"], says=["'X' lie deeper"]),
)
add(
    "wrappers: a class in one split only",
    one({**pets("train/"), **pets("val/"), **{f"val/owl/{name}": data for name, data in LOOSE.items()}}),
    Expected(
        classes=["cat", "dog", "owl"], notes=["classes_in_one_split"], says=["'owl' occur in 'val' only"]
    ),
)
add(
    "wrappers: splits in one class",
    one({**pets(""), **{f"owl/train/{name}": data for name, data in LOOSE.items()}}),
    Expected(classes=["cat", "dog", "owl"], notes=["class_holds_folders"]),
)

add(
    "names: scikit-learn's arrays",
    {"d.npz": npz(data=VALUES, target=NUMBERS, target_names=np.array(CLASS_NAMES))},
    Expected(given=NAMES, spelled=[0, 1]),
)
TEXTS = np.array([str(number) for number in NUMBERS])
add(
    "names: numbers as texts",
    arrays(y=TEXTS, class_names=np.array(CLASS_NAMES)),
    Expected(given=NAMES, spelled=["0", "1"]),
)
add(
    "names: numbers as texts, from 1",
    arrays(y=np.array([str(number + 1) for number in THREE]), class_names=np.array(ABC)),
    FROM_1,
)
add(
    "names: none of the labels",
    arrays(y=np.array(NAMES), class_names=np.array(["owl", "fox"])),
    Expected(given=NAMES, notes=["class_names_not_used"], says=["'owl', 'fox'"]),
)
for names_file in ("classes.txt", "emnist-mapping.txt"):
    add(
        f"names: {names_file} beside numbered folders",
        one({**foldered("0", "1"), names_file: b"cat\ndog\n"}),
        Expected(classes=["0", "1"], notes=["class_names_not_used"], says=[names_file]),
    )

KANJI, CYRILLIC = "\u732b".encode("shift_jis"), "\u043a\u043e\u0442".encode("cp1251")


def unknown_zip(name: bytes) -> bytes:
    """Return a zip in which the class "cat" has this name, in the encoding of an old Windows."""
    placeholder = b"~" * len(name)
    return zipped(foldered(cat=placeholder.decode())).replace(placeholder + b"/", name + b"/")


ENCODED = Expected(notes=["names_in_unknown_encoding"], says=["12 names in the archive are not in UTF-8"])
add("archive: names in Shift-JIS", {"d.zip": unknown_zip(KANJI)}, ENCODED)
add("archive: names in Windows-1251", {"d.zip": unknown_zip(CYRILLIC)}, ENCODED)
TARRED = [(name.encode().replace(b"cat", CYRILLIC), data) for name, data in foldered().items()]
add("archive: a tar with names in Windows-1251", {"d.tar": tarred(TARRED)}, ENCODED)
for hidden in (".NET", "$RECYCLE.BIN"):
    members = {**foldered(), **{f"{hidden}/{name}": data for name, data in LOOSE.items()}}
    says = Expected(given=NAMES, notes=["hidden_folder"], says=[f"4 pictures in '{hidden}' were left out"])
    add(f"archive: a hidden folder {hidden} in a zip", one(members), says)
    raw = [(name.encode(), data) for name, data in members.items()]
    add(f"archive: a hidden folder {hidden} in a tar", {"d.tar": tarred(raw)}, says)


def json_labels(labels: Sequence[object]) -> dict[str, bytes]:
    """Return pictures with a table in JSON lines."""
    lines = [
        json.dumps({"file_name": f"{row}.png", "label": label}) + "\n" for row, label in enumerate(labels)
    ]
    return one({**flat(""), "metadata.jsonl": "".join(lines).encode()})


add("json: lists of one class", json_labels([[name] for name in NAMES]), Expected(given=NAMES))
add(
    "json: objects with a name",
    json_labels([{"id": 1, "name": name} for name in NAMES]),
    Expected(given=NAMES),
)
add(
    "json: several classes",
    json_labels([[name, "pet"] for name in NAMES]),
    Expected(given=[f'["{name}", "pet"]' for name in NAMES]),
)
add(
    "json: several classes as objects",
    json_labels([[{"name": name}, {"name": "pet"}] for name in NAMES]),
    Expected(refused="nested_label", says=['[{"name": "cat"}, {"name": "pet"}]', '["cat", "dog"]']),
)
add(
    "npz: Keras's mnist.npz",
    {"mnist.npz": npz(x_train=PIXELS, y_train=NUMBERS, x_test=PIXELS[:5], y_test=NUMBERS[:5])},
    Expected(classes=["0", "1"], notes=["splits_not_read"], says=["'x_test', 'y_test' were not"]),
)
add(
    "npz: arrays without names",
    {"d.npz": npz(arr_0=PIXELS, arr_1=NUMBERS)},
    Expected(refused="missing_column", says=["x=images, y=labels"]),
)
add(
    "foreign: Label Studio's JSON",
    one(
        {
            **flat("images/"),
            "project.json": b'[{"annotations": [{"completed_by": 1}], "id": 1}]',
        }
    ),
    Expected(refused="unsupported_labels", says=["Label Studio", "CSV"]),
)
add(
    "names: EMNIST's mapping beside IDX",
    {
        "emnist-train-images-idx3-ubyte": idx(PIXELS),
        "emnist-train-labels-idx1-ubyte": idx(NUMBERS.astype(np.uint8)),
        "emnist-mapping.txt": b"0 48\n1 49\n",
    },
    Expected(classes=["0", "1"], notes=["class_names_not_used"], says=["'emnist-mapping.txt' may name them"]),
)
