"""What a consolidation promises beside speed, each promise kept or broken: settings from the environment.

=================  ==========================================================================================
``ERRORS``         kept: problems of RFC 9457 with documented codes; broken: three shapes, codes for robots, a stack
``REQUEST_IDS``    kept: every response carries ``X-Request-Id``; broken: none does
``PAGES``          kept: the log of jobs comes in pages; broken: all of it at once
``DOCUMENT``       kept: the OpenAPI document has every operation; broken: it hides one and names one that is not there
``DEPRECATION``    kept: what goes away says so (RFC 9745, RFC 8594); broken: it is only marked in the document
``BATCH``          kept: many projects cost as many queries as one; broken: as many as one by one
``RESTARTS``       kept: at SIGHUP a new process takes over and the old one finishes (``serve``); broken: killed first
``HEADERS``        kept: security headers; broken: none, and what it runs on is told
``SQL``            kept: what is searched for is bound; broken: it is written into the statement
``SECRETS``        kept: answers hold what they need; broken: with the hash of a password and a key
``RATE_LIMIT``     kept: searching and logging in are limited by caller, with 429; broken: they are not
``LOGS``           kept: one line of JSON for each request; broken: prose
``METRICS``        kept: ``/metrics`` for Prometheus; broken: nothing
``PROMISES``       sets each that is not set by its own name
=================  ==========================================================================================

Without any of these variables there is nothing of it: the service is the one whose speed the other scenarios measure.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields

from perfproof.errors import UsageError

_WAYS = {"kept": True, "broken": False}


@dataclass(frozen=True)
class Promises:
    """Which promises are kept: True is kept, False is broken."""

    errors: bool = True
    request_ids: bool = True
    pages: bool = True
    document: bool = True
    deprecation: bool = True
    batch: bool = True
    restarts: bool = True
    headers: bool = True
    sql: bool = True
    secrets: bool = True
    rate_limit: bool = True
    logs: bool = True
    metrics: bool = True


NAMES = tuple(field.name for field in fields(Promises))


def from_environment(environment: Mapping[str, str] = os.environ) -> Promises | None:
    """Return what ``environment`` promises, None where it says nothing of it.

    Raises ``UsageError`` for a promise that is neither kept nor broken.
    """
    everything = environment.get("PROMISES")
    own = {name: environment[name.upper()] for name in NAMES if name.upper() in environment}
    if everything is None and not own:
        return None
    return Promises(**{name: _way(name.upper(), own.get(name, everything or "kept")) for name in NAMES})


def _way(name: str, text: str) -> bool:
    try:
        return _WAYS[text.strip().lower()]
    except KeyError:
        raise UsageError(f"{name} (or PROMISES) is {text!r}", hint="set it to kept or broken") from None
