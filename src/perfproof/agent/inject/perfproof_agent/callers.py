"""Which line of the user's code asked for a statement: the nearest frame that is neither Python's nor a library's."""

from __future__ import annotations

import os
import sys
import sysconfig
from types import CodeType, FrameType
from typing import NamedTuple

DEPTH = 300
_HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep
_STDLIB = tuple(
    os.path.realpath(path) + os.sep for path in {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")} if path
)
_PACKAGES = (os.sep + "site-packages" + os.sep, os.sep + "dist-packages" + os.sep)
_DRIVERS = frozenset(
    ("psycopg", "psycopg_binary", "psycopg_c", "psycopg_pool", "psycopg2", "asyncpg", "pymysql", "MySQLdb", "aiosqlite")
)
_HOOKS = {
    "asyncpg_driver.py": "asyncpg",
    "psycopg3.py": "psycopg",
    "psycopg2_driver.py": "psycopg2",
    "mysql.py": "mysql",
    "sqlite.py": "sqlite3",
}
_PLUMBING = _DRIVERS.union(
    ("sqlalchemy", "sqlmodel", "flask_sqlalchemy", "django", "rest_framework", "peewee", "pony", "tortoise", "zope"),
    ("starlette", "fastapi", "flask", "werkzeug", "aiohttp", "pyramid", "cornice", "tornado", "bottle", "falcon"),
    ("uvicorn", "gunicorn", "hypercorn", "waitress", "webob", "anyio", "asgiref", "greenlet", "gevent", "transaction"),
    ("pydantic", "jinja2", "graphql", "strawberry", "ariadne", "celery"),
)


class Caller(NamedTuple):
    """A line such as ``shop/views.py:12 list_orders``, and the libraries between it and the driver, or the driver."""

    line: str | None
    libraries: tuple[str, ...]


class _Place(NamedTuple):
    kind: str  # "user", "library", "python", "hook"
    package: str
    path: str


_places: dict[CodeType, _Place] = {}


def find() -> Caller:
    """Return who called, seen from here. Service code that is itself an installed package is the second choice."""
    frame: FrameType | None = sys._getframe(1)
    libraries: list[str] = []
    second: str | None = None
    driver: tuple[str, ...] = ()
    for _ in range(DEPTH):
        if frame is None:
            break
        place = _places.get(frame.f_code) or _placed(frame.f_code)
        if place.kind == "user":
            return Caller(_line(frame, place), tuple(reversed(libraries)) or driver)
        if place.kind == "hook" and place.package:
            driver = (place.package,)
        if place.kind == "library":
            if second is None and place.package not in _PLUMBING:
                second = _line(frame, place)
            if second is None and place.package not in _DRIVERS and place.package not in libraries:
                libraries.append(place.package)
        frame = frame.f_back
    return Caller(second, tuple(reversed(libraries)) or driver)


def kind_of(code: CodeType) -> str:
    """Return whose a function is: ``user``, ``library`` or ``python``."""
    return (_places.get(code) or _placed(code)).kind


def _line(frame: FrameType, place: _Place) -> str:
    return "%s:%d %s" % (place.path, frame.f_lineno, frame.f_code.co_name)


def _placed(code: CodeType) -> _Place:
    place = _places[code] = _place(code.co_filename)
    return place


def _place(filename: str) -> _Place:
    if filename.startswith(_HERE):
        return _Place("hook", _HOOKS.get(os.path.basename(filename), ""), filename)
    if filename.startswith("<"):
        return _Place("python", "", filename)
    path = os.path.abspath(filename)
    for marker in _PACKAGES:
        if marker in path:
            inside = path.rsplit(marker, 1)[1]
            package = inside.split(os.sep, 1)[0]
            return _Place("library", package[:-3] if package.endswith(".py") else package, inside)
    if os.path.realpath(path).startswith(_STDLIB):
        return _Place("python", "", path)
    return _Place("user", "", _shown(path))


def _shown(path: str) -> str:
    """Return the path as the user would write it: below the working directory, else its last two parts."""
    here = os.getcwd() + os.sep
    return path[len(here) :] if path.startswith(here) else os.sep.join(path.split(os.sep)[-2:])
