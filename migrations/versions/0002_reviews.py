"""Reviews: verdicts of people."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None
VERSIONS = sa.Sequence("review_versions")


def upgrade() -> None:
    op.execute(sa.schema.CreateSequence(VERSIONS))
    op.create_table(
        "reviews",
        sa.Column("dataset_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("label", sa.Integer(), nullable=True, comment="the right one; of relabel alone"),
        sa.Column("audit_id", sa.Uuid(), nullable=True, comment="whose ranking showed the sample"),
        sa.Column("reviewer", sa.Text(), nullable=False),
        sa.Column("reviewed_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column(
            "version",
            sa.BigInteger(),
            server_default=VERSIONS.next_value(),
            nullable=False,
            comment="new with every write, never used twice",
        ),
        sa.CheckConstraint(
            "verdict IN ('keep', 'relabel', 'drop', 'unsure')", name=op.f("ck_reviews_verdict")
        ),
        sa.CheckConstraint("(verdict = 'relabel') = (label IS NOT NULL)", name=op.f("ck_reviews_label")),
        sa.ForeignKeyConstraint(
            ["dataset_id", "position"],
            ["samples.dataset_id", "samples.position"],
            name=op.f("fk_reviews_dataset_id_position"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["audit_id"], ["audits.id"], name=op.f("fk_reviews_audit_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("dataset_id", "position", name=op.f("pk_reviews")),
    )
    op.create_index("ix_reviews_version", "reviews", ["dataset_id", "version"])
    op.create_index("ix_reviews_audit_id", "reviews", ["audit_id"])


def downgrade() -> None:
    op.drop_table("reviews")
    op.execute(sa.schema.DropSequence(VERSIONS))
