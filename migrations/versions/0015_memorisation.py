"""Measured memorisation, of every epoch and of every sample."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

OF_EPOCH = {
    "in_sample_agreement": "with given labels, of networks that learn them",
    "out_of_sample_agreement": "with given labels, of networks blind to them",
    "in_sample_loss": "of given labels in nats, by networks that learn them",
    "out_of_sample_loss": "of given labels in nats, by networks blind to them",
    "out_of_sample_error": "standard error of out_of_sample_loss",
}
TABLES = ("scores", "provisional_scores")
OF_SAMPLE = "given label's probability in sample minus out of sample"


def upgrade() -> None:
    for name, comment in OF_EPOCH.items():
        op.add_column("run_epochs", sa.Column(name, sa.REAL(), nullable=True, comment=comment))
    for table in TABLES:
        op.add_column(table, sa.Column("memorisation", sa.REAL(), nullable=True, comment=OF_SAMPLE))


def downgrade() -> None:
    for table in TABLES:
        op.drop_column(table, "memorisation")
    for name in OF_EPOCH:
        op.drop_column("run_epochs", name)
