"""Older releases of drivers and frameworks, each in a folder of its own that goes before what is installed.

``python tests/releases.py FOLDER`` fetches all of them, several at a time (as .ci/run does beforehand, with FOLDER in
``PERFPROOF_RELEASES``); otherwise each is fetched when a test asks for it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

DRIVERS = {
    "psycopg": (
        ("psycopg==3.1.8", "psycopg-binary==3.1.8"),
        ("psycopg==3.1.20", "psycopg-binary==3.1.20"),
        ("psycopg==3.2.7", "psycopg-binary==3.2.7"),
        ("psycopg==3.2.8", "psycopg-binary==3.2.8"),
    ),
    "psycopg2": (("psycopg2-binary==2.9.5",), ("psycopg2-binary==2.9.9",)),
    "asyncpg": (("asyncpg==0.27.0",), ("asyncpg==0.29.0",)),
    "pymysql": (("PyMySQL==0.9.3",), ("PyMySQL==1.0.2",)),
    "aiosqlite": (("aiosqlite==0.17.0",), ("aiosqlite==0.20.0",)),
    "sqlalchemy": (("SQLAlchemy==1.4.54",), ("SQLAlchemy==2.0.36",)),
}
FRAMEWORKS = {
    "django": (("Django==3.2.25", "asgiref<4", "sqlparse", "pytz"), ("Django==4.2.16", "asgiref<4", "sqlparse")),
    "flask": (("Flask==2.2.5", "Werkzeug==2.2.3"),),
    "starlette": (("starlette==0.27.0",),),
}
"""The oldest release with files for the Python of the tests, and some in between; the newest is what is installed."""
TRACING = {
    "opentelemetry": (
        (
            "opentelemetry-instrumentation-flask==0.66b1",
            "opentelemetry-instrumentation-sqlite3==0.66b1",
            "opentelemetry-instrumentation-dbapi==0.66b1",
            "opentelemetry-instrumentation-wsgi==0.66b1",
            "opentelemetry-instrumentation==0.66b1",
            "opentelemetry-util-http==0.66b1",
            "opentelemetry-semantic-conventions==0.66b1",
            "opentelemetry-exporter-http-transport==0.66b1",
            "opentelemetry-exporter-otlp-common==0.66b1",
            "opentelemetry-exporter-otlp-proto-http==1.45.1",
            "opentelemetry-exporter-otlp-proto-common==1.45.1",
            "opentelemetry-proto==1.45.1",
            "opentelemetry-sdk==1.45.1",
            "opentelemetry-api==1.45.1",
            "googleapis-common-protos==1.76.0",
            "protobuf==7.36.2",
            "wrapt==2.5.2",
        ),
    ),
}
"""OpenTelemetry for services under test: its packages ask for one another's very release, so it cannot be installed
beside what is locked to another one."""
_LONGEST = 200
"""Characters of a folder's name: file systems take 255."""


def every() -> list[tuple[str, ...]]:
    """Return all that may be asked for."""
    return [each for known in (DRIVERS, FRAMEWORKS, TRACING) for several in known.values() for each in several]


def folder_of(release: tuple[str, ...]) -> Path:
    """Return the folder with a release in it, fetched if it is not there; CalledProcessError if it cannot be had."""
    home = Path(
        os.environ.get("PERFPROOF_RELEASES") or Path(tempfile.gettempdir()) / f"perfproof-releases-{os.getuid()}"
    )
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = "_".join(release).replace("=", "").replace("<", "")
    if len(name) > _LONGEST:
        name = f"{name[:60]}_{hashlib.sha256(name.encode()).hexdigest()[:12]}"
    folder = home / name
    with (home / f".{name}.lock").open("w") as lock:  # tests run in several processes
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            partial = home / f".{name}.partial"
            shutil.rmtree(partial, ignore_errors=True)
            command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
            command += ["--no-compile", "--only-binary", ":all:", "--target", str(partial), *release]
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
            partial.rename(folder)
    return folder


if __name__ == "__main__":
    os.environ["PERFPROOF_RELEASES"] = sys.argv[1]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(folder_of, every()))
