"""The database of a service, as far as its environment, its settings or its compose file tell."""

from __future__ import annotations

import ast
import re
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

import yaml

from perfproof.core.addresses import is_loopback
from perfproof.databases.sources import ServiceFacts, choose
from perfproof.draft.start.declared import composed, environment_of, from_here
from perfproof.draft.start.start import source_files, text_of
from perfproof.draft.templates import with_variables, written
from perfproof.errors import UsageError

_NAMES = re.compile(
    r"(?:\w+_)?(?:DATABASE|DB|POSTGRES|POSTGRESQL|PG|MYSQL|MARIADB|SQLALCHEMY_DATABASE|SQLALCHEMY)_UR[IL]"
)
_SYSTEMS = {"postgresql": 5432, "postgres": 5432, "mysql": 3306, "mariadb": 3306}
_FROM_VARIABLE = re.compile(r"\$\{\w+\}")
_PYTHON = re.compile(r"\b(python[\d.]*|uvicorn|gunicorn|hypercorn|flask|waitress-serve|daphne|granian|manage\.py)\b")
_LITE = re.compile(
    r"^\s*(?:import|from)\s+(?:sqlite3|aiosqlite|sqlite_utils|apsw)\b|sqlite(?:\+\w+)?:///", re.MULTILINE
)

_TOLD = "given: "
"""Begins the source of an address that the user gave for the scenario's own environment."""


@dataclass(frozen=True)
class Database:
    """``address`` as a scenario writes it ("" if none was found), and what to say of it."""

    address: str = ""
    note: str = ""
    left_out: str = ""


def find_database(folder: Path, command: str, own: Mapping[str, str], environ: Mapping[str, str]) -> Database:
    """Return the database of the service in ``folder``; ``own`` is the environment that the scenario gives it.

    An address with a password is never written down: it is taken from the environment or left out.
    """
    python = _PYTHON.search(command) is not None
    left_out = ""
    for address, variable, source in _addresses(folder, own, environ):
        system = address.partition(":")[0].partition("+")[0].lower()
        if system == "sqlite":
            if python:
                return Database("sqlite", f"from {source.removeprefix(_TOLD)}")
            continue
        if system not in _SYSTEMS:
            continue
        reason = _unreachable(address)
        if reason is not None:
            named = source.removeprefix(_TOLD)
            left_out = left_out or f"the database that {named} names is left out: {reason}"
        elif variable:
            return Database(f"${{{variable}}}", f"from {source.removeprefix(_TOLD)}")
        elif _password(address) and source.startswith(_TOLD):
            # The scenario holds it already, as the user gave it.
            return Database(written(address), f"from {source.removeprefix(_TOLD)}; its password stands in this file")
        elif _password(address):
            left_out = left_out or (
                f"the database that {source} names is left out: its address holds a password; export it as DATABASE_URL"
                ' and run init again, or write `database: "${DATABASE_URL}"`'
            )
        else:
            parts = re.split(r"(?<=:)(\$\{\w+\})(?=@)", address)  # what _who wrote is no text of the address
            return Database(
                "".join(part if at % 2 else written(part) for at, part in enumerate(parts)),
                f"from {source.removeprefix(_TOLD)}",
            )
    if python and not left_out:
        for path in source_files(folder, (".py",), most=200):
            if _LITE.search(text_of(path)):
                return Database("sqlite", f"{path.relative_to(folder)} uses SQLite")
    return Database(left_out=left_out)


def kept_from_counting(address: str, command: str, environ: Mapping[str, str]) -> str:
    """Return what to say of a database whose queries cannot be counted as it is set up now; "" if they can be.

    Queries of a Python service are counted within it as well.
    """
    whole = with_variables(address, environ)
    if not address or _PYTHON.search(command) or whole.startswith("sqlite"):
        return ""
    try:
        found = choose((whole,), ServiceFacts())
    except UsageError:  # said where the scenario is read
        return ""
    for source in found.sources:
        source.close()
    if found.sources or not found.problems:
        return ""
    return f"queries cannot be counted until the database is set up for it: {found.problems[0]} (docs/queries.md)"


