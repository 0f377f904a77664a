"""Which candidate a row is about, where a run judged several against the first version."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; runs concluded before had one candidate, which needs no name."""
    with op.batch_alter_table("comparisons") as batch:
        batch.add_column(sa.Column("arm", sa.Text(), nullable=True))


def downgrade() -> None:
    """Drop it again."""
    with op.batch_alter_table("comparisons") as batch:
        batch.drop_column("arm")
