"""`python -m tests.files`: every shape of files, and a table of what was understood of each."""

import argparse
import sys
import tempfile
from functools import partial
from pathlib import Path

from tests.case_runner import Case, print_outcome, print_report, run_cases, select_cases
from tests.files.check import read_shape
from tests.files.everything import SHAPES
from tests.files.shapes import Shape


def read_in_own_folder(shape: Shape, _: None) -> str:
    """Read a shape in a folder that is deleted afterwards."""
    with tempfile.TemporaryDirectory(prefix="limit-audit-files-") as folder:
        return read_shape(shape, Path(folder))


def main() -> int:
    """Read all shapes, or those whose names match --only."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", help="a regular expression of the shapes' names")
    parser.add_argument("--out", type=Path, help="also write the table as JSON")
    chosen = parser.parse_args()
    cases = [Case(name=shape.name, run=partial(read_in_own_folder, shape)) for shape in SHAPES]
    outcomes = run_cases(select_cases(cases, chosen.only), None, on_outcome=print_outcome)
    return print_report("Files as people have them", outcomes, out=chosen.out)


if __name__ == "__main__":
    sys.exit(main())
