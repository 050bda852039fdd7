"""How long tests wait for services: every time limit of theirs is multiplied by one factor.

The limits are what a quiet machine needs several times over. On a busy one they are still too short, so the
factor is generous; it costs nothing where all goes well.
"""

import os

VARIABLE = "LIMIT_AUDIT_TEST_PATIENCE"
PATIENCE = float(os.environ.get(VARIABLE, "5"))


def scale(seconds: float) -> float:
    """Return a time limit in seconds as this machine needs it."""
    return PATIENCE * seconds
