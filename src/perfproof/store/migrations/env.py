"""What Alembic executes to run migrations; the connection, in an open transaction, comes from ``store.upgrade``."""

from alembic import context

from perfproof.store.models import Base
from perfproof.store.upgrade import VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table=VERSION_TABLE,
    render_as_batch=True,  # SQLite cannot alter most of a table in place
)
with context.begin_transaction():
    context.run_migrations()
