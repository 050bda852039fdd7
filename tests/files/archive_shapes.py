"""Archives of pictures as people, Kaggle, Roboflow, cameras, macOS, Windows and storage boxes make them."""

import io
import json
import struct
import zipfile
import zlib

from tests.files.shapes import (
    CLASSES,
    COUNT,
    NAMES,
    Expected,
    add,
    flat,
    foldered,
    png,
    table,
    tarred,
    zipped,
)

BY_FOLDER = Expected(given=NAMES)
HALF = COUNT // 2
ALIKE = ("caf\u00e9", "cafe\u0301", "tea")
BEARS = ("b\u00e4r", "dog")


def splits(train: str, test: str) -> dict[str, bytes]:
    """Return pictures in two splits with two classes."""
    return {f"{train if row < HALF else test}/{NAMES[row]}/{row}.png": png(row) for row in range(COUNT)}


def both(train: str, test: str) -> Expected:
    """Return the reading of `splits`."""
    return Expected(given=NAMES, splits=[train] * HALF + [test] * HALF)


def upload(members: dict[str, bytes]) -> dict[str, bytes]:
    """Return a zip upload."""
    return {"pets.zip": zipped(members)}


for train, test in (
    ("train", "test"),
    ("training_set", "test_set"),
    ("train_images", "val_images"),
    ("Train", "Valid"),
    ("train2017", "val2017"),
    ("trainSet", "testSet"),
    ("seg_train", "seg_test"),
    ("training-data", "testing-data"),
):
    add(f"splits: {train}, {test}", upload(splits(train, test)), both(train, test))
add(
    "splits: inside a folder around everything",
    upload({f"set/{name}": data for name, data in splits("training_set", "test_set").items()}),
    both("training_set", "test_set"),
)
add(
    "splits: a third folder without classes",
    upload(splits("train", "test") | {f"unlabeled/{row}.png": png(row) for row in range(5)}),
    Expected(given=NAMES, splits=["train"] * HALF + ["test"] * HALF, notes=["folder_ignored"]),
)
add(
    "splits: Intel's seg_pred",
    upload(
        {f"{name.split('/')[0]}/{name}": data for name, data in splits("seg_train", "seg_test").items()}
        | {f"seg_pred/seg_pred/{row}.png": png(row) for row in range(5)}
    ),
    Expected(given=NAMES, splits=["seg_train"] * HALF + ["seg_test"] * HALF, notes=["folder_ignored"]),
)
add("splits: a split of another name", upload(splits("train", "holdout")), both("train", "holdout"))
add(
    "splits: without class folders",
    upload({f"{'train' if row % 2 else 'test'}/{row}.png": png(row) for row in range(COUNT)}),
    Expected(refused="splits_without_classes", says=["class_folder=1"]),
)
add(
    "splits: these are the classes, as asked",
    upload({f"{'train' if row % 2 else 'test'}/{row}.png": png(row) for row in range(COUNT)}),
    Expected(classes=["test", "train"]),
    class_folder=1,
)
add(
    "classes: train, bus",
    upload(foldered("train", "bus")),
    Expected(classes=["bus", "train"], notes=["split_as_class"]),
)
add(
    "classes: train station, test tube",
    upload(foldered("train station", "test tube")),
    Expected(classes=["test tube", "train station"]),
)
add(
    "classes: the same folders in every class",
    upload({f"{CLASSES[row % 2]}/{('in', 'out')[row // 2 % 2]}/{row}.png": png(row) for row in range(COUNT)}),
    Expected(classes=["cat", "dog"], notes=["classes_look_like_splits"], says=["class_folder=2"]),
)
add(
    "classes: the second folder, as asked",
    upload({f"{('2019', '2020')[row // 2 % 2]}/{NAMES[row]}/{row}.png": png(row) for row in range(COUNT)}),
    Expected(given=NAMES),
    class_folder=2,
)
add(
    "classes: folders 1.0 and 1",
    upload(foldered("1.0", "1")),
    Expected(classes=["1", "1.0"], spelled=["1", "1.0"]),
)
add("classes: a folder named nan", upload(foldered("nan", "dog")), Expected(classes=["dog", "nan"]))
add("classes: a folder named None", upload(foldered("None", "dog")), Expected(classes=["None", "dog"]))
add(
    "classes: a folder with a blank at its end",
    upload(foldered("cat ", "dog")),
    Expected(classes=["cat", "dog"], spelled=["cat ", "dog"]),
)
add("classes: 007", upload(foldered("007", "7")), Expected(classes=["007", "7"]))
add(
    "litter: @eaDir, __MACOSX, Thumbs.db",
    upload(
        foldered()
        | {
            "cat/@eaDir/0.png/SYNOFILE_THUMB_M.png": png(0),
            "__MACOSX/cat/._0.png": b"x",
            "dog/Thumbs.db": b"x",
            "cat/.DS_Store": b"x",
            "@eaDir/a.png": png(1),
            "#recycle/1.png": png(1),
            "cat/desktop.ini": b"x",
        }
    ),
    BY_FOLDER,
)
add(
    "names: NFD folders beside NFC",
    upload({f"{ALIKE[row % 3]}/{row}.png": png(row) for row in range(COUNT)}),
    Expected(classes=["café", "tea"], notes=["spellings_merged"]),
)
add(
    "names: backslashes, as PowerShell writes",
    upload({name.replace("/", "\\"): data for name, data in foldered().items()}),
    BY_FOLDER,
)
add(
    "names: a tar in Latin-1",
    {
        "d.tar": tarred(
            [((f"{BEARS[row % 2]}/{row}.png").encode("latin-1"), png(row)) for row in range(COUNT)]
        )
    },
    Expected(classes=["bär", "dog"]),
)
add(
    "names: a folder entry twice in a tar",
    {
        "d.tar": tarred(
            [(b"cat", None), (b"cat", None), *((name.encode(), data) for name, data in foldered().items())]
        )
    },
    BY_FOLDER,
)


