"""Which line of the user's code asked for a statement: the nearest frame that is neither Python's nor a library's."""

from __future__ import annotations

import os
import sys
import sysconfig
from types import CodeType, FrameType
from typing import NamedTuple

from . import own

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
_ORMS = frozenset(("sqlalchemy", "sqlmodel", "flask_sqlalchemy", "peewee", "pony", "tortoise", "greenlet"))
_RELATIONS = {
    os.path.join("django", "db", "models", "fields", "related_descriptors.py"): "django.relation",
    os.path.join("django", "contrib", "contenttypes", "fields.py"): "django.generic",
    os.path.join("django", "db", "models", "query_utils.py"): "django.deferred",
    os.path.join("sqlalchemy", "orm", "strategies.py"): "sqlalchemy.relation",
}
"""Where libraries load what an attribute leads to, when it is asked for: nobody wrote that query."""
_DJANGOS_ORM = os.path.join("django", "db", "")
_PLUMBING = _DRIVERS.union(
    _ORMS,
    ("django", "rest_framework", "zope"),
    ("starlette", "fastapi", "flask", "werkzeug", "aiohttp", "pyramid", "cornice", "tornado", "bottle", "falcon"),
    ("uvicorn", "gunicorn", "hypercorn", "waitress", "webob", "anyio", "asgiref", "gevent", "transaction"),
    ("pydantic", "jinja2", "graphql", "strawberry", "ariadne", "celery"),
)


class Caller(NamedTuple):
    """A line such as ``shop/views.py:12 list_orders``, and the libraries between it and the driver, or the driver."""

    line: str | None
    libraries: tuple[str, ...]


class _Place(NamedTuple):
    kind: str  # "user", "library", "python", "hook" (of a driver), "entrance"
    package: str
    path: str


_ENTRANCES = frozenset(("requests.py", "handing.py"))
"""Where a request, or work that it hands on, enters: what is further out has started the service and asked nothing."""
_places: dict[CodeType, _Place] = {}
_own: list[frozenset[str]] = []


def find() -> Caller:
    """Return who called, seen from here.

    The innermost line of the service's own code; where every frame is a library's, the innermost of an application that
    is installed, else the innermost that is not the ORM's. Never the program that has started the service.
    """
    frame: FrameType | None = sys._getframe(1)
    libraries: list[str] = []
    second: str | None = None
    third: str | None = None
    driver: tuple[str, ...] = ()
    for _ in range(DEPTH):
        if frame is None:
            break
        place = _places.get(frame.f_code) or _placed(frame.f_code)
        if place.kind == "user":
            return Caller(_line(frame, place), tuple(reversed(libraries)) or driver)
        if place.kind == "entrance":
            break
        if place.kind == "hook" and place.package:
            driver = (place.package,)
        if place.kind == "library":
            if second is None and place.package not in _PLUMBING:
                second = _line(frame, place)
            if third is None and not _is_orm(place):
                third = _line(frame, place)
            name = _RELATIONS.get(place.path, place.package)
            if second is None and name not in _DRIVERS and name not in libraries:
                libraries.append(name)
        frame = frame.f_back
    return Caller(second or third, tuple(reversed(libraries)) or driver)


def _is_orm(place: _Place) -> bool:
    return place.package in _DRIVERS or place.package in _ORMS or place.path.startswith(_DJANGOS_ORM)


def kind_of(code: CodeType) -> str:
    """Return whose a function is: ``user``, ``library``, ``python``, or the agent's ``hook`` or ``entrance``."""
    return (_places.get(code) or _placed(code)).kind


def _line(frame: FrameType, place: _Place) -> str:
    return "%s:%d %s" % (place.path, frame.f_lineno, frame.f_code.co_name)


def _placed(code: CodeType) -> _Place:
    place = _places[code] = _place(code.co_filename)
    return place


def _place(filename: str) -> _Place:
    if filename.startswith(_HERE):
        if os.path.basename(filename) in _ENTRANCES:
            return _Place("entrance", "", filename)
        return _Place("hook", _HOOKS.get(os.path.basename(filename), ""), filename)
    if filename.startswith("<"):
        return _Place("python", "", filename)
    path = os.path.abspath(filename)
    for marker in _PACKAGES:
        if marker in path:
            inside = path.rsplit(marker, 1)[1]
            package = inside.split(os.sep, 1)[0]
            package = package[:-3] if package.endswith(".py") else package
            return _Place("user" if package in _of_the_service() else "library", package, inside)
    if os.path.realpath(path).startswith(_STDLIB):
        return _Place("python", "", path)
    return _Place("user", "", _shown(path))


def _of_the_service() -> frozenset[str]:
    if not _own:
        _own.append(own.packages())
    return _own[0]


def _shown(path: str) -> str:
    """Return the path as the user would write it: below the working directory, else its last two parts."""
    here = os.getcwd() + os.sep
    return path[len(here) :] if path.startswith(here) else os.sep.join(path.split(os.sep)[-2:])
