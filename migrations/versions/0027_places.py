"""Places: datasets whose files stay where they lie, and credentials for buckets."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None
COLUMNS = {
    "place": "where its files lie: kind, url; null: they were uploaded",
    "place_check": "what differed in the place when it was last compared, and when; null: never compared",
}
DEFAULT_WORKSPACE = "00000000-0000-7000-8000-000000000001"


def upgrade() -> None:
    for name, comment in COLUMNS.items():
        op.add_column("datasets", sa.Column(name, postgresql.JSONB(), nullable=True, comment=comment))
    op.create_table(
        "bucket_accesses",
        sa.Column("bucket", sa.Text(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=True, comment="URL of a server other than AWS's"),
        sa.Column("region", sa.Text(), nullable=True),
        sa.Column("key_id", sa.Text(), nullable=True, comment="null: the bucket is read without a signature"),
        sa.Column(
            "secret",
            sa.Text(),
            nullable=True,
            comment="signs requests, so that it must be kept in the clear",
        ),
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column(
            "workspace_id", sa.Uuid(), server_default=sa.text(f"'{DEFAULT_WORKSPACE}'"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name=op.f("fk_bucket_accesses_workspace_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bucket_accesses")),
        sa.UniqueConstraint("workspace_id", "bucket", name=op.f("uq_bucket_accesses_workspace_id_bucket")),
    )


def downgrade() -> None:
    op.drop_table("bucket_accesses")
    for name in COLUMNS:
        op.drop_column("datasets", name)
