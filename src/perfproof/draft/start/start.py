"""Command lines of other tools made into those of a scenario: the port is given, the host is this machine."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_SKIPPED = """.git .hg .tox .nox .venv venv env node_modules tests test __pycache__ build dist target vendor docs
    site-packages migrations examples benchmarks static templates results"""
SKIPPED = frozenset(_SKIPPED.split())
"""Folders in which no service is looked for."""


@dataclass(frozen=True)
class Start:
    """One way to start the service: what a scenario's ``service`` needs, where it was found, and what to know of it.

    ``directory`` is relative to the folder. ``port`` is one that it listens on whatever it is told.
    """

    command: str
    source: str
    environment: dict[str, str] = field(default_factory=dict, repr=False)
    prepare: str | None = None
    build: str | None = None
    port: int | None = None
    shell: bool = False
    directory: str = ""
    notes: tuple[str, ...] = ()
    database: str | None = None


def text_of(path: Path, most: int = 500_000) -> str:
    """Return the text of a file as far as it can be read; "" if there is none."""
    try:
        if path.stat().st_size > most:
            return ""
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def source_files(folder: Path, endings: tuple[str, ...], most: int = 400) -> Iterator[Path]:
    """Yield the source files of a folder, the uppermost first; at most ``most``, and none of what others wrote."""
    level, count = [folder], 0
    for _ in range(6):
        deeper: list[Path] = []
        for place in level:
            try:
                inside = sorted(place.iterdir())
            except OSError:
                continue
            for path in inside:
                if path.is_dir():
                    if path.name not in SKIPPED and not path.name.startswith(".") and not path.is_symlink():
                        deeper.append(path)
                elif path.suffix in endings and not path.name.startswith(("test_", "conftest")):
                    yield path
                    count += 1
                    if count >= most:
                        return
        level = deeper


_VARIABLE = re.compile(r"\$\{PORT(?::?-[^}]*)?\}|\$PORT\b")
_OPTION = re.compile(r"(?P<option>(?:--port|--http-port|-p)[ =])\d{2,5}\b")
_BIND = re.compile(r"(?P<before>(?:^|[\s=\"'])(?:[\w.*]*|\[[:\w]*\]))(?::)\d{2,5}(?=$|[\s\"'])")
_ANYWHERE = re.compile(r"(?<![\w.])(?:0\.0\.0\.0|\[::\])(?![\w.])")
_DAEMON = re.compile(r"\s--(?:reload(?:-\w+(?:[ =]\S+)?)?|daemon|daemonize)\b")
_SHELL = re.compile(r"&&|\|\||[|;<>`]|\$\(|\$\w|\$\{|^\w+=\S*\s")
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


def needs_shell(line: str) -> bool:
    """Tell whether only a shell understands a command line."""
    return _SHELL.search(line) is not None


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
    shell = needs_shell(text)
    return Line(_VARIABLES.sub(lambda match: f"${match[1]}", text) if shell else text, shell)
