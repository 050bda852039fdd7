"""The range of the distance."""

import math

MAXIMUM_DISTANCE = math.sqrt(2.0)
"""The maximum of ||y - s(b)||_2: the predictor is certain of another class than the given one."""
