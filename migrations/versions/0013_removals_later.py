"""The time after which a folder or file is deleted."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    due_at = sa.Column(
        "due_at",
        sa.DateTime(timezone=True),
        server_default=sa.text("now()"),
        nullable=False,
        comment="before it somebody may still be reading",
    )
    op.add_column("removals", due_at)
    op.alter_column(
        "removals",
        "folder",
        comment="below the storage's own; or a file",
        existing_comment="below the storage's own",
    )


def downgrade() -> None:
    op.alter_column(
        "removals",
        "folder",
        comment="below the storage's own",
        existing_comment="below the storage's own; or a file",
    )
    op.drop_column("removals", "due_at")
