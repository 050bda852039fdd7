"""Verdicts on many samples at once, which can be undone together."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

SEEN = "false: one of many verdicts given at once to samples nobody saw"


def upgrade() -> None:
    op.add_column(
        "reviews",
        sa.Column("is_looked_at", sa.Boolean(), server_default="true", nullable=False, comment=SEEN),
    )
    op.create_table(
        "bulk_actions",
        sa.Column("audit_id", sa.Uuid(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False, comment="accept: the suggested label of each"),
        sa.Column("label", sa.Integer(), nullable=True, comment="of relabel alone"),
        sa.Column("reviewer", sa.Text(), nullable=False),
        sa.Column(
            "is_looked_at", sa.Boolean(), nullable=False, comment="whether somebody saw each of the samples"
        ),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "action IN ('keep', 'accept', 'relabel', 'drop', 'unsure')", name=op.f("ck_bulk_actions_action")
        ),
        sa.ForeignKeyConstraint(
            ["audit_id"], ["audits.id"], name=op.f("fk_bulk_actions_audit_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bulk_actions")),
    )
    op.create_index(op.f("ix_bulk_actions_audit_id"), "bulk_actions", ["audit_id"])
    op.create_table(
        "bulk_verdicts",
        sa.Column("action_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column(
            "version",
            sa.BigInteger(),
            nullable=True,
            comment="of the review that the action wrote; undone only if nobody changed it since",
        ),
        sa.Column("before_version", sa.BigInteger(), nullable=True, comment="null: there was no review"),
        sa.Column("before_verdict", sa.Text(), nullable=True),
        sa.Column("before_label", sa.Integer(), nullable=True),
        sa.Column("before_audit_id", sa.Uuid(), nullable=True),
        sa.Column("before_reviewer", sa.Text(), nullable=True),
        sa.Column("before_reviewed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("before_is_looked_at", sa.Boolean(), nullable=True),
        sa.ForeignKeyConstraint(
            ["action_id"], ["bulk_actions.id"], name=op.f("fk_bulk_verdicts_action_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["before_audit_id"],
            ["audits.id"],
            name=op.f("fk_bulk_verdicts_before_audit_id"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("action_id", "position", name=op.f("pk_bulk_verdicts")),
    )
    op.create_index(op.f("ix_bulk_verdicts_before_audit_id"), "bulk_verdicts", ["before_audit_id"])


def downgrade() -> None:
    op.drop_table("bulk_verdicts")
    op.drop_table("bulk_actions")
    op.drop_column("reviews", "is_looked_at")