def unicode_names() -> bytes:
    """Return a zip whose names are garbled in the header and right in the extra field 0x7075."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for row in range(COUNT):
            right, raw = f"{BEARS[row % 2]}/{row}.png", f"{('b_r', 'dog')[row % 2]}/{row}.png"
            info = zipfile.ZipInfo(raw)
            content = b"\x01" + struct.pack("<L", zlib.crc32(raw.encode())) + right.encode()
            info.extra = struct.pack("<2H", 0x7075, len(content)) + content
            archive.writestr(info, png(row))
    return buffer.getvalue()


add("names: the extra field 0x7075", {"d.zip": unicode_names()}, Expected(classes=["bär", "dog"]))

ROWS = [[f"images/{row}.png", NAMES[row]] for row in range(COUNT)]
KEYS = [f"images/{row}.png" for row in range(COUNT)]


def manifest(text: str | bytes, name: str = "metadata.csv") -> dict[str, bytes]:
    """Return pictures in one folder beside a table."""
    return upload({name: text.encode() if isinstance(text, str) else text, **flat()})


PLAIN = Expected(given=NAMES, keys=KEYS)
LISTED = table("file_name,label", ROWS)
add("table: metadata.csv", manifest(LISTED), PLAIN)
add(
    "table: of another name",
    manifest(LISTED, "train.csv"),
    Expected(given=NAMES, keys=KEYS, splits=["train"] * COUNT),
)
add(
    "table: of another name and columns",
    manifest(LISTED.replace("file_name,label", "picture,breed"), "list of pets.csv"),
    Expected(given=NAMES, keys=KEYS, notes=["label_guessed"]),
)
add(
    "table: Kaggle's ids without endings",
    manifest(table("id_code,diagnosis", [[row, row % 3] for row in range(COUNT)]), "train.csv"),
    Expected(given=[str(row % 3) for row in range(COUNT)], notes=["found_by_stem"]),
)
add(
    "table: beside train and test folders",
    upload(
        {
            "train.csv": table("image,label", [[f"{row}.png", NAMES[row]] for row in range(COUNT)]).encode(),
            **{f"train/{row}.png": png(row) for row in range(COUNT)},
            **{f"test/t{row}.png": png(row) for row in range(3)},
        }
    ),
    Expected(given=NAMES),
)
add(
    "table: beside a sample submission",
    upload(
        {
            "train.csv": LISTED.encode(),
            "sample_submission.csv": table(
                "file_name,label", [[f"images/t{row}.png", "cat"] for row in range(3)]
            ).encode(),
            **flat(),
            **{f"images/t{row}.png": png(row) for row in range(3)},
        }
    ),
    Expected(given=NAMES, notes=["table_ignored"]),
)
add(
    "table: in the folder of the pictures",
    upload(
        {
            "pets/metadata.csv": table(
                "file_name,label", [[f"{row}.png", NAMES[row]] for row in range(COUNT)]
            ).encode(),
            **flat("pets/"),
        }
    ),
    Expected(given=NAMES),
)
add("table: semicolons", manifest(LISTED.replace(",", ";")), PLAIN)
add("table: tabs, named tsv", manifest(LISTED.replace(",", "\t"), "labels.tsv"), PLAIN)
add("table: a trailing comma", manifest(LISTED.replace("\n", ",\n", 5)), PLAIN)
add("table: UTF-16", manifest(LISTED.encode("utf-16")), PLAIN)
add(
    "table: cp1252, named",
    manifest(LISTED.replace("cat", "B\u00e4r").encode("cp1252")),
    Expected(refused="bad_metadata", says=["cp1252", "encoding="]),
)
add("table: backslashes in paths", manifest(LISTED.replace("images/", "images\\")), PLAIN)
add(
    "table: absolute paths of another machine",
    manifest(LISTED.replace("images/", "/home/me/data/images/")),
    Expected(given=NAMES, notes=["found_by_name"]),
)
add(
    "table: NFD paths",
    upload(
        {
            "metadata.csv": table(
                "file_name,label", [[f"bilder/b\u00e4r{row}.png", NAMES[row]] for row in range(COUNT)]
            ).encode(),
            **{f"bilder/ba\u0308r{row}.png": png(row) for row in range(COUNT)},
        }
    ),
    Expected(given=NAMES, notes=["names_compared"]),
)
add(
    "table: JSON lines whose first lacks the label",
    manifest(
        "\n".join(
            json.dumps({"file_name": path, **({} if row == 0 else {"label": name})})
            for row, (path, name) in enumerate(ROWS)
        ),
        "metadata.jsonl",
    ),
    Expected(given=NAMES[1:]),
)
add(
    "table: JSON lines without an id in some",
    manifest(
        "\n".join(
            json.dumps({"file_name": path, "label": name, **({"id": f"k{row}"} if row % 2 else {})})
            for row, (path, name) in enumerate(ROWS)
        ),
        "metadata.jsonl",
    ),
    Expected(keys=[f"k{row}" if row % 2 else KEYS[row] for row in range(COUNT)]),
)
add(
    "table: true labels beside class folders",
    upload(
        {
            "metadata.csv": table("file_name,true_label", [[name, "cat"] for name in foldered()]).encode(),
            **foldered(),
        }
    ),
    Expected(given=NAMES, true=["cat"] * COUNT),
)
add(
    "table: beside a class folder named train",
    upload(
        {
            "metadata.csv": table("file_name", [[name] for name in foldered("train", "bus")]).encode(),
            **foldered("train", "bus"),
        }
    ),
    Expected(given=["train", "bus"] * HALF),
)
add(
    "table: several names of labels",
    manifest(table("file_name,class,label", [[path, name[0], name] for path, name in ROWS])),
    Expected(given=NAMES, notes=["label_chosen"]),
)
add(
    "table: numbers beside class folders",
    upload(
        {
            "index.csv": table(
                "path,label", [[name, row % 2] for row, name in enumerate(foldered())]
            ).encode(),
            **foldered(),
        }
    ),
    Expected(given=NAMES, notes=["named_by_folder"]),
)


def listed(lines: list[str], name: str = "labels.txt") -> dict[str, bytes]:
    """Return pictures in one folder beside a list."""
    return upload({name: "\n".join(lines).encode(), **flat()})


add(
    "list: blanks",
    listed([f"{path} {row % 2}" for row, path in enumerate(KEYS)]),
    Expected(given=[str(row % 2) for row in range(COUNT)]),
)
add(
    "list: tabs and labels of several words",
    listed([f"{path}\t{('big cat', 'dog')[row % 2]}" for row, path in enumerate(KEYS)]),
    Expected(classes=["big cat", "dog"]),
)
add(
    "list: bare paths",
    listed(KEYS, "train.txt"),
    Expected(refused="list_without_labels", says=["path label"]),
)
add(
    "list: bare paths beside class folders",
    upload(
        {
            "train.txt": "\n".join(list(foldered())[:HALF]).encode(),
            "test.txt": "\n".join(list(foldered())[HALF:]).encode(),
            **foldered(),
        }
    ),
    Expected(classes=["cat", "dog"], notes=["list_of_paths"]),
)
add(
    "list: numbers beside class folders",
    upload(
        {
            "train.txt": "\n".join(f"{name} {row % 2}" for row, name in enumerate(foldered())).encode(),
            **foldered(),
        }
    ),
    Expected(given=NAMES, splits=["train"] * COUNT, notes=["named_by_folder"]),
)
add(
    "list: numbers that do not fit the folders",
    upload(
        {
            "train.txt": "\n".join(f"{name} {row % 3}" for row, name in enumerate(foldered())).encode(),
            **foldered(),
        }
    ),
    Expected(given=[str(row % 3) for row in range(COUNT)]),
)
