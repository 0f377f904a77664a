"""What a run's count of instructions rests on: where it is alike, counts of any machine may be joined."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; of runs counted before, it is not known, and they are joined by machine as ever."""
    with op.batch_alter_table("runs") as batch:
        batch.add_column(sa.Column("counted_on", sa.JSON(none_as_null=True), nullable=True))


def downgrade() -> None:
    """Drop it again."""
    with op.batch_alter_table("runs") as batch:
        batch.drop_column("counted_on")
