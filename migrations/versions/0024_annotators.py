"""Labels of several annotators, and what was found out by them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    annotators = sa.Column(
        "annotators",
        JSONB(),
        nullable=True,
        comment="attached labels of several annotators: version, counts, file; null: none",
    )
    op.add_column("datasets", annotators)
    consensus = sa.Column(
        "consensus", JSONB(), nullable=True, comment="what was found out by them, and of which version"
    )
    op.add_column("datasets", consensus)


def downgrade() -> None:
    op.drop_column("datasets", "consensus")
    op.drop_column("datasets", "annotators")
