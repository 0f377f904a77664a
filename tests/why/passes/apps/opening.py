"""Connections to SQLite that take as long to open as one to a database elsewhere."""

import os
import sqlite3
import time


class Connection(sqlite3.Connection):
    """One that takes ``OPENING_MS`` to open."""

    def __init__(self, *arguments, **named) -> None:
        time.sleep(float(os.environ.get("OPENING_MS", "0")) / 1e3)
        super().__init__(*arguments, **named)
