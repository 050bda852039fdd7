"""Tables beside pictures in which it is not plain what names the pictures or what labels them."""

from tests.files.shapes import COUNT, NAMES, Expected, add, flat, foldered, png, table, zipped

ROWS = range(COUNT)
SHIFTED = {f"img/{row + 1}.png": png(row) for row in ROWS}
"""Pictures counted from 1, so that a counter from 0 names the picture before."""
SHIFTED_KEYS = [f"img/{row + 1}.png" for row in ROWS]


def beside(text: str, members: dict[str, bytes], name: str = "liste.csv") -> dict[str, bytes]:
    """Return a zip of pictures and a table."""
    return {"d.zip": zipped({name: text.encode(), **members})}


for header in ("id,scan,label", "no,bild,label", "patient,scan,label", "image_id,scan,label"):
    add(
        f"pictures: a counter beside their paths ({header})",
        beside(table(header, [[row, f"img/{row + 1}.png", NAMES[row]] for row in ROWS]), SHIFTED),
        Expected(
            given=NAMES,
            keys=None if header.startswith("id") else SHIFTED_KEYS,
            notes=["file_column_guessed"],
            says=["by path"],
        ),
    )
add(
    "pictures: the rank of a ranking beside their keys",
    beside(
        table("rank,key,given_label", [[row, f"img/{row + 1}.png", NAMES[row]] for row in ROWS]),
        SHIFTED,
        "ranking.csv",
    ),
    Expected(given=NAMES, keys=SHIFTED_KEYS),
)
for ending in ("jpg", "PNG"):
    add(
        f"pictures: a counter beside paths that end in .{ending}",
        beside(
            table("id,image,label", [[row, f"img/{row + 1}.{ending}", NAMES[row]] for row in ROWS]), SHIFTED
        ),
        Expected(refused="unclear_file_column", says=["'id'", "'image'", "exclude_columns=image"]),
    )
TASKS = table(
    "image,id,choice", [[f"/data/upload/1/ab12cd34-{row + 1}.png", row, NAMES[row]] for row in ROWS]
)
add(
    "pictures: Label Studio's tasks beside renamed uploads",
    beside(TASKS, SHIFTED),
    Expected(refused="unclear_file_column", says=["'id'", "ab12cd34-1.png", "exclude_columns=image"]),
)
add(
    "pictures: the counter names them, as said",
    beside(table("id,image,label", [[row + 1, f"scan-{row}.png", NAMES[row]] for row in ROWS]), SHIFTED),
    Expected(given=NAMES, notes=["found_by_stem"]),
    exclude_columns=("image",),
)
add(
    "pictures: a numbered label beside ids",
    beside(table("label,id", [[row % 3, row] for row in ROWS]), flat()),
    Expected(given=[str(row % 3) for row in ROWS], keys=[f"images/{row}.png" for row in ROWS]),
)
add(
    "pictures: an unclear table beside class folders",
    beside(table("id,image,label", [[row, f"{row + 1}.jpg", "x"] for row in ROWS]), foldered(), "labels.csv"),
    Expected(given=NAMES, notes=["table_ignored"]),
)
add(
    "pictures: two columns of them",
    beside(
        table(
            "left,right,label", [[f"img/{row + 1}.png", f"img/{COUNT - row}.png", NAMES[row]] for row in ROWS]
        ),
        SHIFTED,
    ),
    Expected(given=NAMES, keys=SHIFTED_KEYS, notes=["file_column_chosen"], says=["exclude_columns=left"]),
)
TRAIN_AND_TEST = {f"{split}/{row}.png": png(row) for row in ROWS for split in ("train", "test")}
for cell in ("{}.png", "{}"):
    add(
        f"pictures: train.csv beside train and test with the same names ({cell})",
        beside(
            table("id,label", [[cell.format(row), NAMES[row]] for row in ROWS]), TRAIN_AND_TEST, "train.csv"
        ),
        Expected(
            given=NAMES,
            keys=[f"train/{row}.png" for row in ROWS],
            notes=["found_by_table"],
        ),
    )
add(
    "pictures: train_labels.csv beside train_images/images and test_images/images",
    beside(
        table("image,label", [[f"{row}.png", NAMES[row]] for row in ROWS]),
        {f"{split}_images/images/{row}.png": png(row) for row in ROWS for split in ("train", "test")},
        "train_labels.csv",
    ),
    Expected(given=NAMES, keys=[f"train_images/images/{row}.png" for row in ROWS], notes=["found_by_table"]),
)
add(
    "pictures: a table of names that occur in two folders",
    beside(table("image,label", [[f"{row}.png", NAMES[row]] for row in ROWS]), TRAIN_AND_TEST, "list.csv"),
    Expected(refused="names_missed", says=["found several", "with its folder"]),
)
for written in ("{}.jpg", "{}.PNG", "img%20{}.png"):
    add(
        f"pictures: names written otherwise ({written})",
        beside(
            table("image,label", [[written.format(row), NAMES[row]] for row in ROWS]),
            {f"images/{written.replace('%20', ' ').split('.')[0].format(row)}.png": png(row) for row in ROWS},
            "labels.csv",
        ),
        Expected(refused="too_few_samples", says=["but 'images/"]),
    )
