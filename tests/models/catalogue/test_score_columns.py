"""One table of score columns: what is made from it, and what must name the same columns."""

import re
from pathlib import Path

from app.fast_paths.suspect_documents import PLAIN, TRANSLATED
from app.schemas.audits.result_schemas import Suspect
from app.tables import ProvisionalScore, Score
from models.catalogue.score_columns import (
    FIGURES,
    FILE_COLUMNS,
    HISTOGRAMS,
    LABELS,
    SIGNALS,
    SUSPECT_FIELDS,
    TABLE_COLUMNS,
)

ROOT = Path(__file__).parents[3]


def test_every_column_has_its_place_in_the_database_the_row_and_the_api() -> None:
    assert sorted(TABLE_COLUMNS) == sorted([*FIGURES, *LABELS])
    for table in (Score, ProvisionalScore):
        names = [column.name for column in table.__table__.columns]
        assert [name for name in names if name in TABLE_COLUMNS] == list(TABLE_COLUMNS)
    assert list(Suspect.model_fields) == list(SUSPECT_FIELDS)
    assert set(FIGURES) <= set(SUSPECT_FIELDS)
    assert {*PLAIN, *TRANSLATED} == {*FIGURES, *LABELS, "position", "key", "split", "true_label"}
    assert set(SIGNALS) < set(FIGURES)
    assert HISTOGRAMS == {"histogram": "distance", "norm_histogram": "predicted_gradient_norm"}


def test_nullable_columns_are_nullable_everywhere() -> None:
    for name, column in FIGURES.items():
        assert Score.__table__.columns[name].nullable is column.is_nullable, name
        allows_null = type(None) in getattr(Suspect.model_fields[name].annotation, "__args__", ())
        assert allows_null is column.is_nullable, name


def test_the_documentation_lists_the_columns_of_the_files_in_their_order() -> None:
    text = (ROOT / "docs" / "ranking.md").read_text()
    table = text.partition("| column | meaning |")[2].partition("\n\n")[0]
    listed = [
        re.findall(r"`(\w+)`", line.split("|")[1]) for line in table.splitlines() if line.startswith("| `")
    ]
    assert [name for names in listed for name in names] == [
        *(*FILE_COLUMNS, "true_label", "is_error"),
        "rests_on",  # of a review, not of the score
    ]
