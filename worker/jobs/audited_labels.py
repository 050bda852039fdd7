"""The labels that an audit examines: the given ones, or in a rehearsal a copy with planted errors."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sqlalchemy.orm import Session

from app.audits.audit_configuration import AuditConfiguration, Rehearsal
from app.infra.storage import Storage
from app.tables import Audit, Dataset
from models.label_errors.rehearsal import choose_share
from models.paper import label_noise
from worker.jobs import clean_labels
from worker.jobs.clean_labels import Labels


@dataclass(frozen=True, kw_only=True)
class AuditLabels:
    """The labels of one audit, N of each."""

    given: npt.NDArray[np.int32]
    """Training uses them, and the ranking is about them."""
    truth: Labels | None
    """Results are measured against them, UNKNOWN where there is none; None: no true labels."""
    planted: npt.NDArray[np.bool_] | None = None
    """Which labels a rehearsal made wrong; None: no rehearsal."""


def load_labels(session: Session, storage: Storage, audit: Audit, dataset: Dataset) -> AuditLabels:
    """Return an audit's labels; in a rehearsal the uploaded labels are the true ones."""
    uploaded = np.load(storage.fetch_pack_file(dataset, "labels.npy"))
    rehearsal = AuditConfiguration.read(audit.configuration).rehearsal
    if rehearsal is None:
        return AuditLabels(given=uploaded, truth=clean_labels.load_true_labels(session, dataset))
    planted = _plant_errors(uploaded, rehearsal, dataset.class_names or [])
    return AuditLabels(
        given=planted.astype(np.int32), truth=uploaded.astype(np.int64), planted=planted != uploaded
    )


def _plant_errors(labels_N: npt.NDArray[np.int32], rehearsal: Rehearsal, class_names: list[str]) -> Labels:
    seed, count = rehearsal.seed, len(class_names)
    rate = rehearsal.rate or choose_share(len(labels_N))
    if rehearsal.noise == "uniform":
        return label_noise.add_uniform_noise(labels_N, class_count=count, rate=rate, seed=seed)[0]
    if rehearsal.noise == "pair":
        mapping = {
            class_names.index(source): class_names.index(target)
            for source, target in (rehearsal.mapping or {}).items()
        }
        return label_noise.add_pair_noise(labels_N, mapping=mapping, class_count=count, rate=rate, seed=seed)[
            0
        ]
    return label_noise.add_confusion_noise(labels_N, matrix_KK=rehearsal.matrix or [], seed=seed)[0]
