"""Database addresses as SQLAlchemy, Django and drivers write them, and texts that show none of their secrets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from perfproof.errors import UsageError

System = Literal["postgresql", "mysql", "sqlite"]
_SYSTEMS: dict[str, System] = {
    "postgresql": "postgresql",
    "postgres": "postgresql",
    "mysql": "mysql",
    "mariadb": "mysql",
    "sqlite": "sqlite",
}


@dataclass(frozen=True)
class Address:
    """Where a database is. ``password`` never shows in ``repr`` nor in ``str``."""

    system: System
    host: str | None = None
    port: int | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    database: str = ""
    options: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    def __str__(self) -> str:
        """Return the address without user, password and options."""
        if self.system == "sqlite":
            return f"sqlite:///{self.database}" if self.database else "sqlite"
        place = f"{self.host or 'localhost'}:{self.port}" if self.port else self.host or "localhost"
        return f"{self.system}://{place}/{self.database}"

    def hide(self, text: str) -> str:
        """Return ``text`` without the password, for error messages of drivers."""
        return text.replace(self.password, "***") if self.password else text


def parse(url: str) -> Address:
    """Return the address in ``url`` (``postgresql+asyncpg://...``, ``mysql://...``, ``sqlite``); raise UsageError."""
    scheme = url.partition(":")[0].partition("+")[0].lower()
    system = _SYSTEMS.get(scheme)
    if system is None:
        known = "postgresql://, mysql://, mariadb:// or sqlite"
        raise UsageError(f"databases of the kind {scheme!r} cannot be counted", hint=f"use {known}")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UsageError("the database address cannot be read", hint="write it as system://user@host/name") from error
    if system == "sqlite":
        return Address("sqlite", database=unquote(parts.path)[1:] if "/" in url else "")
    options = dict(parse_qsl(parts.query))
    host = parts.hostname or options.pop("host", None) or options.pop("unix_socket", None)
    return Address(
        system,
        host=unquote(host) if host else None,
        port=port,
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        database=unquote(parts.path)[1:],
        options=tuple(options.items()),
    )


def query_of(options: tuple[tuple[str, str], ...]) -> str:
    """Return ``options`` as the query part of an address."""
    return urlencode(options)
