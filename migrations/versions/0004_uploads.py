"""Resumable uploads."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "uploads",
        sa.Column("dataset_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False, comment="of the file it will be"),
        sa.Column("size", sa.BigInteger(), nullable=False, comment="bytes announced"),
        sa.Column(
            "offset", sa.BigInteger(), server_default="0", nullable=False, comment="bytes safely on disk"
        ),
        sa.Column("sha256", sa.Text(), nullable=True, comment="announced, hexadecimal"),
        sa.Column(
            "complete",
            sa.Boolean(),
            nullable=False,
            comment="the dataset's last file: ingestion starts after it",
        ),
        sa.Column("note", sa.Text(), nullable=False, comment="Upload-Metadata as it was sent"),
        sa.Column(
            "writer",
            sa.Integer(),
            server_default="0",
            nullable=False,
            comment="requests so far; fences a late one",
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "finished_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when it became a file of the dataset",
        ),
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint('"offset" BETWEEN 0 AND size', name=op.f("ck_uploads_offset")),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["datasets.id"], name=op.f("fk_uploads_dataset_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_uploads")),
    )
    op.create_index(op.f("ix_uploads_dataset_id"), "uploads", ["dataset_id"], unique=False)


def downgrade() -> None:
    op.drop_table("uploads")
