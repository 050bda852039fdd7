"""Neighbour disagreement: how often a sample's neighbours have another label."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("scores", "provisional_scores"):
        op.add_column(
            table,
            sa.Column(
                "neighbour_disagreement",
                sa.REAL(),
                nullable=True,
                comment="share of the nearest samples by the network's features with another given label",
            ),
        )


def downgrade() -> None:
    for table in ("provisional_scores", "scores"):
        op.drop_column(table, "neighbour_disagreement")
