"""SQLAlchemy: a list and, per row, one lazy query; /?n=5 sends 6. A timer thread queries as another role."""

import os
import threading
import time
from urllib.parse import parse_qs

from sqlalchemy import create_engine, text

DRIVERS = {"postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql"}


def make(url):
    scheme, _, rest = url.partition("://")
    return create_engine(f"{DRIVERS[scheme]}://{rest}", pool_size=2)


engine = make(os.environ["DATABASE"])


def tick():
    background = make(os.environ["TIMER"])
    while True:
        with background.begin() as connection:
            connection.execute(text("SELECT count(*) FROM relations"))
        time.sleep(0.05)


started = set()


def wsgi(environ, start_response):
    if os.getpid() not in started:  # after the fork
        started.add(os.getpid())
        threading.Thread(target=tick, daemon=True).start()
    query = parse_qs(environ["QUERY_STRING"])
    number, late = int(query["n"][0]), query["late"][0] == "1"
    connection = engine.connect()
    connection.execute(text("SELECT id FROM relations LIMIT :n"), {"n": number}).fetchall()
    for i in range(number):
        connection.execute(text("SELECT name FROM relations WHERE id = :id"), {"id": i}).fetchall()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return Body(str(1 + number).encode(), connection, late)


class Body:
    """A body that commits when it is closed: after the response has been sent."""

    def __init__(self, data, connection, late):
        self.data, self.connection, self.late = data, connection, late

    def __iter__(self):
        return iter([self.data])

    def close(self):
        """Commit, late if asked."""
        if self.late:
            time.sleep(0.05)
        self.connection.commit()
        self.connection.close()
