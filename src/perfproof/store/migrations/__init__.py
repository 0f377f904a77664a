"""Alembic migrations, run by ``store.upgrade`` on a connection it hands over (there is no ``alembic.ini``)."""
