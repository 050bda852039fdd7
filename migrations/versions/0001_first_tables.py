"""First tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "api_keys",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False, comment="SHA-256 of the key"),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("scope IN ('read', 'write', 'admin')", name=op.f("ck_api_keys_scope")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("hash", name=op.f("uq_api_keys_hash")),
    )
    op.create_table(
        "datasets",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="uploading", nullable=False),
        sa.Column(
            "options",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="how to read it, as requested",
        ),
        sa.Column("format", sa.Text(), nullable=True, comment="as recognised"),
        sa.Column("kind", sa.Text(), nullable=True),
        sa.Column("sample_count", sa.Integer(), nullable=True),
        sa.Column(
            "class_names",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="index = label; given and true names together",
        ),
        sa.Column(
            "shape",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="[H, W, C] or [D] of one sample in the pack",
        ),
        sa.Column("pack_sha256", sa.Text(), nullable=True, comment="content address of the pack"),
        sa.Column("statistics", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("problem_count", sa.Integer(), nullable=True, comment="may exceed the problems listed"),
        sa.Column(
            "truth_version",
            sa.Integer(),
            server_default="0",
            nullable=False,
            comment="raised whenever truth is attached",
        ),
        sa.Column(
            "progress", postgresql.JSONB(astext_type=sa.Text()), nullable=True, comment="samples read so far"
        ),
        sa.Column(
            "error",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="code and sentence of a rejection",
        ),
        sa.Column("ready_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
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
            server_default=sa.text("now()"),
            nullable=False,
            comment="when it was last queued",
        ),
        sa.CheckConstraint("kind IN ('images', 'features')", name=op.f("ck_datasets_kind")),
        sa.CheckConstraint(
            "status IN ('uploading', 'ingesting', 'ready', 'rejected')", name=op.f("ck_datasets_status")
        ),
        sa.CheckConstraint("sample_count >= 0", name=op.f("ck_datasets_sample_count")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_datasets")),
    )
    op.create_index(
        "ix_datasets_ingesting",
        "datasets",
        ["sent_at"],
        unique=False,
        postgresql_where=sa.text("status = 'ingesting'"),
    )
    op.create_table(
        "audits",
        sa.Column("dataset_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="queued", nullable=False),
        sa.Column(
            "configuration",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="as requested; a run holds what was chosen",
        ),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancel_requested_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("provenance", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column(
            "summary",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="figures that need no truth",
        ),
        sa.Column(
            "theory",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="the paper's bounds, with the truth that is known",
        ),
        sa.Column(
            "files",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="name -> bytes and SHA-256 of the downloads",
        ),
        sa.Column(
            "reported_truth_version",
            sa.Integer(),
            server_default="0",
            nullable=False,
            comment="truth that the metrics and files hold",
        ),
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')",
            name=op.f("ck_audits_status"),
        ),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["datasets.id"], name=op.f("fk_audits_dataset_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audits")),
    )
    op.create_index("ix_audits_dataset_id_id", "audits", ["dataset_id", "id"], unique=False)
    op.create_table(
        "dataset_files",
        sa.Column("dataset_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("uploaded_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["datasets.id"], name=op.f("fk_dataset_files_dataset_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("dataset_id", "name", name=op.f("pk_dataset_files")),
    )
    op.create_table(
        "problems",
        sa.Column("dataset_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, comment="order of discovery"),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["datasets.id"], name=op.f("fk_problems_dataset_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("dataset_id", "number", name=op.f("pk_problems")),
    )
    op.create_table(
        "samples",
        sa.Column("dataset_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False, comment="file name or row id, for people"),
        sa.Column("given_label", sa.Integer(), nullable=False),
        sa.Column("split", sa.Text(), nullable=True),
        sa.Column("width", sa.Integer(), nullable=True, comment="pixels of the original"),
        sa.Column("height", sa.Integer(), nullable=True, comment="pixels of the original"),
        sa.Column("source_offset", sa.BigInteger(), nullable=True, comment="bytes into the uploaded file"),
        sa.Column("source_length", sa.BigInteger(), nullable=True, comment="bytes stored there"),
        sa.Column(
            "source_method", sa.Integer(), nullable=True, comment="ZIP compression: 0 stored, 8 deflated"
        ),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["datasets.id"], name=op.f("fk_samples_dataset_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("dataset_id", "position", name=op.f("pk_samples")),
    )
    op.create_index(
        "ix_samples_given_label", "samples", ["dataset_id", "given_label", "position"], unique=False
    )
    op.create_index("ix_samples_key", "samples", ["dataset_id", "key"], unique=False)
    op.create_table(
        "audit_metrics",
        sa.Column("audit_id", sa.Uuid(), nullable=False),
        sa.Column("document", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(
            ["audit_id"], ["audits.id"], name=op.f("fk_audit_metrics_audit_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("audit_id", name=op.f("pk_audit_metrics")),
    )
    op.create_table(
        "provisional_scores",
        sa.Column("rank", sa.Integer(), nullable=False, comment="1 = most suspicious"),
        sa.Column(
            "given_label",
            sa.Integer(),
            nullable=False,
            comment="copied, so that one index serves the class filter",
        ),
        sa.Column("distance", sa.REAL(), nullable=False, comment="||mu - g|| that ranks, in [0, sqrt 2]"),
        sa.Column("error_probability", sa.REAL(), nullable=True, comment="estimated; null while provisional"),
        sa.Column(
            "is_label_issue", sa.Boolean(), nullable=True, comment="automatic cut; null while provisional"
        ),
        sa.Column("distance_average", sa.REAL(), nullable=False, comment="decaying average over epochs"),
        sa.Column("distance_last", sa.REAL(), nullable=False, comment="of the trained predictor"),
        sa.Column("predicted_gradient_norm", sa.REAL(), nullable=False, comment="||mu||"),
        sa.Column(
            "margin",
            sa.REAL(),
            nullable=False,
            comment="logit of the given label minus the best other, averaged",
        ),
        sa.Column("loss", sa.REAL(), nullable=False, comment="cross-entropy of the given label, nats"),
        sa.Column("given_label_probability", sa.REAL(), nullable=False),
        sa.Column("suggested_label", sa.Integer(), nullable=False),
        sa.Column("suggested_confidence", sa.REAL(), nullable=False),
        sa.Column("second_label", sa.Integer(), nullable=True),
        sa.Column("second_probability", sa.REAL(), nullable=True),
        sa.Column("third_label", sa.Integer(), nullable=True),
        sa.Column("third_probability", sa.REAL(), nullable=True),
        sa.Column("audit_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["audit_id"], ["audits.id"], name=op.f("fk_provisional_scores_audit_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("audit_id", "position", name=op.f("pk_provisional_scores")),
        sa.UniqueConstraint("audit_id", "rank", name=op.f("uq_provisional_scores_audit_id_rank")),
    )
    op.create_index(
        "ix_provisional_scores_distance", "provisional_scores", ["audit_id", "distance", "rank"], unique=False
    )
    op.create_index(
        "ix_provisional_scores_given_label",
        "provisional_scores",
        ["audit_id", "given_label", "rank"],
        unique=False,
    )
    op.create_index(
        "ix_provisional_scores_suggested_label",
        "provisional_scores",
        ["audit_id", "suggested_label", "rank"],
        unique=False,
    )
    op.create_table(
        "runs",
        sa.Column("audit_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, comment="0, 1, ... within the audit"),
        sa.Column(
            "parent_number", sa.Integer(), nullable=True, comment="the run whose network this one starts from"
        ),
        sa.Column("status", sa.Text(), server_default="queued", nullable=False),
        sa.Column(
            "request",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="what was asked of this run",
        ),
        sa.Column(
            "configuration",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="what was chosen, every field",
        ),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("device", sa.Text(), nullable=True),
        sa.Column("worker", sa.Text(), nullable=True, comment="host and process"),
        sa.Column(
            "progress",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="stage, epoch, step, samples/s, ETA",
        ),
        sa.Column("error", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
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
            server_default=sa.text("now()"),
            nullable=False,
            comment="when it was last queued",
        ),
        sa.CheckConstraint(
            "status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')", name=op.f("ck_runs_status")
        ),
        sa.ForeignKeyConstraint(
            ["audit_id"], ["audits.id"], name=op.f("fk_runs_audit_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
        sa.UniqueConstraint("audit_id", "number", name=op.f("uq_runs_audit_id_number")),
    )
    op.create_index(
        "ix_runs_unfinished",
        "runs",
        ["sent_at"],
        unique=False,
        postgresql_where=sa.text("status IN ('queued', 'running')"),
    )
    op.create_table(
        "scores",
        sa.Column("rank", sa.Integer(), nullable=False, comment="1 = most suspicious"),
        sa.Column(
            "given_label",
            sa.Integer(),
            nullable=False,
            comment="copied, so that one index serves the class filter",
        ),
        sa.Column("distance", sa.REAL(), nullable=False, comment="||mu - g|| that ranks, in [0, sqrt 2]"),
        sa.Column("error_probability", sa.REAL(), nullable=True, comment="estimated; null while provisional"),
        sa.Column(
            "is_label_issue", sa.Boolean(), nullable=True, comment="automatic cut; null while provisional"
        ),
        sa.Column("distance_average", sa.REAL(), nullable=False, comment="decaying average over epochs"),
        sa.Column("distance_last", sa.REAL(), nullable=False, comment="of the trained predictor"),
        sa.Column("predicted_gradient_norm", sa.REAL(), nullable=False, comment="||mu||"),
        sa.Column(
            "margin",
            sa.REAL(),
            nullable=False,
            comment="logit of the given label minus the best other, averaged",
        ),
        sa.Column("loss", sa.REAL(), nullable=False, comment="cross-entropy of the given label, nats"),
        sa.Column("given_label_probability", sa.REAL(), nullable=False),
        sa.Column("suggested_label", sa.Integer(), nullable=False),
        sa.Column("suggested_confidence", sa.REAL(), nullable=False),
        sa.Column("second_label", sa.Integer(), nullable=True),
        sa.Column("second_probability", sa.REAL(), nullable=True),
        sa.Column("third_label", sa.Integer(), nullable=True),
        sa.Column("third_probability", sa.REAL(), nullable=True),
        sa.Column("audit_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["audit_id"], ["audits.id"], name=op.f("fk_scores_audit_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("audit_id", "position", name=op.f("pk_scores")),
        sa.UniqueConstraint("audit_id", "rank", name=op.f("uq_scores_audit_id_rank")),
    )
    op.create_index("ix_scores_distance", "scores", ["audit_id", "distance", "rank"], unique=False)
    op.create_index("ix_scores_given_label", "scores", ["audit_id", "given_label", "rank"], unique=False)
    op.create_index(
        "ix_scores_suggested_label", "scores", ["audit_id", "suggested_label", "rank"], unique=False
    )
    op.create_table(
        "truths",
        sa.Column("dataset_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("true_label", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["dataset_id", "position"],
            ["samples.dataset_id", "samples.position"],
            name=op.f("fk_truths_dataset_id_position"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("dataset_id", "position", name=op.f("pk_truths")),
    )
    op.create_table(
        "run_epochs",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False, comment="from 1"),
        sa.Column("seconds", sa.REAL(), nullable=False),
        sa.Column("learning_rate", sa.REAL(), nullable=False),
        sa.Column("classifier_loss", sa.REAL(), nullable=True),
        sa.Column("predictor_loss", sa.REAL(), nullable=True),
        sa.Column(
            "gradient_norm", sa.REAL(), nullable=True, comment="mean L2 norm of the predicted gradients"
        ),
        sa.Column(
            "squared_gradient_norm", sa.REAL(), nullable=True, comment="mean of ||mu||^2, Proposition 1's L^2"
        ),
        sa.Column("accuracy", sa.REAL(), nullable=True, comment="classifier, on given labels"),
        sa.Column("predictor_accuracy", sa.REAL(), nullable=True, comment="on given labels"),
        sa.Column("validation_accuracy", sa.REAL(), nullable=True, comment="on held-out given labels"),
        sa.Column("true_accuracy", sa.REAL(), nullable=True, comment="classifier, on truth"),
        sa.Column("predictor_true_accuracy", sa.REAL(), nullable=True, comment="on truth"),
        sa.ForeignKeyConstraint(
            ["run_id"], ["runs.id"], name=op.f("fk_run_epochs_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", "epoch", name=op.f("pk_run_epochs")),
    )


def downgrade() -> None:
    op.drop_table("run_epochs")
    op.drop_table("truths")
    op.drop_index("ix_scores_suggested_label", table_name="scores")
    op.drop_index("ix_scores_given_label", table_name="scores")
    op.drop_index("ix_scores_distance", table_name="scores")
    op.drop_table("scores")
    op.drop_index(
        "ix_runs_unfinished", table_name="runs", postgresql_where=sa.text("status IN ('queued', 'running')")
    )
    op.drop_table("runs")
    op.drop_index("ix_provisional_scores_suggested_label", table_name="provisional_scores")
    op.drop_index("ix_provisional_scores_given_label", table_name="provisional_scores")
    op.drop_index("ix_provisional_scores_distance", table_name="provisional_scores")
    op.drop_table("provisional_scores")
    op.drop_table("audit_metrics")
    op.drop_index("ix_samples_key", table_name="samples")
    op.drop_index("ix_samples_given_label", table_name="samples")
    op.drop_table("samples")
    op.drop_table("problems")
    op.drop_table("dataset_files")
    op.drop_index("ix_audits_dataset_id_id", table_name="audits")
    op.drop_table("audits")
    op.drop_index(
        "ix_datasets_ingesting", table_name="datasets", postgresql_where=sa.text("status = 'ingesting'")
    )
    op.drop_table("datasets")
    op.drop_table("api_keys")
