"""From folded stacks to the time of each function, per slice: library frames folded under the user's that called them.

Each stack has one owner, the innermost frame of the user's code, so that the owners' times add up to the request. A
stack without such a frame is owned by the package that ran.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from perfproof.model.profile import ArmProfile, Frame, Stack

Floats = NDArray[np.float64]


@dataclass
class Times:
    """Nanoseconds of one owner or library function in each slice: while it ran, and while it was on the stack."""

    own: Floats
    total: Floats


@dataclass
class FunctionTimes:
    """The profile of one request name on one arm, in nanoseconds by slice.

    ``counts`` are completed requests; ``functions`` the owners; ``libraries[owner]`` what was folded under each;
    ``kinds[owner]`` its time by what it was for, ``packages[owner]`` that of the kind ``code`` by library package.
    """

    counts: Floats
    interval_ns: int
    functions: dict[Frame, Times] = field(default_factory=dict)
    libraries: dict[Frame, dict[Frame, Times]] = field(default_factory=dict)
    kinds: dict[Frame, dict[Kind, Floats]] = field(default_factory=dict)
    packages: dict[Frame, dict[str, Floats]] = field(default_factory=dict)
    whole: Floats = field(default_factory=lambda: np.zeros(0))


def fold(profile: ArmProfile, request: str) -> FunctionTimes | None:
    """Return the times of ``request`` (or of all), or None where the arm answered none of them while sampled."""
    wanted = profile.places(request)
    rows = [np.asarray(profile.counts[at], dtype=float) for at in wanted if at < len(profile.counts)]
    length = max((len(row) for row in rows), default=0)
    counts = np.zeros(length)
    for row in rows:
        counts[: len(row)] += row
    if not counts.sum():
        return None
    chosen = set(wanted)
    folded = FunctionTimes(counts, max(1, profile.interval_ns), whole=np.zeros(length))
    known: dict[tuple[int, ...], _Shape] = {}
    for stack in profile.stacks:
        if stack.request in chosen and stack.frames and 0 <= stack.slice < length:
            shape = known.get(stack.frames)
            if shape is None:
                shape = known[stack.frames] = _shape([profile.frames[at] for at in stack.frames])
            _add(folded, stack, shape)
    return folded


@dataclass(frozen=True)
class _Shape:
    """What is booked for a stack whenever it was seen: its owner, the user's frames, the libraries below the owner."""

    owner: Frame
    on_stack: frozenset[Frame]
    below: frozenset[Frame]
    last: Frame | None
    kind: Kind


def _shape(frames: Sequence[Frame]) -> _Shape:
    owner, begin = owner_of(frames)
    below = frames[begin:]
    on_stack = frozenset({owner, *(each for each in frames if each.own)})
    kind = kind_of(below)
    if kind == "code" and begin >= 2 and calls_back(frames[begin - 2]):
        kind = "database"
    return _Shape(owner, on_stack, frozenset(below), below[-1] if below else None, kind)


def owner_of(frames: Sequence[Frame]) -> tuple[Frame, int]:
    """Return who owns a stack, and where its libraries begin."""
    for at in range(len(frames) - 1, -1, -1):
        if frames[at].own:
            return frames[at], at + 1
    return Frame(package(frames[-1].module), "", False), 0


def _add(folded: FunctionTimes, stack: Stack, shape: _Shape) -> None:
    """Book one stack on its owner, on everything it called, and on every frame of the user's it stood on."""
    length = len(folded.counts)
    at, ns = stack.slice, float(stack.ns)
    folded.whole[at] += ns
    for frame in shape.on_stack:
        _times(folded.functions, frame, length).total[at] += ns
    folded.functions[shape.owner].own[at] += ns
    _array(folded.kinds.setdefault(shape.owner, {}), shape.kind, length)[at] += ns
    held = folded.libraries.setdefault(shape.owner, {})
    for frame in shape.below:
        _times(held, frame, length).total[at] += ns
    if shape.last is not None:
        held[shape.last].own[at] += ns
        if shape.kind == "code":
            name = package(shape.last.module)
            _array(folded.packages.setdefault(shape.owner, {}), name, length)[at] += ns


def _times(held: dict[Frame, Times], frame: Frame, length: int) -> Times:
    if frame not in held:
        held[frame] = Times(np.zeros(length), np.zeros(length))
    return held[frame]


def _array(held: dict[Kind, Floats] | dict[str, Floats], name: str, length: int) -> Floats:
    return held.setdefault(name, np.zeros(length))  # type: ignore[arg-type]


def kind_times(folded: FunctionTimes, kind: Kind) -> Floats:
    """Return the time of one kind over all owners, by slice."""
    return _summed((kinds[kind] for kinds in folded.kinds.values() if kind in kinds), len(folded.counts))


def package_times(folded: FunctionTimes) -> dict[str, Floats]:
    """Return the time of each library package (of the kind ``code``) over all owners, by slice."""
    found: dict[str, Floats] = defaultdict(lambda: np.zeros(len(folded.counts)))
    for packages in folded.packages.values():
        for name, times in packages.items():
            found[name] = found[name] + times
    return dict(found)


