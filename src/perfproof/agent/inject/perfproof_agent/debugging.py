"""Whether the service runs in a mode for developing, in which it does more and remembers more than in production."""

from __future__ import annotations

import os
import sys
from typing import Any

from . import channel

_said: set[str] = set()


def look(application: Any = None) -> None:
    """Say once in each process which debug modes are on; ``application`` is what is asked, if it is known."""
    try:
        for what in _found(application):
            if what not in _said:
                _said.add(what)
                channel.send({"k": "debug", "what": what})
    except Exception:  # noqa: BLE001 - never the service's problem
        channel.complain("debugging")


def _found(application: Any) -> list[str]:
    found = []
    conf = sys.modules.get("django.conf")
    settings = getattr(conf, "settings", None)
    if settings is not None and settings.configured and settings.DEBUG:
        found.append("Django has DEBUG = True, which keeps and quotes every statement")
    kind = type(application).__mro__[-2].__module__.partition(".")[0] if application is not None else ""
    if getattr(application, "debug", False) is True:
        name = {"flask": "Flask", "starlette": "Starlette"}.get(kind, type(application).__name__)
        found.append("%s has debug = True" % name)
    if os.environ.get("WERKZEUG_RUN_MAIN") == "true":
        found.append("werkzeug's reloader is on, which watches the files beside the service")
    return found
