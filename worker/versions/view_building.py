"""The job that makes the view of a class: the pack and rows of a dataset, labelled by who has the class."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import structlog
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.datasets import dataset_service
from app.infra import leases
from app.infra.database import Database
from app.infra.storage import Storage
from app.label_sets.class_views import name_labels, require_sets
from app.tables import Dataset, DatasetStatus, Json
from app.versions.carried_classes import carry_to_view
from models.reading.several_labels.label_sets import has_member
from worker.formats.shared.problems import IngestError
from worker.jobs.heartbeat import Heartbeat
from worker.jobs.waiting import retry_during_outage
from worker.versions import version_building, version_packs
from worker.versions.carried_features import carry_features

log = structlog.get_logger()
TRANSLATE_TRUTHS = """
UPDATE truths SET true_label = CASE WHEN true_label = ANY(:codes) THEN 1 ELSE 0 END WHERE dataset_id = :view
"""


def build_view(
    database: Database, storage: Storage, view: Dataset, heartbeat: Heartbeat[Dataset], building: Path
) -> None:
    """Make a claimed view, and mark it as ready. Pack, files and features are its dataset's.

    Raises:
        IngestError: its dataset was deleted.

    """
    with database.transaction() as session:
        parent = session.get(Dataset, view.view_of) if view.view_of else None
    if parent is None or view.view_class is None:
        raise IngestError("parent_deleted", "expected the dataset that this is a view of; it was deleted")
    codes = _find_codes(parent, view.view_class)
    given_N = np.load(storage.fetch_pack_file(parent, version_packs.LABELS))
    has_N = np.isin(given_N, codes).astype(np.int32)
    every_N = np.arange(len(given_N))
    sha256 = version_packs.build_pack(
        storage, parent, has_N, every_N, destination=building, on_progress=lambda *_: heartbeat.check()
    )
    values = {
        "class_names": name_labels(view.view_class),
        "pack_sha256": sha256,
        "statistics": _count_statistics(parent, view.view_class, int(has_N.sum()), len(has_N)),
    }
    heartbeat.renew()
    for file in building.iterdir():
        storage.move(file, storage.locate_pack(view.id) / file.name)
    version_building.share_shown_pictures(storage, parent, view)
    made = _Made(parent=parent, codes=codes, values=values)
    retry_during_outage(lambda: _store(database, storage, view, made), heartbeat)
    log.info("view ready", dataset=str(view.id), parent=str(parent.id), samples=len(has_N))


def _find_codes(parent: Dataset, name: str) -> list[int]:
    """Return the labels of a dataset whose sets contain a class."""
    separator = require_sets(parent)
    return [code for code, each in enumerate(parent.class_names or ()) if has_member(each, separator, name)]


@dataclass(frozen=True, kw_only=True)
class _Made:
    parent: Dataset
    codes: list[int]
    """Labels of the parent that contain the class."""
    values: Json
    """Columns of the view that follow from its pack."""


def _store(database: Database, storage: Storage, view: Dataset, made: _Made) -> None:
    parent = made.parent
    with database.transaction() as session:
        same = {name: getattr(parent, name) for name in ("format", "kind", "shape", "sample_count")}
        held = leases.update_held(
            session,
            Dataset,
            view.id,
            view.attempt,
            **same,
            **made.values,
            problem_count=0,
            truth_version=int(parent.truth_version > 0),
            own_columns=parent.own_columns,
            own_version=int(parent.own_version > 0),
        )
        if not held:
            return
        child = session.get_one(Dataset, view.id, populate_existing=True)
        version_building.store_rows(session, storage, parent, child)
        _translate_truths(session, child, made.codes)
        version_building.count_again(session, child)
        every_N = np.arange(parent.sample_count or 0)
        carry_features(session, storage, parent, child, every_N)
        carry_to_view(session, storage, parent, child)
        dataset_service.change_status(session, child.id, DatasetStatus.READY, error=None)


def _translate_truths(session: Session, view: Dataset, codes: list[int]) -> None:
    session.execute(text(TRANSLATE_TRUTHS), {"codes": codes, "view": view.id})
    session.flush()


def _count_statistics(parent: Dataset, name: str, having: int, samples: int) -> Json:
    """Return the parent's statistics with the counts of a view; files keep their labels, which are sets."""
    statistics = dict(parent.statistics or {})
    counts = dict(zip(name_labels(name), (samples - having, having), strict=True))
    statistics |= {"class_counts": counts, "problem_counts": {}, "left_out": 0}
    statistics["layout"] = {
        key: value
        for key, value in statistics.get("layout", {}).items()
        if key not in {"class_spellings", "class_list", "class_columns", "label_lists"}
    }
    understood = dict(statistics.get("understood") or {})
    if understood:
        classes = [{"name": each, "spelled": None, "samples": count} for each, count in counts.items()]
        understood.pop("set_count", None)
        statistics["understood"] = understood | {"classes": classes, "class_count": 2, "notes": []}
    return statistics
