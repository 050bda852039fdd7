"""Boxes: where samples lie in their pictures, and the issues of their geometry."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None
OLD_KINDS = (
    "conflicting_duplicate", "duplicate_across_splits", "exact_duplicate", "near_duplicate", "outlier",
    "blank", "unreadable", "rare_class",
)  # fmt: skip
NEW_KINDS = (
    "duplicate_box", "overlapping_boxes", "clipped_box", "tiny_box", "unusable_box", "picture_without_boxes",
)  # fmt: skip
PIXELS = "pixels of the upright original"
COLUMNS: dict[str, tuple[sa.types.TypeEngine[Any], str]] = {
    "box_left": (sa.REAL(), f"{PIXELS}; null: no box"),
    "box_top": (sa.REAL(), PIXELS),
    "box_width": (sa.REAL(), PIXELS),
    "box_height": (sa.REAL(), PIXELS),
    "picture": (sa.Integer(), "number of the picture that the box lies in"),
}


def upgrade() -> None:
    for name, (kind, comment) in COLUMNS.items():
        op.add_column("samples", sa.Column(name, kind, nullable=True, comment=comment))
    _restrict_kinds(OLD_KINDS + NEW_KINDS)


def downgrade() -> None:
    listed = ", ".join(f"'{kind}'" for kind in NEW_KINDS)
    op.execute(f"DELETE FROM issues WHERE kind IN ({listed})")  # noqa: S608 - constants
    _restrict_kinds(OLD_KINDS)
    for name in COLUMNS:
        op.drop_column("samples", name)


def _restrict_kinds(kinds: tuple[str, ...]) -> None:
    listed = ", ".join(f"'{kind}'" for kind in kinds)
    op.drop_constraint(op.f("ck_issues_kind"), "issues")
    op.create_check_constraint(op.f("ck_issues_kind"), "issues", f"kind IN ({listed})")
