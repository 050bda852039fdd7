"""Features of a dataset by an encoder, computed in shards, and the run that waits for them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

NOW = sa.text("now()")


def upgrade() -> None:
    op.create_table(
        "feature_sets",
        sa.Column("dataset_id", sa.Uuid(), nullable=False),
        sa.Column("encoder", sa.Text(), nullable=False, comment="its name"),
        sa.Column("encoder_sha256", sa.Text(), nullable=False, comment="of its weights and preprocessing"),
        sa.Column("width", sa.Integer(), nullable=False, comment="features of one sample"),
        sa.Column("status", sa.Text(), server_default="computing", nullable=False),
        sa.Column("error", JSONB(), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.CheckConstraint("status IN ('computing', 'ready', 'failed')", name=op.f("ck_feature_sets_status")),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["datasets.id"], name=op.f("fk_feature_sets_dataset_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feature_sets")),
        sa.UniqueConstraint(
            "dataset_id", "encoder_sha256", name=op.f("uq_feature_sets_dataset_id_encoder_sha256")
        ),
    )
    op.create_table("feature_shards", *_list_shard_columns(), *_list_shard_constraints())
    op.create_index(
        "ix_feature_shards_unfinished",
        "feature_shards",
        ["sent_at"],
        postgresql_where=sa.text("status IN ('queued', 'running')"),
    )
    encoder = sa.Column(
        "encoder",
        JSONB(),
        nullable=True,
        comment="name and digest of what makes its features, and why; null: not chosen yet",
    )
    op.add_column("runs", encoder)
    column = sa.Column(
        "feature_set_id", sa.Uuid(), nullable=True, comment="features that it trains on, and waits for"
    )
    op.add_column("runs", column)
    op.create_foreign_key(op.f("fk_runs_feature_set_id"), "runs", "feature_sets", ["feature_set_id"], ["id"])
    op.create_index(op.f("ix_runs_feature_set_id"), "runs", ["feature_set_id"])


def _list_shard_columns() -> list[sa.Column[object]]:
    return [
        sa.Column("set_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, comment="0, 1, ... within the set"),
        sa.Column("start", sa.Integer(), nullable=False, comment="first position"),
        sa.Column("stop", sa.Integer(), nullable=False, comment="position after the last"),
        sa.Column("status", sa.Text(), server_default="queued", nullable=False),
        sa.Column("queue", sa.Text(), nullable=False, comment="that its messages go to"),
        sa.Column("worker", sa.Text(), nullable=True, comment="host and process"),
        sa.Column("device", sa.Text(), nullable=True),
        sa.Column("progress", JSONB(), nullable=True, comment="samples done, samples/s"),
        sa.Column("sha256", sa.Text(), nullable=True, comment="of its file, which is named by it"),
        sa.Column("bytes", sa.BigInteger(), nullable=True),
        sa.Column("report", JSONB(), nullable=True, comment="seconds by stage, sources, versions"),
        sa.Column(
            "unreadable",
            JSONB(),
            server_default="[]",
            nullable=False,
            comment="position, key and detail of originals that the pack replaced",
        ),
        sa.Column("error", JSONB(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
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
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True, comment="null: nobody holds it"),
        sa.Column(
            "sent_at",
            sa.DateTime(timezone=True),
            server_default=NOW,
            nullable=False,
            comment="when it was last queued",
        ),
    ]


def _list_shard_constraints() -> list[sa.Constraint]:
    return [
        sa.CheckConstraint(
            "status IN ('queued', 'running', 'succeeded', 'failed')", name=op.f("ck_feature_shards_status")
        ),
        sa.CheckConstraint("start < stop", name=op.f("ck_feature_shards_range")),
        sa.ForeignKeyConstraint(
            ["set_id"], ["feature_sets.id"], name=op.f("fk_feature_shards_set_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feature_shards")),
        sa.UniqueConstraint("set_id", "number", name=op.f("uq_feature_shards_set_id_number")),
    ]


def downgrade() -> None:
    op.drop_index(op.f("ix_runs_feature_set_id"), table_name="runs")
    op.drop_constraint(op.f("fk_runs_feature_set_id"), "runs", type_="foreignkey")
    op.drop_column("runs", "feature_set_id")
    op.drop_column("runs", "encoder")
    op.drop_table("feature_shards")
    op.drop_table("feature_sets")
