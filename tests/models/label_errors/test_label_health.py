"""Health of classes and budgets, against numbers worked out by hand."""

import numpy as np
import pytest

from models.label_errors import label_health

# Rows: true class; columns: given label. Nothing is or was given 3.
JOINT = np.array([[0.5, 0.2, 0, 0], [1.375, 1.8, 0, 0], [0.125, 0, 0, 0], [0, 0, 0, 0]])


def test_health_of_classes() -> None:
    classes = label_health.measure_class_health(JOINT)
    # Class 0: two were given it, 0.5 of them are it, 0.7 are it in all.
    assert classes.noise_rate_K[:2] == pytest.approx([0.75, 0.1], abs=1e-6)
    assert classes.missed_rate_K[:3] == pytest.approx([2 / 7, 1.375 / 3.175, 1.0], abs=1e-6)
    assert classes.health_K[:3] == pytest.approx([0.5 / 2.2, 1.8 / 3.375, 0.0], abs=1e-6)
    assert np.isnan(classes.noise_rate_K[2:]).all()  # nothing was given 2 or 3
    assert np.isnan(classes.health_K[3])
