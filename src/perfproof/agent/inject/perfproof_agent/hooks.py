"""Hooks run right after a module was imported, so that nothing is imported that the service does not use itself."""

from __future__ import annotations

import functools
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from typing import Any, Callable, Iterable

from . import channel, own
from .wants import MEMORY, PROFILE, WANTED

HOOKS: dict[str, dict[str, tuple[str, str]]] = {
    "requests": {
        "threading": ("handing", "thread"),
        "multiprocessing.pool": ("handing", "multiprocessing_pool"),
        "concurrent.futures.thread": ("handing", "executor"),
        "uvicorn.config": ("servers", "uvicorn"),
        "hypercorn.app_wrappers": ("servers", "hypercorn"),
        "gunicorn.workers.base": ("servers", "gunicorn"),
        "gunicorn.workers.gasgi": ("servers", "gunicorn_asgi"),
        "werkzeug.serving": ("servers", "werkzeug"),
        "wsgiref.simple_server": ("servers", "wsgiref"),
        "waitress.server": ("servers", "waitress"),
        "starlette.applications": ("servers", "starlette"),
        "flask.app": ("servers", "flask"),
        "django.core.handlers.wsgi": ("servers", "django_wsgi"),
        "django.core.handlers.asgi": ("servers", "django_asgi"),
        "aiohttp.web_app": ("servers", "aiohttp"),
    },
    "profile": {
        "uvloop": ("children", "uvloop"),
    },
    "queries": {
        "sqlite3.dbapi2": ("sqlite", "patch"),
        "aiosqlite.core": ("sqlite", "patch_aiosqlite"),
        "psycopg": ("psycopg3", "patch"),
        "psycopg2": ("psycopg2_driver", "patch"),
        "asyncpg": ("asyncpg_driver", "patch"),
        "pymysql.connections": ("mysql", "patch_pymysql"),
        "MySQLdb.connections": ("mysql", "patch_mysqldb"),
        "MySQLdb.cursors": ("mysql", "patch_mysqldb_cursors"),
    },
    "pool": {
        "sqlalchemy.pool.base": ("pools", "sqlalchemy"),
        "psycopg_pool.pool": ("pools", "psycopg_pool"),
        "psycopg_pool.pool_async": ("pools", "psycopg_pool_async"),
        "asyncpg.pool": ("pools", "asyncpg_pool"),
        "asyncpg.connect_utils": ("pools", "asyncpg"),
        "psycopg": ("pools", "psycopg"),
        "psycopg2": ("pools", "psycopg2"),
        "sqlite3.dbapi2": ("pools", "sqlite"),
        "pymysql.connections": ("pools", "pymysql"),
        "MySQLdb.connections": ("pools", "mysqldb"),
    },
}
"""What is wanted (``wants.py``; requests always are) -> module -> where its hook is: a module of this package and a
function that takes the imported module. A module may have hooks in several groups."""


_LOST = {
    "requests": "what runs under it cannot be booked on its request",
    "profile": "tasks that it starts are missing in profiles",
    "queries": "its statements and the lines that send them are not seen in the service",
    "pool": "its connections are not seen in the service",
}


def wanted(wants: Iterable[str]) -> dict[str, list[tuple[str, str]]]:
    """Return the hooks of each module for what is wanted, those that tell requests apart first."""
    found: dict[str, list[tuple[str, str]]] = {}
    for group, hooks in HOOKS.items():
        if group == "requests" or group in wants:
            for name, hook in hooks.items():
                found.setdefault(name, []).append(hook)
    return found


def install() -> None:
    """Say hello and hook the modules that are there; others follow when they are imported."""
    channel.send()
    own.packages()  # now, for a child of another command line inherits what this one says
    if PROFILE:
        _start("profiling")
    if MEMORY:
        _start("memory")
    hooks = wanted(WANTED)
    sys.meta_path.insert(0, _Finder(hooks))
    for name in hooks:
        if name in sys.modules:
            run(name, hooks[name], sys.modules[name])


def _start(module: str) -> None:
    """Start what watches by itself, not by hooks."""
    try:
        importlib.import_module("." + module, __package__).install()
    except Exception:  # noqa: BLE001 - never the service's problem
        channel.complain(module)


def run(name: str, hooks: list[tuple[str, str]], module: Any) -> None:
    """Run the hooks of a module; a library that has changed too much is reported and left alone."""
    for hook in hooks:
        _run(name, hook, module)


def _run(name: str, hook: tuple[str, str], module: Any) -> None:
    where, function = hook
    group = next((each for each, hooks in HOOKS.items() if hooks.get(name) == hook), "")
    try:
        getattr(importlib.import_module("." + where, __package__), function)(module)
        if group == "queries":
            channel.send({"k": "driver", "of": channel.version_of(module)})
    except Exception:  # noqa: BLE001 - never the service's problem
        channel.complain("hook of " + name, module=module, lost=_LOST.get(group, ""))


class _Finder(importlib.abc.MetaPathFinder):
    """Lets the others find a module and adds the hook to its loader."""

    def __init__(self, hooks: dict[str, list[tuple[str, str]]]) -> None:
        self._hooks = hooks
        self._finding: set[str] = set()

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        """Return the real spec of a module that has a hook, None for all others."""
        if fullname not in self._hooks or fullname in self._finding:
            return None
        self._finding.add(fullname)
        try:
            spec = self._real_spec(fullname, path, target)
            if spec is not None and spec.loader is not None:
                _add_hook(spec.loader, fullname, self._hooks[fullname])
            return spec
        except Exception:  # noqa: BLE001 - then the import goes on without the hook
            channel.complain("import of " + fullname)
            return None
        finally:
            self._finding.discard(fullname)

    def _real_spec(self, fullname: str, path: Any, target: Any) -> importlib.machinery.ModuleSpec | None:
        for finder in list(sys.meta_path):
            find: Callable[..., Any] | None = getattr(finder, "find_spec", None)
            if finder is not self and find is not None:
                spec: importlib.machinery.ModuleSpec | None = find(fullname, path, target)
                if spec is not None:
                    return spec
        return None


def _add_hook(loader: Any, name: str, hooks: list[tuple[str, str]]) -> None:
    """Have ``loader`` (an object made for this one module) run the hooks after the module's code."""
    original = loader.exec_module

    @functools.wraps(original)
    def exec_module(module: Any) -> None:
        original(module)
        run(name, hooks, module)

    loader.exec_module = exec_module
