"""Tokens with which workspaces read datasets of the hub."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None
DEFAULT_WORKSPACE = "00000000-0000-7000-8000-000000000001"


def upgrade() -> None:
    op.create_table(
        "hub_tokens",
        sa.Column(
            "token",
            sa.Text(),
            nullable=False,
            comment="is sent with requests, so that it must be kept in the clear",
        ),
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column(
            "workspace_id", sa.Uuid(), server_default=sa.text(f"'{DEFAULT_WORKSPACE}'"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_hub_tokens_workspace_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hub_tokens")),
        sa.UniqueConstraint("workspace_id", name=op.f("uq_hub_tokens_workspace_id")),
    )


def downgrade() -> None:
    op.drop_table("hub_tokens")
