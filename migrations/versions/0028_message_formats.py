"""Formats of webhooks' messages: JSON, Slack's, e-mail; templates of their text."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None
COMMENTS = {
    "template": "of the text; null: the usual text",
    "base_url": "address of this service in the request that made the webhook; links begin with it",
}


def upgrade() -> None:
    op.add_column("webhooks", sa.Column("format", sa.Text(), server_default="json", nullable=False))
    for name, comment in COMMENTS.items():
        op.add_column("webhooks", sa.Column(name, sa.Text(), nullable=True, comment=comment))
    op.create_check_constraint(op.f("ck_webhooks_format"), "webhooks", "format IN ('json', 'slack', 'email')")


def downgrade() -> None:
    for name in ("format", *COMMENTS):
        op.drop_column("webhooks", name)
