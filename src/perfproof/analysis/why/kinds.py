"""What a library frame is for: time in a database driver, an encoder or a compressor belongs to a lever of its own.

Only frames below the innermost frame of the user's code are asked, the one nearest to it first: an encoder that a
database driver calls for a JSON column is database time. Names are those of modules; a driver that is not listed is
ordinary library time of the function that called it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from perfproof.model.profile import Frame

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
