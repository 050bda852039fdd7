"""Which labels to flag: the automatic cut.

Shape suffix: N samples.
"""

import numpy as np
import numpy.typing as npt

from models.checks.check_plan import Floats

Mask = npt.NDArray[np.bool_]


def choose_cut(error_probability_N: Floats) -> Mask:
    """Return the samples to flag so that the expected F1 is best; none where less than one error is expected.

    Flagging the m likeliest finds the sum of their probabilities; F1 = 2 found / (m + all errors).
    """
    total = float(error_probability_N.sum())
    order_N = np.argsort(-error_probability_N, kind="stable")
    found_N = np.cumsum(error_probability_N[order_N])
    flagged = int(np.argmax(found_N / (np.arange(1, len(order_N) + 1) + total))) + 1
    is_flagged_N = np.zeros(len(order_N), dtype=np.bool_)
    if total >= 1:
        is_flagged_N[order_N[:flagged]] = True
    return is_flagged_N
