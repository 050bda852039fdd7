"""Lists of what else is wrong with data in which it was planted."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from app.infra.storage import Storage
from models.data_issues.neighbours import Neighbours
from worker.finish import issue_search, ranking_files
from worker.finish.issue_search import AuditedData

NAMES = ["ant", "bee", "cat"]


@pytest.fixture
def audited_data() -> AuditedData:
    """Return 60 pictures: 7 a copy of 3 (as labelled), 21 one of 11 (otherwise), 30 like 40, 50 blank."""
    coarse = np.random.default_rng(0).integers(0, 256, (60, 5, 5, 1))
    pixels = coarse.repeat(4, axis=1).repeat(4, axis=2).astype(np.uint8)
    labels = (np.arange(60) % 2).astype(np.int32)
    labels[40], labels[41] = 0, 2
    pixels[7], pixels[20], pixels[50] = pixels[3], pixels[11], 77
    pixels[40] = pixels[30] // 2
    index = np.array([[other for other in range(60) if other != one] for one in range(60)])
    splits = ["train"] * 35 + ["test"] * 25
    return AuditedData(
        inputs=pixels,
        labels_N=labels,
        samples=pa.table({"key": [f"{position}.png" for position in range(60)], "split": splits}),
        class_names=NAMES,
        problems=[("x.png", "unreadable_image", "cut off"), ("y.png", "duplicate_key", "kept")],
        neighbours=Neighbours(
            index_Nk=index.astype(np.int32), similarity_Nk=np.full(index.shape, 0.5, dtype=np.float32)
        ),
    )


def by_kind(rows: pa.Table) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows.to_pylist():
        found.setdefault(row["kind"], []).append(row)
    return found


def test_every_kind_is_listed_with_its_reason(audited_data: AuditedData) -> None:
    rows, counts = issue_search.find_issues(audited_data)
    found = by_kind(rows)
    seen = {
        kind: [(row["position"], row["group_number"], row["detail"]) for row in listed]
        for kind, listed in found.items()
    }
    assert seen == {
        "exact_duplicate": [
            (3, 0, "same content as 7.png"),
            (7, 0, "same content as 3.png"),
            (11, 1, "same content as 20.png"),
            (20, 1, "same content as 11.png"),
        ],
        "near_duplicate": [
            (30, 0, "hardly differs from 40.png"),
            (40, 0, "hardly differs from 30.png"),
        ],
        "conflicting_duplicate": [
            (11, 0, "duplicate of 20.png, which is given as ant"),
            (20, 0, "duplicate of 11.png, which is given as bee"),
        ],
        "duplicate_across_splits": [
            (30, 0, "duplicate of 40.png in split 'test'"),
            (40, 0, "duplicate of 30.png in split 'train'"),
        ],
        "blank": [(50, None, "a picture of one colour")],
        "unreadable": [(None, None, "unreadable_image: cut off")],
        "rare_class": [(None, None, "1 samples; at least 20 are needed to judge a class")],
    }
    assert found["rare_class"][0]["key"] == "cat"
    assert counts["exact_duplicate"] == {"count": 4, "groups": 2}
    assert counts["blank"] == {"count": 1, "groups": None}
    assert "outlier" not in counts


def test_what_is_not_listed_is_counted_all_the_same(
    audited_data: AuditedData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issue_search, "LISTED_MAX", 3)
    rows, counts = issue_search.find_issues(audited_data)
    assert len(by_kind(rows)["exact_duplicate"]) == 3
    assert counts["exact_duplicate"]["count"] == 4


def test_without_neighbours_there_are_copies_alone(audited_data: AuditedData) -> None:
    alone = AuditedData(**{**vars(audited_data), "neighbours": None})
    found = by_kind(issue_search.find_issues(alone)[0])
    assert "near_duplicate" not in found
    assert len(found["conflicting_duplicate"]) == 2


def test_the_csv_names_classes_and_runs_no_formula(
    audited_data: AuditedData, storage: Storage, tmp_path: Path
) -> None:
    keys = pa.array(["=1+1", *[f"{position}.png" for position in range(1, 60)]])
    samples = audited_data.samples.set_column(0, "key", keys)
    audited_data.inputs[0] = 5
    rows, _ = issue_search.find_issues(AuditedData(**{**vars(audited_data), "samples": samples}))
    ranking_files.write_issues(rows, storage, tmp_path, class_names=NAMES)
    lines = (tmp_path / "issues.csv").read_text().splitlines()
    assert '"exact_duplicate",0,3,"3.png","bee",0,1,"same content as 7.png"' in lines
    assert '"blank",0,0,"\'=1+1","ant",,,"a picture of one colour"' in lines
