"""Answers for idempotency keys, folders to delete, and remarks on changes to a run."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "idempotent_answers",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column(
            "fingerprint", sa.LargeBinary(), nullable=False, comment="SHA-256 of all that the request said"
        ),
        sa.Column(
            "status",
            sa.Integer(),
            nullable=True,
            comment="null only within the transaction that does the work",
        ),
        sa.Column("headers", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "workspace_id",
            sa.Uuid(),
            server_default=sa.text("'00000000-0000-7000-8000-000000000001'"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name=op.f("fk_idempotent_answers_workspace_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("workspace_id", "key", name=op.f("pk_idempotent_answers")),
    )
    op.create_index(op.f("ix_idempotent_answers_created_at"), "idempotent_answers", ["created_at"])
    op.create_table(
        "removals",
        sa.Column("folder", sa.Text(), nullable=False, comment="below the storage's own"),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("folder", name=op.f("pk_removals")),
    )
    op.add_column(
        "runs",
        sa.Column(
            "remarks",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default="[]",
            nullable=False,
            comment="code and detail of what had to be changed for it",
        ),
    )


def downgrade() -> None:
    op.drop_column("runs", "remarks")
    op.drop_table("removals")
    op.drop_table("idempotent_answers")
