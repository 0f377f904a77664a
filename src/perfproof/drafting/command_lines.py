"""Command lines of other tools made into those of a scenario: the port is given, the host is this machine."""

from __future__ import annotations

import re
from dataclasses import dataclass

_VARIABLE = re.compile(r"\$\{PORT(?::?-[^}]*)?\}|\$PORT\b")
_OPTION = re.compile(r"(?P<option>(?:--port|--http-port|-p)[ =])\d{2,5}\b")
_BIND = re.compile(r"(?P<before>(?:^|[\s=\"'])(?:[\w.*]*|\[[:\w]*\]))(?::)\d{2,5}(?=$|[\s\"'])")
_ANYWHERE = re.compile(r"(?<![\w.])(?:0\.0\.0\.0|\[::\])(?![\w.])")
_DAEMON = re.compile(r"\s--(?:reload(?:-\w+(?:[ =]\S+)?)?|daemon|daemonize)\b")
_SHELL = re.compile(r"&&|\|\||[|;<>`]|\$\(|\$\w|\$\{|(?:^|\s)\w+=\S*\s")
_WRAPPED = re.compile(r"(?:/bin/)?(?:ba|da)?sh -l?c (?P<quote>[\"'])(?P<inner>.*)(?P=quote)")
_VARIABLES = re.compile(r"\$\{(\w+)(:-[^}]*)?\}")
_DEAF = (
    (re.compile(r"\b(?:uvicorn|fastapi\s+run)\b(?!.*--port)(?!.*--uds)"), " --host 127.0.0.1 --port {port}"),
    (re.compile(r"\bhypercorn\b(?!.*(?:--bind|-b)\b)"), " --bind 127.0.0.1:{port}"),
    (re.compile(r"\bgunicorn\b(?!.*(?:--bind|-b)\b)"), " --bind 127.0.0.1:{port}"),
    (re.compile(r"\bdaphne\b(?!.*-p)"), " -b 127.0.0.1 -p {port}"),
    (re.compile(r"\bwaitress-serve\b(?!.*--(?:port|listen))"), ""),  # its options stand before the application
    (re.compile(r"\bflask\b.*\brun\b(?!.*(?:--port|-p)\b)"), " --port {port}"),
    (re.compile(r"\bmanage\.py\s+runserver\b(?!.*\d)"), " 127.0.0.1:{port}"),
    (re.compile(r"\bhttp\.server\b(?!.*\{port\})"), " {port}"),
)
"""Servers that take their port from the command line alone, and how each is told."""


@dataclass(frozen=True)
class Line:
    """A command line of a scenario, and whether a shell has to read it."""

    text: str
    shell: bool = False


def adapted(line: str) -> Line:
    """Return a command line as a scenario's: ``{port}`` where a port stands, 127.0.0.1 for every address.

    What a service does while it is developed (``--reload``) or in the background (``--daemon``) is taken out.
    """
    text = " ".join(line.split())
    wrapped = _WRAPPED.fullmatch(text)
    if wrapped:
        return Line(adapted(wrapped["inner"].replace('\\"', '"')).text, True)
    text = _VARIABLE.sub("{port}", text)
    text = _DAEMON.sub("", text)
    text = _OPTION.sub(lambda match: match["option"] + "{port}", text)
    text = _BIND.sub(lambda match: f"{match['before']}:{{port}}", text)
    text = _ANYWHERE.sub("127.0.0.1", text)
    text = re.sub(r"(?<=[\s=])(?:\*)?:(?=\{port\})", "127.0.0.1:", text)
    for deaf, told in _DEAF:
        if "{port}" not in text and deaf.search(text):
            text += told
    shell = _SHELL.search(text) is not None
    return Line(_VARIABLES.sub(lambda match: f"${match[1]}", text) if shell else text, shell)
