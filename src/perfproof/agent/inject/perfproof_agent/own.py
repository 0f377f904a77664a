"""The service's own package where it is installed like a library: the one that its command starts.

Read from the command line of the process: a name behind ``-m``, ``package.module:application``, or the script that an
installation has made, which says what it imports. Servers are not what they are asked to serve.
"""

from __future__ import annotations

import os
import re
from typing import Iterable

_VARIABLE = "PERFPROOF_AGENT_OWN"
"""What the first process of the service has found, for those that it starts with other command lines."""
_APPLICATION = re.compile(r"(?:--\w[\w-]*=)?([A-Za-z_]\w*)(?:\.\w+)*:[A-Za-z_]\w*(?:\(.*\))?\Z")
_MODULE = re.compile(r"([A-Za-z_]\w*)(?:\.[A-Za-z_]\w*)+\Z")
_NAME = re.compile(r"([A-Za-z_]\w*)(?:\.\w+)*\Z")
_FILES = (".py", ".ini", ".toml", ".cfg", ".conf", ".yaml", ".yml", ".json", ".db", ".log", ".sock", ".pid", ".sqlite")
_IMPORT = re.compile(r"^\s*from (\w+)(?:\.\w+)* import ", re.MULTILINE)
_LAUNCHERS = frozenset().union(
    ("aiohttp", "celery", "cheroot", "coverage", "cython", "daphne", "ddtrace", "debugpy", "django"),
    ("eventlet", "fastapi", "flask", "gevent", "granian", "gunicorn", "honcho", "hypercorn", "importlib"),
    ("meinheld", "multiprocessing", "newrelic", "opentelemetry", "paste", "pip", "pipenv", "poetry", "pyramid"),
    ("pytest", "re", "runpy", "sanic", "sys", "twisted", "uvicorn", "uwsgi", "waitress", "werkzeug"),
)


def packages() -> frozenset[str]:
    """Return the top-level packages of the service itself."""
    known = os.environ.get(_VARIABLE)
    if not known:
        try:
            with open("/proc/self/cmdline", "rb") as file:
                words = file.read().decode("utf-8", "replace").rstrip("\0").split("\0")
        except OSError:
            words = []
        known = os.environ[_VARIABLE] = ",".join(sorted(of_command(words)))
    named = (os.environ.get(name, "") for name in ("DJANGO_SETTINGS_MODULE", "FLASK_APP"))
    found = {name for each in named for name in _first(_NAME, each.partition(":")[0])}
    return frozenset(name for name in found.union(known.split(",")) if name and name not in _LAUNCHERS)


def of_command(words: Iterable[str]) -> set[str]:
    """Return the top-level packages that a command line starts, launchers left out."""
    found: set[str] = set()
    before = ""
    for place, word in enumerate(words):
        if before in ("-m", "--app", "-A"):
            found.update(_first(_NAME, word))
        found.update(_first(_APPLICATION, word))
        found.update(_first(_MODULE, word) if place and not word.endswith(_FILES) else ())
        if place < 2 and os.sep in word and not word.endswith(".py"):
            found.update(_imported(word))
        before = word
    return found - _LAUNCHERS


def _first(pattern: re.Pattern[str], word: str) -> tuple[str, ...]:
    match = pattern.match(word)
    return (match.group(1),) if match else ()


def _imported(script: str) -> tuple[str, ...]:
    """Return what the script of an installed program imports; nothing of any other file."""
    try:
        with open(script, "rb") as file:
            head = file.read(4096)
    except OSError:
        return ()
    if not head.startswith(b"#!"):
        return ()
    return tuple(_IMPORT.findall(head.decode("utf-8", "replace")))
