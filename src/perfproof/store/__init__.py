"""Remembers runs and what was concluded from them: SQLAlchemy models, a repository, Alembic migrations."""
