"""When each workspace last had its turn at reading uploads and at forming consensuses."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None
COLUMNS = {
    "reading_turn_at": "when an upload of it was last taken to be read; null: never",
    "consensus_turn_at": "when a consensus of its annotators was last begun; null: never",
}


def upgrade() -> None:
    for name, comment in COLUMNS.items():
        column = sa.Column(name, sa.DateTime(timezone=True), nullable=True, comment=comment)
        op.add_column("workspaces", column)


def downgrade() -> None:
    for name in COLUMNS:
        op.drop_column("workspaces", name)