def _summed(arrays: Iterable[Floats], length: int) -> Floats:
    total = np.zeros(length)
    for each in arrays:
        total = total + each
    return total


Kind = Literal["code", "database", "encoding", "compression"]

DATABASE = (
    "sqlalchemy", "sqlalchemy_utils", "sqlmodel", "sqlite3", "_sqlite3", "aiosqlite", "psycopg", "psycopg_binary",
    "psycopg_pool", "psycopg2", "asyncpg", "pymysql", "MySQLdb", "mysql", "aiomysql", "asyncmy", "mariadb", "oracledb",
    "pyodbc", "django.db", "django.contrib.postgres", "peewee", "pony", "tortoise", "databases", "sqlite_utils",
    "pymongo", "motor", "redis", "greenlet",
)  # fmt: skip
ENCODING = (
    "json", "_json", "orjson", "ujson", "simplejson", "rapidjson", "msgspec", "msgpack", "cbor2", "marshmallow",
    "pydantic", "pydantic_core", "fastapi.encoders", "starlette.responses.JSONResponse", "flask.json", "cattrs",
    "attr.converters", "serpy", "rest_framework.renderers", "rest_framework.serializers", "rest_framework.fields",
    "rest_framework.utils.encoders", "django.core.serializers", "ninja.schema", "dataclasses_json", "mashumaro",
    "google.protobuf", "yaml", "pickle", "xml",
)  # fmt: skip
COMPRESSION = (
    "gzip", "zlib", "_compression", "brotli", "_brotli", "brotlicffi", "zstandard", "pyzstd", "compression",
    "flask_compress", "brotli_asgi", "django.middleware.gzip",
)  # fmt: skip
DATABASE_ELSEWHERE = (
    "pg", "pg-pool", "pg-protocol", "pg-cursor", "postgres", "mysql2", "mongodb", "mongoose", "sequelize", "typeorm",
    "knex", "objection", "@prisma/client", "@mikro-orm/core", "drizzle-orm", "better-sqlite3", "ioredis", "tedious",
    "java.sql", "javax.sql", "javax.persistence", "jakarta.persistence", "org.postgresql", "org.mariadb", "com.mysql",
    "com.zaxxer.hikari", "org.hibernate", "org.jooq", "org.jdbi", "oracle.jdbc", "org.sqlite", "org.h2",
    "org.springframework.jdbc", "org.springframework.data",
)  # fmt: skip
"""Of Node and of Java, where drivers call the service back with an answer, which is then no work of the database's."""
ENCODING_ELSEWHERE = (
    "fast-json-stringify", "class-transformer", "protobufjs", "com.fasterxml.jackson", "com.google.gson",
    "com.google.protobuf", "org.json", "jakarta.json", "com.alibaba.fastjson", "org.yaml",
)  # fmt: skip
COMPRESSION_ELSEWHERE = ("node.zlib", "java.util.zip", "com.aayushatharva.brotli4j")
_LAST_ONLY = ("starlette.middleware.gzip",)
"""Middleware through which everything passes: it compresses only while it runs itself."""

_DOMAINS = ("com", "org", "io", "net", "dev", "ch", "de")
"""With these begin the names of Java packages, which say at the third part whose they are."""

_KINDS: tuple[tuple[Kind, tuple[str, ...]], ...] = (
    ("database", (*DATABASE, *DATABASE_ELSEWHERE)),
    ("encoding", (*ENCODING, *ENCODING_ELSEWHERE)),
    ("compression", (*COMPRESSION, *COMPRESSION_ELSEWHERE)),
)
_INDEX: dict[str, Kind] = {name: kind for kind, names in _KINDS for name in names}


def kind_of(frames: Sequence[Frame]) -> Kind:
    """Return what library ``frames`` (outermost first) were doing; ``code`` where nothing says more."""
    for frame in frames:
        kind = _named(frame)
        if kind is not None:
            return kind
    last = frames[-1].module if frames else ""
    return "compression" if any(_within(last, name) for name in _LAST_ONLY) else "code"


def calls_back(caller: Frame) -> bool:
    """Tell whether what ``caller`` calls is part of database work: set-up of a new connection, conversion of a value.

    Not so where the driver only hands control over, as SQLAlchemy does to run a function in a greenlet.
    """
    hands_over = any(_within(caller.module, name) for name in ("sqlalchemy.util", "greenlet", *DATABASE_ELSEWHERE))
    return not caller.own and not hands_over and _named(caller) == "database"


def _named(frame: Frame) -> Kind | None:
    """Return the kind of the longest listed prefix of the frame's module and function."""
    parts = f"{frame.module}.{frame.function}".split(".")
    for length in range(min(len(parts), 3), 0, -1):
        kind = _INDEX.get(".".join(parts[:length]))
        if kind is not None:
            return kind
    return None


def _within(module: str, name: str) -> bool:
    return module == name or module.startswith(f"{name}.")


def package(module: str) -> str:
    """Return the top-level package of a module (a shared object keeps its name), of Java those parts that tell it."""
    parts = module.split(".")
    reversed_domain = parts[0] in _DOMAINS and len(parts) > 2
    return (".".join(parts[:3]) if reversed_domain else parts[0]) or "(unknown)"
