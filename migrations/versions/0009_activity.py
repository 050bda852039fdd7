"""The activity log, and counters that only grow."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

DEFAULT_WORKSPACE = "00000000-0000-7000-8000-000000000001"


def upgrade() -> None:
    op.create_table(
        "activities",
        sa.Column("actor", sa.Text(), nullable=False, comment="name of the key, or local"),
        sa.Column("key_id", sa.Uuid(), nullable=True, comment="null: no key was asked for"),
        sa.Column("action", sa.Text(), nullable=False, comment="method and route, or command"),
        sa.Column(
            "objects", postgresql.JSONB(astext_type=sa.Text()), nullable=False, comment="ids in the path"
        ),
        sa.Column("client", sa.Text(), nullable=True, comment="address it came from"),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column(
            "status",
            sa.Integer(),
            nullable=True,
            comment="of the answer; null: the process ended before it",
        ),
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "workspace_id", sa.Uuid(), server_default=sa.text(f"'{DEFAULT_WORKSPACE}'"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_activities_workspace_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_activities")),
    )
    op.create_index("ix_activities_created_at", "activities", ["created_at"], unique=False)
    op.create_index("ix_activities_workspace_id_id", "activities", ["workspace_id", "id"], unique=False)
    op.create_table(
        "totals",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False, comment="table of the lease, code of the rejection"),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", "label", name=op.f("pk_totals")),
    )


def downgrade() -> None:
    op.drop_table("totals")
    op.drop_table("activities")
