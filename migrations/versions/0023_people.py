"""Several people at one review: own opinions, leases on samples, second opinions, notes."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

VERDICTS = "verdict IN ('keep', 'relabel', 'drop', 'unsure')"


def upgrade() -> None:
    agreement = "null: one person's verdict; else what the opinions of several people make of it"
    op.add_column("reviews", sa.Column("agreement", sa.Text(), nullable=True, comment=agreement))
    op.create_check_constraint(
        op.f("ck_reviews_agreement"),
        "reviews",
        "agreement IN ('agreed', 'unsure', 'disputed', 'settled')",
    )
    op.create_index(
        "ix_reviews_disputed",
        "reviews",
        ["dataset_id", "position"],
        postgresql_where=sa.text("agreement IS NOT NULL"),
    )
    op.add_column("bulk_verdicts", sa.Column("before_agreement", sa.Text(), nullable=True))
    _create_opinions()
    _create_leases()
    op.create_table(
        "review_plans",
        sa.Column("audit_id", sa.Uuid(), nullable=False),
        sa.Column("second_share", sa.Double(), nullable=False, comment="of the reviewed samples"),
        sa.Column("seed", sa.BigInteger(), nullable=False, comment="decides which samples"),
        sa.CheckConstraint("second_share BETWEEN 0 AND 1", name=op.f("ck_review_plans_second_share")),
        sa.ForeignKeyConstraint(
            ["audit_id"], ["audits.id"], name=op.f("fk_review_plans_audit_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("audit_id", name=op.f("pk_review_plans")),
    )
    op.create_table(
        "sample_notes",
        sa.Column("dataset_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("reviewer", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        _refer("sample_notes", "samples"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sample_notes")),
    )
    op.create_index("ix_sample_notes_position", "sample_notes", ["dataset_id", "position"])


def _create_opinions() -> None:
    of_review = "from the sequence of reviews; the first person's is that of their review"
    op.create_table(
        "opinions",
        sa.Column("dataset_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("reviewer", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("label", sa.Integer(), nullable=True, comment="the right one; of relabel alone"),
        sa.Column("audit_id", sa.Uuid(), nullable=True, comment="whose ranking showed the sample"),
        sa.Column("reviewed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False, comment=of_review),
        sa.CheckConstraint("(verdict = 'relabel') = (label IS NOT NULL)", name=op.f("ck_opinions_label")),
        sa.CheckConstraint(VERDICTS, name=op.f("ck_opinions_verdict")),
        sa.ForeignKeyConstraint(
            ["audit_id"], ["audits.id"], name=op.f("fk_opinions_audit_id"), ondelete="SET NULL"
        ),
        _refer("opinions", "reviews"),
        sa.PrimaryKeyConstraint("dataset_id", "position", "reviewer", name=op.f("pk_opinions")),
    )
    op.create_index(op.f("ix_opinions_audit_id"), "opinions", ["audit_id"])


def _create_leases() -> None:
    second = "asked for a second opinion, without being shown the first"
    op.create_table(
        "sample_leases",
        sa.Column("dataset_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("reviewer", sa.Text(), nullable=False),
        sa.Column("is_second", sa.Boolean(), nullable=False, comment=second),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        _refer("sample_leases", "samples"),
        sa.PrimaryKeyConstraint("dataset_id", "position", name=op.f("pk_sample_leases")),
    )


def _refer(table: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["dataset_id", "position"],
        [f"{target}.dataset_id", f"{target}.position"],
        name=op.f(f"fk_{table}_dataset_id"),
        ondelete="CASCADE",
    )


def downgrade() -> None:
    op.drop_table("sample_notes")
    op.drop_table("review_plans")
    op.drop_table("sample_leases")
    op.drop_table("opinions")
    op.drop_column("bulk_verdicts", "before_agreement")
    op.drop_index("ix_reviews_disputed", "reviews")
    op.drop_column("reviews", "agreement")
