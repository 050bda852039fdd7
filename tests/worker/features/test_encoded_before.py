"""Features that are taken from sets of earlier audits."""

import numpy as np

from app.features.feature_files import FeatureRows
from worker.features.encoded_before import EarlierFeatures, digest_input, view_digests


def test_features_come_from_the_first_of_several_sets_that_has_them() -> None:
    digests = [digest_input(bytes([number])) for number in range(6)]
    rows = np.arange(12, dtype=np.float16).reshape(6, 2)
    sets = [
        (view_digests(digests[:4]), FeatureRows([rows[:2], rows[2:4]])),
        (view_digests(digests[2:]), FeatureRows([100 + rows[2:]])),
    ]
    earlier = EarlierFeatures(sets)
    np.testing.assert_array_equal(earlier.read([digests[3], digests[0]]), rows[[3, 0]])
    np.testing.assert_array_equal(earlier.read([digests[5]]), 100 + rows[[5]])
    np.testing.assert_array_equal(earlier.read([digests[4], digests[1]]), np.stack([100 + rows[4], rows[1]]))
    assert digest_input(b"another") not in earlier
