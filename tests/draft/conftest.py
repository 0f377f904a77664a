"""Fixtures for drafts of scenarios."""

from counting import counting_server, database

__all__ = ["counting_server", "database"]
