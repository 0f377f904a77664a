"""Room for the names of a service's own metrics, which are longer than ours."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_TABLES = ("comparisons", "levels", "spreads")


def upgrade() -> None:
    """Widen the columns."""
    _widen(40, 200)


def downgrade() -> None:
    """Narrow them again; names that do not fit are refused by the database."""
    _widen(200, 40)


def _widen(before: int, after: int) -> None:
    for table in _TABLES:
        with op.batch_alter_table(table) as batch:
            batch.alter_column(
                "metric", existing_type=sa.String(before), type_=sa.String(after), existing_nullable=False
            )
