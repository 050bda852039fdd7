"""Issues of an audit's data other than wrong labels."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None
KINDS = (
    "conflicting_duplicate", "duplicate_across_splits", "exact_duplicate", "near_duplicate", "outlier",
    "blank", "unreadable", "rare_class",
)  # fmt: skip


def upgrade() -> None:
    listed = ", ".join(f"'{kind}'" for kind in KINDS)
    op.create_table(
        "issues",
        sa.Column("audit_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, comment="0, 1, ... within the kind"),
        sa.Column(
            "position", sa.Integer(), nullable=True, comment="null: of no sample, as what could not be read"
        ),
        sa.Column("key", sa.Text(), nullable=False, comment="the sample's, or a class's name"),
        sa.Column("given_label", sa.Integer(), nullable=True),
        sa.Column(
            "group_number", sa.Integer(), nullable=True, comment="duplicates: of one another, within the kind"
        ),
        sa.Column("score", sa.REAL(), nullable=True, comment="likeness, isolation or number of samples"),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.CheckConstraint(f"kind IN ({listed})", name=op.f("ck_issues_kind")),
        sa.ForeignKeyConstraint(
            ["audit_id"], ["audits.id"], name=op.f("fk_issues_audit_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("audit_id", "kind", "number", name=op.f("pk_issues")),
    )


def downgrade() -> None:
    op.drop_table("issues")
