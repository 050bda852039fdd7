"""The data kind "texts"."""

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

OLD = ("images", "features", "tables")
NEW = (*OLD, "texts")


def _replace(kinds: tuple[str, ...]) -> None:
    op.drop_constraint(op.f("ck_datasets_kind"), "datasets", type_="check")
    listed = ", ".join(f"'{kind}'" for kind in kinds)
    op.create_check_constraint(op.f("ck_datasets_kind"), "datasets", f"kind IN ({listed})")


def upgrade() -> None:
    _replace(NEW)


def downgrade() -> None:
    _replace(OLD)
