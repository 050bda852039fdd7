"""The range of the score."""

import math

MAXIMUM_DISTANCE = math.sqrt(2.0)
"""Of ||y - s(b)||_2, reached where the predictor is sure of a class that is not the given one."""
