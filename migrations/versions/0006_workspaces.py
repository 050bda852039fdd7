"""Workspaces of datasets, audits and keys; logins of browsers. Older rows go to the default workspace."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

DEFAULT_WORKSPACE = "00000000-0000-7000-8000-000000000001"
OWNED = ("api_keys", "datasets", "audits")


def upgrade() -> None:
    workspaces = op.create_table(
        "workspaces",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workspaces")),
        sa.UniqueConstraint("name", name=op.f("uq_workspaces_name")),
    )
    op.bulk_insert(workspaces, [{"id": DEFAULT_WORKSPACE, "name": "default"}])
    for table in OWNED:
        default = sa.text(f"'{DEFAULT_WORKSPACE}'")
        op.add_column(table, sa.Column("workspace_id", sa.Uuid(), server_default=default, nullable=False))
        op.create_foreign_key(
            op.f(f"fk_{table}_workspace_id"),
            table,
            "workspaces",
            ["workspace_id"],
            ["id"],
            ondelete="RESTRICT",
        )
    for table in ("datasets", "audits"):
        op.create_index(f"ix_{table}_workspace_id_id", table, ["workspace_id", "id"], unique=False)
    op.create_table(
        "logins",
        sa.Column("key_id", sa.Uuid(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False, comment="SHA-256 of the cookie"),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["key_id"], ["api_keys.id"], name=op.f("fk_logins_key_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_logins")),
        sa.UniqueConstraint("hash", name=op.f("uq_logins_hash")),
    )
    op.create_index("ix_logins_expires_at", "logins", ["expires_at"], unique=False)
    op.create_index("ix_logins_key_id", "logins", ["key_id"], unique=False)


def downgrade() -> None:
    op.drop_table("logins")
    for table in ("datasets", "audits"):
        op.drop_index(f"ix_{table}_workspace_id_id", table_name=table)
    for table in OWNED:
        op.drop_constraint(op.f(f"fk_{table}_workspace_id"), table, type_="foreignkey")
        op.drop_column(table, "workspace_id")
    op.drop_table("workspaces")
