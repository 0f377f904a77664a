"""Why a row that got worse fails nothing: what the policy allows, or the price of something better."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; of runs concluded before, nothing was accepted."""
    with op.batch_alter_table("comparisons") as batch:
        batch.add_column(sa.Column("accepted", sa.Text(), nullable=True))


def downgrade() -> None:
    """Drop it again."""
    with op.batch_alter_table("comparisons") as batch:
        batch.drop_column("accepted")
