"""Maps of audits, and samples that were selected on them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def _make_common() -> list[sa.Column[object]]:
    return [
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("audit_id", sa.Uuid(), nullable=False),
    ]


def upgrade() -> None:
    op.create_table(
        "audit_maps",
        *_make_common(),
        sa.Column("status", sa.Text(), server_default="queued", nullable=False),
        sa.Column("progress", JSONB(), comment="stage and fraction"),
        sa.Column("error", JSONB()),
        sa.Column("facts", JSONB(), comment="what it was made from, how many points, seconds"),
        sa.Column("file", JSONB(), comment="path, bytes and SHA-256 of its points"),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.Column(
            "attempt",
            sa.Integer(),
            server_default="0",
            nullable=False,
            comment="claims so far; fences late writers",
        ),
        sa.Column(
            "lapses",
            sa.Integer(),
            server_default="0",
            nullable=False,
            comment="leases that ran out; bounded by max_attempts",
        ),
        sa.Column("lease_until", sa.DateTime(timezone=True), comment="null: nobody holds it"),
        sa.Column(
            "sent_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="when it was last queued",
        ),
        sa.CheckConstraint(
            "status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')",
            name=op.f("ck_audit_maps_status"),
        ),
        sa.ForeignKeyConstraint(
            ["audit_id"], ["audits.id"], name=op.f("fk_audit_maps_audit_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_maps")),
        sa.UniqueConstraint("audit_id", name=op.f("uq_audit_maps_audit_id")),
    )
    op.create_table(
        "selections",
        *_make_common(),
        sa.Column(
            "sha256",
            sa.Text(),
            nullable=False,
            comment="of the positions: the same samples are stored once",
        ),
        sa.Column("positions", ARRAY(sa.Integer()), nullable=False),
        sa.ForeignKeyConstraint(
            ["audit_id"], ["audits.id"], name=op.f("fk_selections_audit_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_selections")),
        sa.UniqueConstraint("audit_id", "sha256", name=op.f("uq_selections_audit_id_sha256")),
    )


def downgrade() -> None:
    op.drop_table("selections")
    op.drop_table("audit_maps")
