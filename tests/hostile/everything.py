"""All hostile uploads, whatever module makes them."""

from tests.hostile import archives, arrays, pictures, tables
from tests.hostile.catalogue import CATALOGUE, HARMLESS

__all__ = ["CATALOGUE", "HARMLESS", "LIMITS", "MARKS", "archives", "arrays", "pictures", "tables"]

LIMITS = {"max_members": archives.MOST_MEMBERS, "max_member_bytes": 16 * 2**20, "max_features": 65_536}
MARKS = (arrays.MARK, f"/{archives.ELSEWHERE}")
"""What would exist if a file had been written, or a command run, where it must not be."""
