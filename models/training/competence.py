"""How far a classifier is to be trusted, from its agreement with the given labels."""

WEAK, STRONG = 0.75, 0.83
"""Competence: the agreement of all samples over that of the surest tenth."""


def strength(competence: float) -> float:
    """Return how far a network of this competence is a strong one, in [0, 1]."""
    return min(1.0, max(0.0, (competence - WEAK) / (STRONG - WEAK)))
