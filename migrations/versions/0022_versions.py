"""Datasets that are versions of others, and verdicts carried over to them."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def _make_columns() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("parent_id", sa.Uuid(), nullable=True, comment="the version that this one corrects"),
        sa.Column(
            "root_id",
            sa.Uuid(),
            nullable=True,
            comment="the first version, which may be deleted by now; null: it is the first itself",
        ),
        sa.Column(
            "version",
            sa.Integer(),
            server_default="1",
            nullable=False,
            comment="1, 2, ... within one root",
        ),
        sa.Column(
            "origin",
            JSONB(),
            nullable=True,
            comment="how it became a version of its parent, with the parent's name and what changed",
        ),
        sa.Column(
            "relatives",
            JSONB(),
            nullable=True,
            comment="datasets with the same samples, as found when it was read",
        ),
        sa.Column(
            "content_sketch",
            ARRAY(sa.BigInteger()),
            nullable=True,
            comment="the smallest digests of its samples, by which relatives are found",
        ),
    )


def upgrade() -> None:
    for column in _make_columns():
        op.add_column("datasets", column)
    op.create_foreign_key(
        op.f("fk_datasets_parent_id"), "datasets", "datasets", ["parent_id"], ["id"], ondelete="SET NULL"
    )
    op.create_index("ix_datasets_parent_id", "datasets", ["parent_id"])
    op.create_index("ix_datasets_root_id", "datasets", ["root_id"])
    op.create_index("ix_datasets_content_sketch", "datasets", ["content_sketch"], postgresql_using="gin")
    op.add_column(
        "reviews",
        sa.Column(
            "carried",
            JSONB(),
            nullable=True,
            comment="the verdict of an earlier version that this one was made from; null: given here",
        ),
    )
    op.alter_column(
        "reviews",
        "is_looked_at",
        comment="false: it is no evidence, as nobody saw the sample, or it was carried over",
        existing_comment="false: one of many verdicts given at once to samples nobody saw",
        existing_type=sa.Boolean(),
        existing_nullable=False,
    )
    op.add_column("bulk_verdicts", sa.Column("before_carried", JSONB(), nullable=True))


def downgrade() -> None:
    op.drop_column("bulk_verdicts", "before_carried")
    op.alter_column(
        "reviews",
        "is_looked_at",
        comment="false: one of many verdicts given at once to samples nobody saw",
        existing_comment="false: it is no evidence, as nobody saw the sample, or it was carried over",
        existing_type=sa.Boolean(),
        existing_nullable=False,
    )
    op.drop_column("reviews", "carried")
    op.drop_index("ix_datasets_content_sketch", "datasets")
    op.drop_index("ix_datasets_root_id", "datasets")
    op.drop_index("ix_datasets_parent_id", "datasets")
    op.drop_constraint(op.f("fk_datasets_parent_id"), "datasets", type_="foreignkey")
    for column in reversed(_make_columns()):
        op.drop_column("datasets", column.name)
