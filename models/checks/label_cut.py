"""Which labels to flag: the automatic cut.

Shape suffix: N samples.
"""

import numpy as np
import numpy.typing as npt

from models.checks.check_plan import Floats

Mask = npt.NDArray[np.bool_]
AS_LIKELY_WRONG = 0.5


def choose_cut(error_probability_N: Floats) -> Mask:
    """Return the samples to flag: those likelier wrong than right; none if less than one error is expected.

    It is the cut with the fewest expected mistakes. That of the best expected F1 flags more, down to half of
    that F1, so most of what it adds is right where little is known (bench/tables/RESULTS.md).
    """
    is_flagged_N: Mask = error_probability_N > AS_LIKELY_WRONG
    return is_flagged_N & (float(error_probability_N.sum()) >= 1)
