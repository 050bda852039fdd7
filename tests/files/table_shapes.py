"""Tables: CSV and Parquet of features as spreadsheets, pandas, R and Hugging Face write them."""

from typing import Any

import numpy as np
import pyarrow as pa

from tests.files.shapes import (
    COUNT,
    NAMES,
    NUMBER_TEXTS,
    VALUES,
    Expected,
    add,
    features,
    parquet,
    table,
)

PLAIN = Expected(given=NAMES, features=["a", "b", "c"])


def csv(text: str | bytes) -> dict[str, bytes]:
    """Return a CSV upload."""
    return {"data.csv": text.encode() if isinstance(text, str) else text}


INDICES: dict[str, Any] = {"Unnamed: 0": range(COUNT), "Unnamed: 0.1": range(COUNT)}
TRUE_LABELS: dict[str, Any] = {"True Label": NAMES}
BASE = features()
SEMICOLON = BASE.replace(",", ";")
add("csv: plain", csv(BASE), PLAIN)
add("csv: UTF-8 with a byte order mark", csv(b"\xef\xbb\xbf" + BASE.encode()), PLAIN)
add("csv: UTF-16 of Excel, tabs", csv(BASE.replace(",", "\t").encode("utf-16")), PLAIN)
add("csv: UTF-16 big-endian without a mark", csv(BASE.encode("utf-16-be")), PLAIN)
add("csv: semicolons", csv(SEMICOLON), PLAIN)
add("csv: carets, as the user says", csv(BASE.replace(",", "^")), PLAIN, delimiter="^")
add("csv: tabs among semicolons, as the user says", csv(BASE.replace(",", "\t")), PLAIN, delimiter="tab")
add("csv: pipes", csv(BASE.replace(",", "|")), PLAIN)
add(
    "csv: sep=; of Excel",
    csv("sep=;\r\n" + SEMICOLON.replace("\n", "\r\n")),
    Expected(given=NAMES, features=["a", "b", "c"], notes=["table_style"]),
)
add("csv: line ends of old Macs", csv(BASE.replace("\n", "\r")), PLAIN)
add("csv: blank lines between rows", csv(BASE.replace("\n", "\n\n")), PLAIN)
add("csv: blank lines above the header", csv("\n\n" + BASE), PLAIN)
add("csv: comments above the header", csv("# made by a script\n# version 2\n" + BASE), PLAIN)
add("csv: a comment among the rows", csv(BASE.replace("\n", "\n# half\n", 5)), PLAIN)
add("csv: a header that begins with #", csv("#" + BASE), Expected(given=NAMES))
add(
    "csv: a title above the header",
    csv("Export of 3 May\n" + BASE),
    Expected(given=NAMES, features=["a", "b", "c"], notes=["table_style"]),
)
add(
    "csv: a header with one delimiter too many",
    csv(BASE.replace("label\n", "label,\n")),
    Expected(given=NAMES, features=["a", "b", "c"]),
)
add(
    "csv: every line with one delimiter too many",
    csv(BASE.replace("\n", ",\n")),
    Expected(given=NAMES, features=["a", "b", "c"]),
)
add(
    "csv: rows with a trailing comma, not the header",
    csv(BASE.replace("\n", ",\n").replace("label,", "label")),
    Expected(given=NAMES, features=["a", "b", "c"]),
)
add(
    "csv: row names without a header name, as R writes",
    csv(table("a,b,c,label", [[f"r{row}", *NUMBER_TEXTS[row], NAMES[row]] for row in range(COUNT)])),
    Expected(given=NAMES, features=["a", "b", "c"], keys=[f"r{row}" for row in range(COUNT)]),
)
add(
    "csv: cp1252, named",
    csv(BASE.replace("cat", "Bär").encode("cp1252")),
    Expected(refused="bad_csv", says=["cp1252", "encoding="]),
)
add(
    "csv: cp1252, as asked",
    csv(BASE.replace("cat", "Bär").encode("cp1252")),
    Expected(given=[name.replace("cat", "Bär") for name in NAMES]),
    encoding="cp1252",
)
add(
    "csv: decimal commas",
    csv(SEMICOLON.replace(".", ",")),
    Expected(given=NAMES, features=["a", "b", "c"], notes=["decimal_comma"]),
)
add(
    "csv: True and False",
    csv(features(flag=[str(row % 3 == 0) for row in range(COUNT)])),
    Expected(given=NAMES, features=["a", "b", "c", "flag"]),
)
add(
    "csv: newlines in quotes",
    csv(features(note=[f'"{row}\n"' for row in range(COUNT)])),
    Expected(given=NAMES, features=["a", "b", "c", "note"]),
)
add(
    "csv: #N/A and <NA> are missing",
    csv(BASE.replace(NUMBER_TEXTS[0][0], "#N/A", 1).replace(NUMBER_TEXTS[1][1], "<NA>", 1)),
    Expected(given=NAMES, classes=["cat", "dog"], features=["a", "b", "c"]),
)
add("csv: <NA> as a label is none", csv(features(names=["<NA>", *NAMES[1:]])), Expected(given=NAMES[1:]))
add(
    "csv: None as a label is a class, and said",
    csv(features(names=["None" if row % 2 else "cat" for row in range(COUNT)])),
    Expected(classes=["None", "cat"], notes=["class_may_be_missing"]),
)
add(
    "csv: Unnamed: 0 and Unnamed: 0.1",
    csv(features(**INDICES)),
    Expected(features=["a", "b", "c"], given=NAMES),
)
add(
    "csv: __index_level_0__",
    csv(features(__index_level_0__=range(COUNT))),
    Expected(features=["a", "b", "c"], keys=[str(row) for row in range(COUNT)]),
)
add(
    "csv: index that counts up",
    csv(features(index=range(COUNT))),
    Expected(features=["a", "b", "c"], notes=["column_left_out"]),
)
add(
    "csv: index that measures something",
    csv(features(index=[row * 7 % 5 for row in range(COUNT)])),
    Expected(features=["a", "b", "c", "index"]),
)
add(
    "csv: label and target",
    csv(features(target=[row % 2 for row in range(COUNT)])),
    Expected(given=NAMES, features=["a", "b", "c"], notes=["label_chosen", "column_left_out"]),
)
add(
    "csv: label and target, target chosen",
    csv(features(target=[row % 3 for row in range(COUNT)])),
    Expected(given=[str(row % 3) for row in range(COUNT)], features=["a", "b", "c"]),
    label_column="target",
)
add(
    "csv: label and target, target included",
    csv(features(target=[row % 3 for row in range(COUNT)])),
    Expected(given=NAMES, features=["a", "b", "c", "target"]),
    include_columns=["target"],
)
add(
    "csv: a column left out as asked",
    csv(BASE),
    Expected(given=NAMES, features=["a", "c"]),
    exclude_columns=["b"],
)
POINTS = [[*NUMBER_TEXTS[row][:2], "setosa" if row % 2 else "virginica"] for row in range(COUNT)]
add(
    "csv: x, y, species",
    csv(table("x,y,species", POINTS)),
    Expected(classes=["setosa", "virginica"], features=["x", "y"]),
)
add(
    "csv: x, y, kind",
    csv(table("x,y,kind", POINTS)),
    Expected(classes=["setosa", "virginica"], features=["x", "y"], notes=["label_guessed"]),
)
add(
    "csv: x, y, z without a label",
    csv(table("x,y,z", NUMBER_TEXTS)),
    Expected(refused="missing_column", says=["coordinate", "label_column"]),
)
add(
    "csv: x, y alone, y is the label",
    csv(table("x,y", [[NUMBER_TEXTS[row][0], row % 2] for row in range(COUNT)])),
    Expected(classes=["0", "1"], features=["x"]),
)
add(
    "csv: the only column of words",
    csv(features(label="breed")),
    Expected(given=NAMES, features=["a", "b", "c"], notes=["label_guessed"]),
)
add(
    "csv: a column that gives the label away",
    csv(features(code=[row % 2 + 5 for row in range(COUNT)])),
    Expected(given=NAMES, notes=["column_gives_label_away"]),
)
add("csv: Label in capitals with blanks", csv(features(label=" Label ")), Expected(given=NAMES))
add(
    "csv: True Label",
    csv(features(**TRUE_LABELS)),
    Expected(given=NAMES, true=NAMES, features=["a", "b", "c"]),
)
add(
    "csv: ids with leading zeros",
    csv(features(id=[f"{row:03d}" for row in range(COUNT)])),
    Expected(keys=[f"{row:03d}" for row in range(COUNT)]),
)
add(
    "csv: a blank id",
    csv(features(id=["" if row == 3 else f"k{row}" for row in range(COUNT)])),
    Expected(keys=[f"k{row}" if row != 3 else "3" for row in range(COUNT)]),
)
add(
    "csv: id and key",
    csv(features(id=range(100, 100 + COUNT), key=range(COUNT))),
    Expected(keys=[str(row + 100) for row in range(COUNT)], features=["a", "b", "c"]),
)
add(
    "csv: 2 and 2.0 are one class",
    csv(features(names=[("2", "2.0", "3")[row % 3] for row in range(COUNT)])),
    Expected(classes=["2", "3"], notes=["spellings_merged"]),
)
add(
    "csv: NFC and NFD",
    csv(
        features(
            names=["caf\u00e9" if row % 4 else "cafe\u0301" if row % 8 else "tea" for row in range(COUNT)]
        )
    ),
    Expected(classes=["café", "tea"], notes=["spellings_merged"]),
)
add(
    "csv: zero-width characters and marks",
    csv(
        features(
            names=["cat" if row % 4 else "c\u200bat\ufeff" if row % 8 else "dog" for row in range(COUNT)]
        )
    ),
    Expected(classes=["cat", "dog"]),
)
add(
    "csv: no-break spaces",
    csv(
        features(names=["big cat" if row % 4 else "big\xa0cat" if row % 8 else "dog" for row in range(COUNT)])
    ),
    Expected(classes=["big cat", "dog"]),
)
add(
    "csv: Cat and cat",
    csv(features(names=["cat" if row % 3 else "Cat" for row in range(COUNT)])),
    Expected(classes=["Cat", "cat"], notes=["classes_differ_in_case"]),
)
add(
    "csv: -1 among numbers",
    csv(features(names=[row % 3 - 1 for row in range(COUNT)])),
    Expected(classes=["-1", "0", "1"], notes=["class_may_be_missing"]),
)
add(
    "csv: a column of file names is the key",
    csv(features(file_name=[f"{row}.png" for row in range(COUNT)])),
    Expected(keys=[f"{row}.png" for row in range(COUNT)], features=["a", "b", "c"]),
)
add(
    "csv: currency as words",
    csv(features(price=[f"{row} USD" for row in range(COUNT)])),
    Expected(given=NAMES, features=["a", "b", "c"], notes=["column_left_out"], says=["an id"]),
)
add(
    "csv: categories, dates and blanks",
    csv(
        features(
            city=[("Oslo", "Rome", "")[row % 3] for row in range(COUNT)],
            since=[f"{1 + row}.2.2024" for row in range(COUNT)],
            paid=[("yes", "no")[row % 2] for row in range(COUNT)],
        )
    ),
    Expected(given=NAMES, features=["a", "b", "c", "city", "since", "paid"]),
)
add(
    "csv: a misspelt choice",
    csv(BASE),
    Expected(refused="missing_column", says=["did you mean 'label'"]),
    label_column="labell",
)
add("csv: an unclosed quote", csv(BASE.replace("dog\n", '"dog\n', 1)), Expected(refused="bad_csv"))
add(
    "csv: a column without a name in the middle is no key",
    csv(table("a,,b,label", [[*NUMBER_TEXTS[row], NAMES[row]] for row in range(COUNT)])),
    Expected(
        given=NAMES,
        features=["a", "b"],
        keys=[str(row) for row in range(COUNT)],
        notes=["column_left_out"],
        says=["without a name"],
    ),
)
add(
    "csv: a column without a name at the start is the key",
    csv(table(",a,b,label", [[f"r{row}", *NUMBER_TEXTS[row][:2], NAMES[row]] for row in range(COUNT)])),
    Expected(given=NAMES, features=["a", "b"], keys=[f"r{row}" for row in range(COUNT)]),
)
add(
    "csv: subset as a measurement is no split",
    csv(features(subset=[row * 1.5 for row in range(COUNT)])),
    Expected(features=["a", "b", "c"], splits=[None] * COUNT, notes=["split_not_used", "column_left_out"]),
)
add(
    "csv: quotes after a blank",
    csv(
        table(
            '"a", "b", "note", "label"',
            [
                [*NUMBER_TEXTS[row][:2], '"x, y"' if row % 3 else '"z"', f'"{NAMES[row]}"']
                for row in range(COUNT)
            ],
            delimiter=", ",
        )
    ),
    Expected(given=NAMES, classes=["cat", "dog"], features=["a", "b", "note"]),
)
GERMAN = [("1.200", "1.950", "950")[row % 3] for row in range(COUNT)]
add(
    "csv: points of thousands beside decimal commas",
    csv(
        table(
            "a;b;price;label",
            [
                [*(text.replace(".", ",") for text in NUMBER_TEXTS[row][:2]), GERMAN[row], NAMES[row]]
                for row in range(COUNT)
            ],
            delimiter=";",
        )
    ),
    Expected(given=NAMES, features=["a", "b", "price"], notes=["dot_thousands", "decimal_comma"]),
)
add(
    "csv: points that may be of thousands, without a decimal comma",
    csv(
        table(
            "a;price;label", [[row * 7 % 5, GERMAN[row], NAMES[row]] for row in range(COUNT)], delimiter=";"
        )
    ),
    Expected(
        features=["a", "price"], notes=["points_doubtful"], says=["1.200 was read as 1.2", "if it is 1200"]
    ),
)
add(
    "csv: 1.234,5",
    csv(
        table(
            "a;price;label",
            [[row % 5, f"{row + 1}.{row + 100},5", NAMES[row]] for row in range(COUNT)],
            delimiter=";",
        )
    ),
    Expected(given=NAMES, features=["a", "price"], notes=["dot_thousands", "decimal_comma"]),
)
add(
    "csv: points and commas, both decimal",
    csv(
        table(
            "a;b;price;label",
            [
                [NUMBER_TEXTS[row][0].replace(".", ","), f"{row}.5", GERMAN[row], NAMES[row]]
                for row in range(COUNT)
            ],
            delimiter=";",
        )
    ),
    Expected(features=["a", "b", "price"], notes=["decimal_signs_differ"], says=["'price' has points"]),
)
add(
    "csv: numbers of which 32 bits are too few",
    csv(features(day=[20240501 + row * 7 % COUNT for row in range(COUNT)])),
    Expected(features=["a", "b", "c", "day"], notes=["numbers_rounded"], says=["20240501 became 20240500"]),
)
add(
    "csv: days as numbers beside words",
    csv(
        features(
            day=[20240501 + row * 7 % COUNT for row in range(COUNT)], city=["Oslo", "Rome"] * (COUNT // 2)
        )
    ),
    Expected(features=["a", "b", "c", "day", "city"], notes=["numbers_look_like_dates"]),
)
add(
    "csv: postal codes that begin with a zero",
    csv(features(zip=[("01234", "94103", "02139")[row % 3] for row in range(COUNT)])),
    Expected(features=["a", "b", "c", "zip"], notes=["read_as_categories"], says=["'01234'"]),
)
for notation, texts in {
    "1,200 and 950": ['"1,200"', "950"],
    "dollars": ['"$1,200.00"', "$9.50"],
    "per cent": ["12%", "7.5 %"],
    "minus signs": ["\u22121.5", "2.5"],
    "brackets": ["(1.5)", "2.5"],
}.items():
    add(
        f"csv: texts that look like numbers: {notation}",
        csv(features(d=[texts[row % 2] for row in range(COUNT)])),
        Expected(
            features=["a", "b", "c", "d"], notes=["read_as_categories"], says=["texts that look like numbers"]
        ),
    )
for notation, day in {"31-May-2024": "{}-May-2024", "5/31/24": "5/{}/24"}.items():
    add(
        f"csv: texts that look like dates: {notation}",
        csv(features(d=[day.format(row + 1) for row in range(COUNT)])),
        Expected(features=["a", "b", "c"], notes=["column_left_out"], says=["texts that look like dates"]),
    )
add(
    "csv: prices that differ are no id",
    csv(features(d=[f'"${row + 1},200.00"' for row in range(COUNT)])),
    Expected(features=["a", "b", "c"], notes=["column_left_out"], says=["texts that look like numbers"]),
)
add(
    "csv: a title that delimiters fill up",
    csv("Export of 3 May,,,\n,,,\n" + BASE),
    Expected(given=NAMES, features=["a", "b", "c"], notes=["table_style"], says=["Export of 3 May"]),
)
add(
    "csv: blank columns inside and at the right",
    csv(
        table(
            "a,,b,,label,,",
            [[*NUMBER_TEXTS[row][:1], "", row * 5 % 7, "", NAMES[row], "", ""] for row in range(COUNT)],
        )
    ),
    Expected(
        given=NAMES,
        features=["a", "b"],
        keys=[str(row) for row in range(COUNT)],
        notes=["column_left_out"],
        says=["'Unnamed: 1'", "'Unnamed: 3'", "without a name"],
    ),
)
add(
    "csv: columns without a name that hold something",
    csv(table("a,,,label", [[*NUMBER_TEXTS[row], NAMES[row]] for row in range(COUNT)])),
    Expected(given=NAMES, features=["a"], notes=["column_left_out"], says=["'Unnamed: 1'", "'Unnamed: 2'"]),
)
add(
    "csv: columns without a name, included",
    csv(table("a,,,label", [[*NUMBER_TEXTS[row], NAMES[row]] for row in range(COUNT)])),
    Expected(given=NAMES, features=["a", "Unnamed: 2"]),
    include_columns=["Unnamed: 2"],
)
add(
    "csv: letters and numbers without a header",
    csv(table("T,2,8,3,5,8,8", [[NAMES[row], *range(row, row + 6)] for row in range(COUNT)])),
    Expected(refused="bad_header", says=["'8' 3 times", "add a line of names"]),
)
add(
    "csv: columns between blanks",
    csv(BASE.replace(",", " ")),
    Expected(refused="missing_column", says=["delimiter=space"]),
)
add("csv: columns between blanks, as the user says", csv(BASE.replace(",", " ")), PLAIN, delimiter="space")
add(
    "csv: folds as splits",
    csv(features(split=[row % 5 for row in range(COUNT)])),
    Expected(features=["a", "b", "c"], splits=[str(row % 5) for row in range(COUNT)]),
)

COLUMNS = {"a": VALUES[:, 0], "b": VALUES[:, 1]}
NUMBERS = [row % 2 for row in range(COUNT)]
add(
    "parquet: pandas index",
    {"d.parquet": parquet({**COLUMNS, "label": NAMES, "__index_level_0__": list(range(COUNT))})},
    Expected(features=["a", "b"], given=NAMES),
)
add(
    "parquet: truth values as labels",
    {"d.parquet": parquet({**COLUMNS, "label": [row % 2 == 0 for row in range(COUNT)]})},
    Expected(classes=["False", "True"], spelled=[False, True]),
)
add(
    "parquet: labels with blanks",
    {"d.parquet": parquet({**COLUMNS, "label": ["2.0 " if number else "3" for number in NUMBERS]})},
    Expected(classes=["2", "3"], spelled=["2.0 ", "3"]),
)
add(
    "parquet: a class named nan",
    {"d.parquet": parquet({**COLUMNS, "label": NUMBERS}, {"label": ["nan", "dog"]})},
    Expected(classes=["nan", "dog"]),
)
add(
    "parquet: large strings",
    {"d.parquet": parquet({**COLUMNS, "label": pa.array(NAMES, pa.large_string())})},
    Expected(given=NAMES),
)
add(
    "parquet: a dictionary",
    {"d.parquet": parquet({**COLUMNS, "label": pa.array(NAMES).dictionary_encode()})},
    Expected(given=NAMES),
)
add(
    "parquet: class numbers as floats",
    {
        "d.parquet": parquet(
            {**COLUMNS, "label": [float(number) for number in NUMBERS]}, {"label": ["cat", "dog"]}
        )
    },
    Expected(given=NAMES),
)
HALF = COUNT // 2


def shard(part: slice, names: list[str], **kinds: pa.DataType) -> bytes:
    """Return half of the rows, with class numbers by these names."""
    labels = [names.index(name) for name in NAMES[part]]
    columns = {"a": VALUES[part, 0], "label": pa.array(labels, kinds.get("label", pa.int64()))}
    return parquet(columns, {"label": names})


add(
    "parquet: shards that number their classes differently",
    {
        "train-0.parquet": shard(slice(HALF), ["cat", "dog"]),
        "train-1.parquet": shard(slice(HALF, COUNT), ["dog", "cat"]),
    },
    Expected(given=NAMES, notes=["class_names_differ"]),
)
add(
    "parquet: shards of other types",
    {
        "a-0.parquet": shard(slice(HALF), ["cat", "dog"]),
        "a-1.parquet": shard(slice(HALF, COUNT), ["cat", "dog"], label=pa.int8()),
    },
    Expected(given=NAMES, notes=["types_differ"]),
)
add(
    "parquet: shards of other columns",
    {
        "a-0.parquet": shard(slice(HALF), ["cat", "dog"]),
        "a-1.parquet": parquet({"b": VALUES[HALF:, 0], "label": NAMES[HALF:]}),
    },
    Expected(refused="mixed_files"),
)
add(
    "parquet: a missing id",
    {
        "d.parquet": parquet(
            {**COLUMNS, "label": NAMES, "id": [None if row == 2 else f"k{row}" for row in range(COUNT)]}
        )
    },
    Expected(keys=[f"k{row}" if row != 2 else "2" for row in range(COUNT)]),
)
add(
    "parquet: numbers beside an embedding",
    {
        "d.parquet": parquet(
            {"embedding": VALUES.tolist(), "age": [row * 3 % 7 for row in range(COUNT)], "label": NAMES}
        )
    },
    Expected(given=NAMES, notes=["column_left_out"], says=["'age'", "'embedding'"]),
)
add(
    "parquet: decimals",
    {"d.parquet": parquet({"a": pa.array(np.arange(COUNT)).cast(pa.decimal128(24, 2)), "label": NAMES})},
    Expected(given=NAMES),
)
