"""Predicted probabilities of an external model."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "datasets",
        sa.Column(
            "probabilities",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="digest of the predictions that were attached; null: none",
        ),
    )


def downgrade() -> None:
    op.drop_column("datasets", "probabilities")
