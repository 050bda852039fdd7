"""True labels as arrays, to measure results; training never uses them."""

import numpy as np
import numpy.typing as npt
from sqlalchemy.orm import Session

from app.tables import Dataset
from worker.jobs.bulk_copy import copy_from

Labels = npt.NDArray[np.int64]
UNKNOWN = -1


def load_true_labels(session: Session, dataset: Dataset) -> Labels | None:
    """Return the true label of every position [N], UNKNOWN where there is none; None: no true labels."""
    if dataset.truth_version == 0:
        return None
    rows = copy_from(session, "SELECT position, true_label FROM truths WHERE dataset_id = %s", dataset.id)
    truth = np.full(dataset.sample_count or 0, UNKNOWN, dtype=np.int64)
    truth[rows["position"].to_numpy()] = rows["true_label"].to_numpy()
    return truth
