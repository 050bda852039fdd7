"""Label sets: datasets that tell one class of a dataset whose samples have several labels."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "datasets",
        sa.Column(
            "view_of",
            sa.Uuid(),
            nullable=True,
            comment="the dataset with label sets of which this tells one class; null: none, or deleted",
        ),
    )
    op.add_column(
        "datasets",
        sa.Column("view_class", sa.Text(), nullable=True, comment="the class that this view tells"),
    )
    op.create_foreign_key(
        op.f("fk_datasets_view_of"), "datasets", "datasets", ["view_of"], ["id"], ondelete="SET NULL"
    )
    op.create_index("ix_datasets_view_of", "datasets", ["view_of", "view_class"], unique=True)


def downgrade() -> None:
    op.drop_index("ix_datasets_view_of", "datasets")
    op.drop_constraint(op.f("fk_datasets_view_of"), "datasets", type_="foreignkey")
    op.drop_column("datasets", "view_class")
    op.drop_column("datasets", "view_of")
