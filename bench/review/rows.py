"""Creates a ready dataset and a finished audit of any size in the database, without training."""

from pathlib import Path
from uuid import UUID

import numpy as np
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.infra.database import Database
from app.infra.storage import Storage
from app.tables import Audit, AuditStatus, Dataset, DatasetFile, DatasetStatus
from bench.review.photographs import HEIGHT, WIDTH, Photographs

CLASSES = 10
SIDE = 32
NOISE = 0.1
DRAWN_ROWS = 4096
"""So many pictures are drawn; the rest of the pack repeats nothing and stays black, which costs no disk."""

SAMPLES = """
INSERT INTO samples (dataset_id, position, key, given_label, width, height,
    source_offset, source_length, source_method)
SELECT :dataset, n, 'images/' || lpad(n::text, 8, '0') || '.png', n % :classes, :width, :height,
    (CAST(:offsets AS bigint[]))[1 + n % :stored], (CAST(:lengths AS bigint[]))[1 + n % :stored], 0
FROM generate_series(0, :count - 1) AS n"""
# The rank of a position is a permutation of them: neighbours in rank lie anywhere in the dataset. Scores are
# stored in order of rank, as a finished audit stores them.
SCORES = """
INSERT INTO scores (audit_id, position, rank, given_label, distance, error_probability, is_label_issue,
    distance_average, distance_last, predicted_gradient_norm, margin, loss, given_label_probability,
    suggested_label, suggested_confidence, second_label, second_probability, third_label, third_probability)
SELECT :audit, n, r + 1, n % :classes, d, p, p > 0.5, d, d, 0.1, 1 - 2 * p, 2 * p, 1 - p,
    (n + (p > 0.5)::int) % :classes, greatest(p, 1 - p), (n + (p <= 0.5)::int) % :classes, least(p, 1 - p),
    (n + 2) % :classes, 0
FROM (SELECT n, r, 1.41 / (1 + 9 * r / :count) AS d, 1 / (1 + exp((r - :noise * :count) * 40 / :count)) AS p
      FROM (SELECT n, n * 7919 % :count AS r FROM generate_series(0::bigint, :count - 1) AS n) AS numbered
     ) AS estimated
ORDER BY r"""


def made(
    database: Database, storage: Storage, count: int, photographs: Photographs | None = None
) -> tuple[UUID, UUID]:
    """Return the ids of a dataset of so many pictures and of its audit; `count` is no multiple of 7919.

    The originals are the photographs in turn; without any there are only the small pictures of the pack.
    """
    lengths = photographs.lengths if photographs else []
    with database.transaction() as session:
        dataset = _dataset(session, count)
        if photographs is not None:
            _store_upload(session, storage, dataset, photographs.path)
        audit = _audit(session, dataset, count)
        values = {
            "dataset": dataset.id,
            "audit": audit.id,
            "count": count,
            "classes": CLASSES,
            "width": WIDTH if photographs else SIDE,
            "height": HEIGHT if photographs else SIDE,
            "noise": NOISE,
            "lengths": lengths,
            "offsets": np.cumsum([0, *lengths])[:-1].tolist(),
            "stored": max(1, len(lengths)),
        }
        for statement in (SAMPLES, SCORES):
            session.execute(text(statement), values)
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE samples, scores, reviews"))
    _write_pack(storage.locate_pack(dataset.id), count)
    return dataset.id, audit.id


def _dataset(session: Session, count: int) -> Dataset:
    dataset = Dataset(
        name=f"{count} pictures", options={}, status=DatasetStatus.READY, kind="images", format="npz",
        sample_count=count, class_names=[f"class {number}" for number in range(CLASSES)],
        shape=[SIDE, SIDE, 3], pack_sha256="0" * 64, statistics={}, problem_count=0,
    )  # fmt: skip
    session.add(dataset)
    session.flush()
    return dataset


def _store_upload(session: Session, storage: Storage, dataset: Dataset, file: Path) -> None:
    path = storage.locate_upload(dataset.id, "photographs.tar")
    path.parent.mkdir(parents=True)
    path.hardlink_to(file)
    session.add(
        DatasetFile(dataset_id=dataset.id, name=path.name, bytes=path.stat().st_size, sha256="1" * 64)
    )
    session.flush()


def _audit(session: Session, dataset: Dataset, count: int) -> Audit:
    audit = Audit(
        dataset_id=dataset.id, name=f"audit of {count}", configuration={"seed": 0},
        status=AuditStatus.SUCCEEDED, provenance={}, theory={}, files={},
        summary={
            "sample_count": count, "expected_error_count": NOISE * count,
            "label_issue_count": round(NOISE * count), "disagreement_count": round(NOISE * count),
            "histogram": {"edges": [0, 1.42], "counts": [count]}, "per_class": [],
        },
    )  # fmt: skip
    session.add(audit)
    session.flush()
    return audit


def _write_pack(folder: Path, count: int) -> None:
    folder.mkdir(parents=True)
    pack = np.lib.format.open_memmap(
        folder / "pack.npy", mode="w+", dtype=np.uint8, shape=(count, SIDE, SIDE, 3)
    )
    rng = np.random.default_rng(0)
    positions = rng.choice(count, min(DRAWN_ROWS, count), replace=False)
    for position in np.sort(positions):
        pack[position] = rng.integers(0, 256, pack.shape[1:], dtype=np.uint8)
    pack.flush()