for name in ("labels.csv", "list.csv"):
    add(
        f"pictures: {name} without a header",
        beside("".join(f"{row}.png,{NAMES[row]}\n" for row in ROWS), flat(""), name),
        Expected(refused="bad_header", says=["file_name,label"]),
    )


PATHS = list(foldered())
OTHER = [NAMES[row] if row > 1 else NAMES[1 - row] for row in ROWS]
"""Labels of a table that differ from the folders in two."""
LISTED = list(zip(PATHS, OTHER, strict=True))
add(
    "folders: a table with two other labels",
    beside(table("file,label", LISTED), foldered()),
    Expected(
        given=OTHER,
        notes=["folders_differ", "pictures_stay_in_folders"],
        says=["2 of 24", "'cat/0.png' with the label 'dog'", "format=class_folders"],
    ),
)
add(
    "folders: a table with two other labels, folders as asked",
    beside(table("file,label", LISTED), foldered()),
    Expected(given=NAMES),
    format="class_folders",
)
add(
    "folders: a list with two other labels",
    beside(table("", LISTED, " ").lstrip(), foldered(), "labels.txt"),
    Expected(given=OTHER, notes=["folders_differ", "pictures_stay_in_folders"], says=["2 of 24"]),
)
SIZES = [[path, row, ("small", "large")[row // 12]] for row, path in enumerate(PATHS)]
add(
    "folders: a table of sizes",
    beside(table("file,width,category", SIZES), foldered(), "sizes.csv"),
    Expected(classes=["large", "small"], notes=["folders_differ"], says=["24 of 24", "'category'"]),
)
PREDICTED = [[path, name, 0.5] for path, name in zip(PATHS, OTHER, strict=True)]
for name, header, rows in (
    ("predictions.csv", "file,label,confidence", PREDICTED[:14]),
    ("predictions.csv", "file,label", [row[:2] for row in PREDICTED]),
    ("list.csv", "file,class,score", PREDICTED),
    ("list.csv", "file,class,score", [[path, row % 2, 0.5] for row, path in enumerate(PATHS)]),
):
    add(
        f"folders: predictions of a model ({name}, {header}, {len(rows)} with {rows[0][1]})",
        beside(table(header, rows), foldered(), name),
        Expected(given=NAMES, keys=PATHS, notes=["table_ignored"], says=["format=manifest"]),
    )
add(
    "folders: predictions of a model beside correct labels",
    {
        "d.zip": zipped(
            {
                "metadata.csv": table("file_name,true_label", LISTED).encode(),
                "predictions.csv": table("file,label,confidence", PREDICTED[:14]).encode(),
                **foldered(),
            }
        )
    },
    Expected(given=NAMES, true=OTHER, notes=["table_ignored"]),
)
add(
    "folders: predictions of a model, as asked",
    beside(table("file,label,confidence", PREDICTED[:14]), foldered(), "predictions.csv"),
    Expected(
        given=OTHER[:14],
        notes=["pictures_not_listed", "folders_differ"],
        says=["10 pictures were left out", "format=class_folders takes all"],
    ),
    format="manifest",
)
add(
    "folders: none beside predictions of a model",
    beside(table("file,label,confidence", [[f"{row}.png", NAMES[row], 1] for row in ROWS]), flat("")),
    Expected(given=NAMES, notes=["labels_look_predicted"]),
)
PARTS = {f"HAM_part_{row // 12 + 1}/ISIC_{row:04}.png": png(row) for row in ROWS}
DIAGNOSES = table("image_id,age,dx", [[f"ISIC_{row:04}", 40 + row % 3, NAMES[row]] for row in ROWS])
add(
    "folders: parts, beside a table whose label has another name",
    beside(DIAGNOSES, PARTS, "meta.csv"),
    Expected(
        classes=["HAM_part_1", "HAM_part_2"],
        notes=["label_column_unknown"],
        says=["'meta.csv'", "label_column=dx"],
    ),
)
add(
    "folders: parts, beside a table whose label is named",
    beside(DIAGNOSES, PARTS, "meta.csv"),
    Expected(given=NAMES),
    label_column="dx",
)
for label in ("Finding Labels", "ClassId", "noisy_labels_0", "Class Name"):
    add(
        f"folders: parts, beside a table with {label}",
        beside(DIAGNOSES.replace("dx", label), PARTS, "meta.csv"),
        Expected(given=NAMES),
    )
add(
    "table: two that name the same pictures",
    {
        "d.zip": zipped(
            {
                "a.csv": table("file,label", [[f"{row}.png", NAMES[row]] for row in ROWS]).encode(),
                "b.csv": table("file,label", [[f"{row}.png", OTHER[row]] for row in ROWS]).encode(),
                **flat(""),
            }
        )
    },
    Expected(given=NAMES, notes=["listed_twice"], says=["24 rows", "2 of them", "'a.csv', 'b.csv'"]),
)
