"""Samples of an audit that are checked at random."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "check_plans",
        sa.Column("audit_id", sa.Uuid(), nullable=False),
        sa.Column("wanted", sa.Integer(), nullable=False, comment="samples to check in all; it only grows"),
        sa.Column("stratum_ends", JSONB(), nullable=False, comment="the last rank of each stratum"),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["audit_id"], ["audits.id"], name=op.f("fk_check_plans_audit_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("audit_id", name=op.f("pk_check_plans")),
    )
    op.create_table(
        "checks",
        sa.Column("audit_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, comment="0, 1, ... in the order of checking"),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False, comment="copied from the score; tells the stratum"),
        sa.ForeignKeyConstraint(
            ["audit_id"], ["check_plans.audit_id"], name=op.f("fk_checks_audit_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("audit_id", "number", name=op.f("pk_checks")),
        sa.UniqueConstraint("audit_id", "position", name=op.f("uq_checks_audit_id_position")),
    )


def downgrade() -> None:
    op.drop_table("checks")
    op.drop_table("check_plans")
