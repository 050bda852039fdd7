"""The random moments of faults: drawn from a seed that is printed and can be set."""

import random
from dataclasses import dataclass

KILLS = 20
SEED = 22


@dataclass
class Moments:
    """How often each kill is repeated, and from what its moments are drawn."""

    seed: int = SEED
    kills: int = KILLS

    def draw(self, case: str) -> random.Random:
        """Return the generator of one case, the same in every run with this seed."""
        return random.Random(f"{self.seed} {case}")  # noqa: S311 - moments, no secrets

    def words(self) -> str:
        """Say what repeats this."""
        return f"{self.kills} times, seed {self.seed}"


MOMENTS = Moments()
"""Of this run; set from the command line before any case begins."""
