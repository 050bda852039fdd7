"""The array of samples of any kind."""

from typing import Any

import numpy.typing as npt

Inputs = npt.NDArray[Any]
"""Samples [N, ...] of one of `catalogue.kinds`, in memory or memory-mapped."""
