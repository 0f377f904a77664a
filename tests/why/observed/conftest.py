"""The database servers of the tests of the levers."""

from counting import counting_server, database
from mariadb import mariadb

__all__ = ["counting_server", "database", "mariadb"]
