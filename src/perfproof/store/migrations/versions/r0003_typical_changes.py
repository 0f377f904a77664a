"""Which changes are typical ones: the values beside them are percentiles of requests of several kinds."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; of runs concluded before, the values beside such changes were means and agreed with them."""
    with op.batch_alter_table("comparisons") as batch:
        batch.add_column(sa.Column("typical", sa.Boolean(), nullable=True))


def downgrade() -> None:
    """Drop it again."""
    with op.batch_alter_table("comparisons") as batch:
        batch.drop_column("typical")
