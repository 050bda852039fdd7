"""The score that ranks, beside the distance."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

TABLES = ("scores", "provisional_scores")


def upgrade() -> None:
    for table in TABLES:
        comment = "what ranks, in [0, 1]; null: the distance ranks"
        op.add_column(table, sa.Column("score", sa.REAL(), nullable=True, comment=comment))
        op.alter_column(
            table,
            "distance",
            comment="||mu - g||, in [0, sqrt 2]",
            existing_comment="||mu - g|| that ranks, in [0, sqrt 2]",
        )


def downgrade() -> None:
    for table in TABLES:
        op.alter_column(
            table,
            "distance",
            comment="||mu - g|| that ranks, in [0, sqrt 2]",
            existing_comment="||mu - g||, in [0, sqrt 2]",
        )
        op.drop_column(table, "score")
