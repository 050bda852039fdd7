"""The queue of every run, and the reason why no worker takes it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    queue = sa.Column(
        "queue", sa.Text(), server_default="train", nullable=False, comment="that its messages go to"
    )
    op.add_column("runs", queue)
    waiting = sa.Column("waiting", JSONB(), comment="code and detail of why no worker takes it")
    op.add_column("runs", waiting)


def downgrade() -> None:
    op.drop_column("runs", "waiting")
    op.drop_column("runs", "queue")
