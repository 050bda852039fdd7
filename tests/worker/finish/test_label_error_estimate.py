"""What is said of an audit's labels where no run left evidence."""

from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest

from app.infra.storage import Storage
from app.tables import Audit, Run
from models.catalogue.methods import EXTERNAL
from models.error_model.claims import Reason
from worker.finish.label_error_estimate import estimate_label_errors
from worker.jobs.audited_labels import AuditLabels


@pytest.mark.parametrize(
    ("method", "has_encoder", "folds", "reason"),
    [
        ("limit", False, 1, Reason.NOT_OUT_OF_SAMPLE),
        ("limit", True, 1, Reason.TOO_LARGE),
        ("limit", False, 4, Reason.TOO_LARGE),
        (EXTERNAL.name, False, None, Reason.TOO_LARGE),
    ],
)
def test_the_absence_of_evidence_is_explained(
    tmp_path: Path, method: str, folds: int | None, reason: Reason, *, has_encoder: bool
) -> None:
    run = Run(
        number=1,
        configuration={"method": method, "folds": folds},
        feature_set_id=uuid4() if has_encoder else None,
    )
    top_labels_N3 = np.array([[0, 1, -1], [1, 0, -1]])
    signals = {
        "top_labels_N3": top_labels_N3,
        "top_probabilities_N3": np.array([[0.9, 0.1, 0], [0.8, 0.2, 0]]),
    }
    labels = AuditLabels(given=np.array([0, 0], dtype=np.int32), truth=None)
    found = estimate_label_errors(Storage(tmp_path), Audit(id=uuid4()), [run], signals, labels)
    assert [code for code, _ in found.counted.reasons] == [reason]
    assert (found.counted.count, found.findings.error_probability_N) == (None, None)
