"""A data kind is known by its plug-ins: nothing else asks for it by name, dimensions or dtype.

`python -m tests.test_kinds [FOLDER]` lists the files of a checkout that do.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from models.catalogue.kinds import KINDS

ROOT = Path(__file__).parents[1]
PLUG_INS = (
    "app/kinds/",
    "models/catalogue/kinds.py",
    "models/kinds/",
    "worker/kinds/",
    "worker/formats/pictures/",
)
"""Folders and files of the plug-ins; those of pictures decode them for the images' plug-in."""
OTHER_ARRAYS = {
    "app/client/upload_checks.py": "arrays and labels that somebody is about to upload",
    "app/datasets/attachments/probability_tables.py": "probabilities [N, K]",
    "app/exports/archive_exports.py": "the layout of an archive, one of whose entries is named tables",
    "app/exports/array_exports.py": "whatever arrays an uploaded npz has",
    "models/encoders/onnx_encoders.py": "the input of a network in an ONNX file",
    "models/feature_views/": "an encoder's features [N, D] and probabilities [N, K]",
    "models/error_model/": "probabilities [N, K] and neighbours [N, k]",
    "models/label_errors/": "signals about labels [N] and [N, K]",
    "models/paper/": "labels, logits and matrices [K, K]",
    "worker/formats/arrays/cifar.py": "a reader: rows of colour planes as CIFAR stores them",
    "worker/formats/arrays/idx.py": "a reader: labels [N] and samples lie in files of one form",
    "worker/formats/arrays/npz.py": "a reader: columns beside the samples are [N] or [N, 1]",
}
"""Files and folders that look at the dimensions of arrays that are no samples, with what those are."""
NAMES = {"images", "features", "tables", "texts"}
CONSTANTS = {"IMAGES", "FEATURES", "TABLES", "TEXTS", "IMAGE_DIMENSIONS"}
DTYPES = {"uint8", "float32", "float64", "int16"}
PAGES = re.compile(r"""[!=]=\s*['"](images|features|tables|texts)['"]""")


def find_branches(root: Path) -> Iterator[tuple[str, int]]:
    """Yield file and line of every comparison by which a data kind is told from another."""
    for package in ("app", "worker", "models"):
        for file in sorted((root / package).rglob("*.py")):
            name = file.relative_to(root).as_posix()
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Compare) and _tells_kinds(node):
                    yield name, node.lineno
        for file in sorted([*(root / package).rglob("*.html"), *(root / package).rglob("*.js")]):
            for number, line in enumerate(file.read_text().splitlines(), start=1):
                if PAGES.search(line):
                    yield file.relative_to(root).as_posix(), number


def _tells_kinds(node: ast.Compare) -> bool:
    return any(_is_of_kind(part) for side in (node.left, *node.comparators) for part in _parts(side))


def _parts(side: ast.expr) -> list[ast.expr]:
    return list(side.elts) if isinstance(side, ast.Tuple | ast.Set | ast.List) else [side]


def _is_of_kind(part: ast.expr) -> bool:
    match part:
        case ast.Constant(value=str(value)):
            return value in NAMES | DTYPES
        case ast.Name(id=name):
            return name in CONSTANTS
        case ast.Attribute(attr=name):
            return name in CONSTANTS | DTYPES | {"ndim"}
        case ast.Call(func=ast.Name(id="len"), args=[ast.Name(id="shape") | ast.Attribute(attr="shape")]):
            return True
    return False


def _find_reason(name: str) -> str | None:
    return next((reason for place, reason in OTHER_ARRAYS.items() if name.startswith(place)), None)


def test_nothing_but_plug_ins_tells_data_kinds_apart() -> None:
    found = {(name, line) for name, line in find_branches(ROOT) if not name.startswith(PLUG_INS)}
    assert {(name, line) for name, line in found if _find_reason(name) is None} == set()
    stale = [place for place in OTHER_ARRAYS if not any(name.startswith(place) for name, _ in found)]
    assert stale == []


@pytest.mark.parametrize(
    "branch",
    ['dataset.kind == "images"', "rows.ndim > 2", "x.dtype == np.uint8", "len(shape) == 3", "kind is IMAGES",
     'kind in ("features", "text")'],
)  # fmt: skip
def test_a_branch_is_recognised(branch: str) -> None:
    node = ast.parse(branch, mode="eval").body
    assert isinstance(node, ast.Compare)
    assert _tells_kinds(node)


def test_every_registry_has_every_kind() -> None:
    from app.kinds.shown_kinds import SHOWN_KINDS  # noqa: PLC0415 - the script above needs none of them
    from models.kinds.compared_kinds import COMPARED_KINDS  # noqa: PLC0415
    from models.kinds.trained_kinds import TRAINED_KINDS  # noqa: PLC0415
    from worker.kinds.pack_writers import PACK_WRITERS  # noqa: PLC0415

    for registry in (SHOWN_KINDS, COMPARED_KINDS, TRAINED_KINDS, PACK_WRITERS):
        assert set(registry) == set(KINDS)


def test_every_kind_has_a_view_in_the_review() -> None:
    from app.kinds.shown_kinds import SHOWN_KINDS  # noqa: PLC0415

    views = (ROOT / "app" / "web" / "static" / "sample_views.js").read_text().partition("VIEWS = {")[2]
    for kind in KINDS.values():
        appearance = SHOWN_KINDS[kind.name].describe(np.ones(len(kind.axes), dtype=int).tolist())
        assert re.search(rf"\b{appearance.sample_view}:", views)
        assert appearance.has_pictures == kind.has_pictures


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT
    branches = list(find_branches(folder))
    for file in sorted({name for name, _ in branches}):
        place = "plug-in" if file.startswith(PLUG_INS) else _find_reason(file) or "branches"
        print(f"{file}: {place}")  # noqa: T201 - the answer of a script
