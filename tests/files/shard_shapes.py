"""WebDataset shards as its own writer, img2dataset and scripts with tar make them."""

import json
from collections.abc import Callable, Sequence

from tests.files.shapes import COUNT, NAMES, Expected, add, png, tarred, zipped

CODES = [str(row % 2) for row in range(COUNT)]
Beside = Callable[[int], dict[str, bytes]]
"""The other files of a sample, by what follows its stem."""


def shard(rows: Sequence[int], beside: Beside, *, folder: str = "", mode: str = "w") -> bytes:
    """Return a tar of samples: a picture each, with the files beside it."""
    members: list[tuple[bytes, bytes | None]] = []
    for row in rows:
        for ending, data in sorted({".png": png(row), **beside(row)}.items()):
            members.append((f"{folder}{row:06d}{ending}".encode(), data))
    return tarred(members, mode)


def with_class(row: int) -> dict[str, bytes]:
    """Return a class as WebDataset writes it."""
    return {".cls": str(row % 2).encode()}


def with_json(row: int) -> dict[str, bytes]:
    """Return a class in JSON, beside a caption."""
    content = {"label": NAMES[row], "width": 6, "true_label": NAMES[row]}
    return {".json": json.dumps(content).encode(), ".txt": b"a caption"}


EVERY = range(COUNT)
HALVES = {"train-000.tar": EVERY[:16], "test-000.tar": EVERY[16:]}
SHARDS = {name: shard(rows, with_class) for name, rows in HALVES.items()}
HALVED = Expected(
    given=CODES[16:] + CODES[:16],
    splits=["test"] * 8 + ["train"] * 16,
    keys=[f"{name.removesuffix('.tar')}/{row:06d}.png" for name in sorted(HALVES) for row in HALVES[name]],
)
add(
    "webdataset: a shard of classes",
    {"d.tar": shard(EVERY, with_class)},
    Expected(given=CODES, keys=[f"{row:06d}.png" for row in EVERY]),
)
add("webdataset: gzipped", {"d.tar.gz": shard(EVERY, with_class, mode="w:gz")}, Expected(given=CODES))
add(
    "webdataset: in the folders of two shards that were unpacked",
    {
        "d.tar": tarred(
            [
                (f"shard-{row // 12}/{row:06d}{ending}".encode(), data)
                for row in EVERY
                for ending, data in ((".cls", CODES[row].encode()), (".png", png(row)))
            ]
        )
    },
    Expected(given=CODES),
)
add(
    "webdataset: JSON with a class, a caption and a correct class",
    {"d.tar": shard(EVERY, with_json)},
    Expected(given=NAMES, true=NAMES),
)
add(
    "webdataset: JSON, another field chosen",
    {"d.tar": shard(EVERY, lambda row: {".json": json.dumps({"label": 0, "kind": NAMES[row]}).encode()})},
    Expected(given=NAMES),
    label_column="kind",
)
add("webdataset: several shards", dict(sorted(SHARDS.items())), HALVED)
add("webdataset: shards in a zip", {"d.zip": zipped(dict(sorted(SHARDS.items())))}, HALVED)
add(
    "webdataset: a class that is missing, one that is blank, two pictures of one class file",
    {
        "d.tar": tarred(
            [
                *((f"{row}.png".encode(), png(row)) for row in EVERY),
                *((f"{row}.cls".encode(), CODES[row].encode() if row != 3 else b" ") for row in EVERY[1:]),
                (b"5.second.png", png(5)),
            ]
        )
    },
    Expected(given=[code for row, code in enumerate(CODES) if row not in (0, 3)]),
)
add(
    "webdataset: JSON in folders that may be classes, as the user says",
    {
        "d.tar": tarred(
            [
                (f"shard-{row // 12}/{row}{ending}".encode(), data)
                for row in EVERY
                for ending, data in ((".json", b'{"label": %d}' % (row % 2)), (".png", png(row)))
            ]
        )
    },
    Expected(given=CODES),
    format="webdataset",
)
add(
    "webdataset: JSON beside pictures in class folders is not the class",
    {
        "d.tar": tarred(
            [
                (f"{NAMES[row]}/{row}{ending}".encode(), data)
                for row in EVERY
                for ending, data in ((".json", b'{"label": 1}'), (".png", png(row)))
            ]
        )
    },
    Expected(given=NAMES, notes=["json_not_used"], says=["format=webdataset"]),
)
add(
    "webdataset: tars that are no shards",
    {"a.tar": tarred([(b"cat/0.png", png(0))]), "b.tar": tarred([(b"dog/0.png", png(0))])},
    Expected(refused="several_datasets"),
)
