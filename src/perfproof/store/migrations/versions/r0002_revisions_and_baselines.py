"""Where the measured code stood in git, and named baselines."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns and the table; of runs recorded before, nothing is known of git."""
    with op.batch_alter_table("runs") as batch:
        batch.add_column(sa.Column("branch", sa.Text(), nullable=True))
        batch.add_column(sa.Column("commit_hash", sa.String(64), nullable=True))
        batch.add_column(sa.Column("dirty", sa.Boolean(), nullable=True))
        batch.create_index("ix_runs_commit_hash", ["commit_hash"])
    op.create_table(
        "baselines",
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("scenario", sa.Text(), nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("set_at", sa.String(40), nullable=False),
        sa.ForeignKeyConstraint(["run"], ["runs.number"], name="fk_baselines_run"),
        sa.PrimaryKeyConstraint("name", "scenario", name="pk_baselines"),
    )


def downgrade() -> None:
    """Drop them again."""
    op.drop_table("baselines")
    with op.batch_alter_table("runs") as batch:
        batch.drop_index("ix_runs_commit_hash")
        for column in ("dirty", "commit_hash", "branch"):
            batch.drop_column(column)
