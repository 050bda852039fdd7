"""Several runs per audit: the variant of a run, its result, and whether it was chosen."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; in older audits, the last run is the one whose signals were scored."""
    op.add_column(
        "runs",
        sa.Column(
            "variant",
            sa.Integer(),
            nullable=True,
            comment="runs of one variant differ by their seed; null: trained to start others from",
        ),
    )
    op.add_column(
        "runs",
        sa.Column("result", postgresql.JSONB(), nullable=True, comment="what it came to, in figures"),
    )
    op.add_column(
        "runs",
        sa.Column(
            "is_chosen",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="whether the scores are made from its signals",
        ),
    )
    op.add_column(
        "run_epochs",
        sa.Column(
            "validation_true_accuracy",
            sa.REAL(),
            nullable=True,
            comment="classifier, on the truth of what is held out",
        ),
    )
    op.execute(
        "UPDATE runs SET variant = 0"
        " WHERE number = (SELECT max(number) FROM runs other WHERE other.audit_id = runs.audit_id)"
    )
    op.execute("UPDATE runs SET is_chosen = true WHERE variant = 0 AND status = 'succeeded'")


def downgrade() -> None:
    """Drop the columns."""
    op.drop_column("run_epochs", "validation_true_accuracy")
    for name in ("is_chosen", "result", "variant"):
        op.drop_column("runs", name)
