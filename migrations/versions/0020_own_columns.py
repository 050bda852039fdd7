"""People's own columns about their samples, such as annotator, camera or batch."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    columns = sa.Column(
        "own_columns",
        JSONB(),
        server_default="[]",
        nullable=False,
        comment="people's own columns: name, kind, missing, source",
    )
    op.add_column("datasets", columns)
    version = sa.Column(
        "own_version",
        sa.Integer(),
        server_default="0",
        nullable=False,
        comment="raised whenever own columns are attached",
    )
    op.add_column("datasets", version)
    op.create_table(
        "own_values",
        sa.Column("dataset_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column(
            "document", JSONB(), nullable=False, comment="value by column; a missing value has no entry"
        ),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["datasets.id"], name=op.f("fk_own_values_dataset_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("dataset_id", "position", name=op.f("pk_own_values")),
    )


def downgrade() -> None:
    op.drop_table("own_values")
    op.drop_column("datasets", "own_version")
    op.drop_column("datasets", "own_columns")