def _addresses(folder: Path, own: Mapping[str, str], environ: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """Yield addresses of databases with the variable they are in ("" where that is not set) and their source."""
    for name, value in own.items():
        if "://" in value and _NAMES.fullmatch(name):
            inner = re.fullmatch(r"\$\{(\w+)\}", value)
            where = f"the variable {name}" if inner else f"{_TOLD}the variable {name}"
            yield environ.get(inner[1], "") if inner else value, inner[1] if inner else "", where
    for name, value in environ.items():
        if _NAMES.fullmatch(name) and "://" in value:
            yield value, name, f"the variable {name}"
    for file in (".env", ".env.local"):
        for name, value in re.findall(
            r"^\s*(?:export\s+)?(\w+)\s*=\s*[\"']?([^\"'\n]+)", text_of(folder / file), re.MULTILINE
        ):
            if _NAMES.fullmatch(name) and "://" in value:
                yield value.strip(), "", f"{name} in {file}"
    yield from _django(folder, {**environ, **own})
    yield from _rails(folder)
    services, file = composed(folder)
    for name, service in services.items():
        for variable, value in environment_of(service).items():
            if _NAMES.fullmatch(variable) and "://" in value:
                system = value.partition(":")[0].partition("+")[0]
                here = from_here(value, services, _SYSTEMS.get(system, 0))
                if here is not None:
                    yield here, "", f"{file} (service {name})"


def _django(folder: Path, environ: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """Yield the database of Django's settings where it is written down there, or in variables that they read."""
    if not (folder / "manage.py").is_file():
        return
    for path in source_files(folder, (".py",), most=200):
        text = text_of(path)
        default = _default_database(text) if "DATABASES" in text else None
        if default is None:
            continue
        settings = {name: _setting(node, environ) for name, node in default.items()}
        engine = settings.get("ENGINE", "")
        source = str(path.relative_to(folder))
        if "sqlite" in engine or "spatialite" in engine:
            yield "sqlite://", "", source
        for word, system in (("postg", "postgresql"), ("mysql", "mysql")):
            if word in engine and settings.get("NAME"):
                user = f"{_who(settings, default, environ)}@" if settings.get("USER") else ""
                place = settings.get("HOST") or "127.0.0.1"
                port = f":{settings['PORT']}" if settings.get("PORT") else ""
                yield f"{system}://{user}{place}{port}/{settings['NAME']}", "", source


def _rails(folder: Path) -> Iterator[tuple[str, str, str]]:
    """Yield the database of a Rails application in production, as far as it is written down and not computed."""
    file = folder / "config" / "database.yml"
    try:
        found = yaml.safe_load(re.sub(r"<%.*?%>", "", text_of(file), flags=re.DOTALL))
    except (yaml.YAMLError, RecursionError, ValueError):
        return
    one = found.get("production") if isinstance(found, dict) else None
    if not isinstance(one, dict):
        return
    system = {"postgresql": "postgresql", "postgis": "postgresql", "mysql2": "mysql", "trilogy": "mysql"}.get(
        str(one.get("adapter"))
    )
    if isinstance(one.get("url"), str) and "://" in one["url"]:
        yield one["url"].replace("mysql2://", "mysql://"), "", "config/database.yml"
    elif system and one.get("database"):
        user = quote(str(one.get("username") or ""), safe="")
        secret = f":{quote(str(one['password']), safe='')}" if one.get("password") else ""
        port = f":{one['port']}" if one.get("port") else ""
        place = f"{one.get('host') or '127.0.0.1'}{port}/{one['database']}"
        yield f"{system}://{user}{secret}{'@' if user else ''}{place}", "", "config/database.yml"


def _default_database(text: str) -> dict[str, ast.expr] | None:
    """Return the keys of the default database in the source of Django's settings; None if it is not written there."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return None
    for node in ast.walk(tree):
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        if not any(isinstance(each, ast.Name) and each.id == "DATABASES" for each in targets):
            continue
        for name, value in _entries(node.value) if isinstance(node, ast.Assign | ast.AnnAssign) else ():
            if name == "default":
                return dict(_entries(value))
    return None


def _entries(node: ast.expr | None) -> Iterator[tuple[str, ast.expr]]:
    for key, value in zip(node.keys, node.values, strict=True) if isinstance(node, ast.Dict) else ():
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            yield key.value, value


def _setting(node: ast.expr, environ: Mapping[str, str]) -> str:
    """Return what a setting comes to: a literal, or a variable's value or its default; "" where that is not seen."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    name = _variable(node)
    if name is None:
        return ""
    if environ.get(name):
        return environ[name]
    defaults = [*node.args[1:2], *(each.value for each in node.keywords)] if isinstance(node, ast.Call) else []
    return next((str(each.value) for each in defaults if isinstance(each, ast.Constant)), "")


def _variable(node: ast.expr) -> str | None:
    """Return the variable that an expression reads: ``os.environ["X"]``, ``os.environ.get("X", ..)``, ``env("X")``."""
    if isinstance(node, ast.Subscript):
        read, of = node.slice, node.value
    elif isinstance(node, ast.Call) and node.args:
        read, of = node.args[0], node.func
    else:
        return None
    named = (
        isinstance(read, ast.Constant)
        and isinstance(read.value, str)
        and re.search("env|config", ast.unparse(of), re.I)
    )
    return str(read.value) if named and isinstance(read, ast.Constant) else None


def _who(settings: Mapping[str, str], default: Mapping[str, ast.expr], environ: Mapping[str, str]) -> str:
    """Return user and password: that of a variable as the variable, one that is written down so that it is refused."""
    if not settings.get("PASSWORD"):
        return settings["USER"]
    variable = _variable(default["PASSWORD"]) or ""
    return f"{settings['USER']}:{'${' + variable + '}' if environ.get(variable) else 'secret'}"


def _password(address: str) -> bool:
    """Tell whether an address holds a password, other than one taken from a variable."""
    try:
        password = urlsplit(address).password
    except ValueError:
        return True
    return bool(password) and _FROM_VARIABLE.fullmatch(password or "") is None


def _is_here(host: str) -> bool:
    try:
        return all(is_loopback(str(each[4][0])) for each in socket.getaddrinfo(host, None))
    except (OSError, ValueError):
        return False


def _unreachable(address: str) -> str | None:
    """Return in words why nothing listens at a database's address; None if something does."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "127.0.0.1", parts.port
    except ValueError:
        return "its address cannot be read"
    if not _is_here(host):
        return f"{host} is not this machine"
    port = port or _SYSTEMS[parts.scheme.partition("+")[0].lower()]
    try:
        socket.create_connection((host, port), timeout=2).close()
    except OSError as error:
        return f"nothing answers at {host}:{port} ({error.strerror or error})"
    return None
