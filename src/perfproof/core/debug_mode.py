"""What a command line and an environment say of a mode for developing, in which no version is what users get."""

from __future__ import annotations

import re
from collections.abc import Mapping

_FLAGS = (
    (re.compile(r"(?:^|\s)--reload(?:\s|=|$)"), "`--reload` watches the files beside the service"),
    (re.compile(r"(?:^|\s)--debug(?:\s|$)"), "`--debug`"),
    (re.compile(r"\bmanage\.py\s+runserver\b"), "`runserver` is Django's server for developing"),
    (re.compile(r"\bflask\b.*\srun\b"), "`flask run` is a server for developing"),
    (re.compile(r"\bfastapi\s+dev\b"), "`fastapi dev` is for developing"),
    (
        re.compile(r"\b(?:nodemon|ts-node-dev|tsx\s+watch|next\s+dev|vite\s+dev|npm\s+run\s+dev)\b"),
        "a server that reloads",
    ),
    (re.compile(r"\bnode\b.*\s--(?:watch|inspect)\b"), "node watches its files or waits for a debugger"),
    (
        re.compile(r"\bphp[\d.]*\b.*\s-S\s"),
        "`php -S` is PHP's server for developing, which answers one request at a time",
    ),
    (re.compile(r"\bartisan\s+serve\b"), "`artisan serve` is Laravel's server for developing"),
    (
        re.compile(r"\b(?:puma|rails|rackup|unicorn|thin)\b.*\s(?:-e|-E|--env|--environment)[ =]dev"),
        "Ruby is told to be in development",
    ),
    (re.compile(r"-agentlib:jdwp"), "Java waits for a debugger"),
)
_ON = frozenset(("1", "true", "yes", "on"))
_SWITCHES = ("DEBUG", "FLASK_DEBUG", "DJANGO_DEBUG", "APP_DEBUG", "PYTHONASYNCIODEBUG", "PYTHONDEVMODE")
_STAGES = ("NODE_ENV", "FLASK_ENV", "RAILS_ENV", "RACK_ENV", "APP_ENV", "ASPNETCORE_ENVIRONMENT", "DOTNET_ENVIRONMENT")


def debug_modes(command: str | None, environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return which modes for developing are asked for, each in a few words; no value of the environment is quoted."""
    found = [told for pattern, told in _FLAGS if command and pattern.search(command)]
    found += [f"{name} is on" for name in _SWITCHES if environment.get(name, "").lower() in _ON]
    found += [
        f"{name} is development" for name in _STAGES if environment.get(name, "").lower() in ("development", "dev")
    ]
    return tuple(found)
