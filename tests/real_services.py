"""Services that nobody here wrote, from PyPI, npm and Debian: what every check is held against beside planted faults.

``python tests/real_services.py FOLDER`` installs those of PyPI (as .ci/run does beforehand, with FOLDER in
``PERFPROOF_SERVICES``); those of npm are in ``NODE_PATH``. What ``real/expected.json`` lists was looked at by hand
against each service's own answers and is true; whatever else a check says of one of them is a false accusation.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import venv
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent / "real"
PYPI = (
    "kinto[postgresql]==26.5.0", "setuptools<81", "httpbin[mainapp]==0.10.4", "jupyter-server==2.21.1",
    "moto[sns]==5.2.5", "flask", "flask-cors", "localstripe==1.15.10",
)  # fmt: skip
JUPYTER_DOCUMENT = "jupyter_server/services/api/api.yaml"
ALERTMANAGER = "/usr/bin/prometheus-alertmanager"
ASKED = ("kinto", "httpbin", "jupyter", "datasette", "json_server", "verdaccio")
"""Services that the checks of errors, contract, security and telemetry are made on."""
DELIVERING = ("webhooks_localstripe", "webhooks_moto", "webhooks_verdaccio", "webhooks_alertmanager")
"""Services with webhooks."""
EXPECTED: Mapping[str, Mapping[str, list[str]]] = json.loads((HERE / "expected.json").read_text())
"""By service and kind of finding: what is wrong, as ``said`` tells it."""


@dataclass(frozen=True)
class Ground:
    """A folder with the data of a service, and the environment that its scenario is read with."""

    folder: Path
    environ: Mapping[str, str]
    database: str = ""

    def before(self) -> dict[str, Any]:
        """Return what it holds before any check; of Kinto what the set-up of the scenario makes."""
        if not self.database:
            return self.content()
        made = {"one": "a", "two": "b", "three": "c", "four": "d", "shop": None, "orders": None}
        return {"objects": [(name, item, False) for name, item in sorted(made.items())]}

    def content(self) -> dict[str, Any]:
        """Return all that the service holds: rows of its tables, or its files."""
        if self.database:
            return _rows(self.database)
        found: dict[str, Any] = {}
        for file in sorted(self.folder.rglob("*")):
            if file.suffix == ".db":
                with sqlite3.connect(file) as database:
                    found[file.name] = list(database.iterdump())
                database.close()
            elif file.is_file() and not file.name.startswith("."):
                found[str(file.relative_to(self.folder))] = hashlib.sha256(file.read_bytes()).hexdigest()
        return found


def lacking(service: str) -> str:
    """Return what is missing to run a service here; "" where nothing is."""
    modules, programs = Path(os.environ.get("NODE_PATH") or "/nowhere"), _programs()
    if service in ("json_server", "verdaccio", "webhooks_verdaccio"):
        wanted = "json-server" if service == "json_server" else "verdaccio"
        there = shutil.which("node") and (modules / wanted).is_dir()
        return "" if there else f"needs node, and {wanted} in NODE_PATH"
    if service == "webhooks_alertmanager":
        return "" if Path(ALERTMANAGER).exists() else "needs Debian's prometheus-alertmanager"
    if service == "datasette" or (programs / "python").exists():
        return ""
    return "needs PERFPROOF_SERVICES (python tests/real_services.py FOLDER)"


@contextmanager
def ground(service: str, folder: Path) -> Iterator[Ground]:
    """Lend the data of a service and what its scenario needs; Kinto gets a PostgreSQL server of its own."""
    data, programs = folder / "data", _programs()
    _furnish(data)
    environ = {
        **os.environ,
        "REAL_BIN": str(programs),
        "REAL_HERE": str(HERE),
        "REAL_DATA": str(data),
        "REAL_NODE": os.environ.get("NODE_PATH", ""),
        "REAL_ALERTMANAGER": ALERTMANAGER,
        "REAL_JUPYTER": str(next(programs.parent.glob(f"lib/*/site-packages/{JUPYTER_DOCUMENT}"), "")),
    }
    with ExitStack() as stack:
        database = ""
        if service == "kinto":
            database, address = _postgresql(stack)
            environ |= {"WATCHED": database, "ADDRESS": address}
        yield Ground(data, environ, database)


def said(finding: Mapping[str, Any]) -> list[str]:
    """Return what a finding accuses a service of, one text for each place, without any count."""
    evidence = finding.get("evidence") or {}
    if "cases" in evidence:
        return [f"{each['operation']} ({each['kind']}) {each['what']}" for each in evidence["cases"]]
    if "all" in evidence:
        return [re.sub(r" \(.*\)$", "", str(each)) for each in evidence["all"]]
    return [""]


def accusations(result: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return what the findings of a run accuse a service of, by their kind."""
    found: dict[str, list[str]] = {}
    for each in result["findings"]:
        if each["severity"] != "info":
            found.setdefault(each["kind"], []).extend(said(each))
    return {kind: sorted(texts) for kind, texts in sorted(found.items())}


def install(folder: Path) -> None:
    """Install the services from PyPI into an environment of their own."""
    venv.create(folder, with_pip=True)
    command = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PYPI]
    subprocess.run(command, check=True)


def _programs() -> Path:
    return Path(os.environ.get("PERFPROOF_SERVICES") or "/nowhere") / "bin"


def _furnish(folder: Path) -> None:
    folder.mkdir(parents=True)
    database = sqlite3.connect(folder / "shop.db")
    database.execute("CREATE TABLE products (id INTEGER PRIMARY KEY, name TEXT NOT NULL, price INTEGER)")
    database.executemany("INSERT INTO products VALUES (?, ?, ?)", [(n, f"product {n}", n * 10) for n in range(1, 61)])
    database.commit()
    database.close()
    products = [{"id": n, "name": f"product {n}", "price": n * 10} for n in range(1, 61)]
    (folder / "db.json").write_text(json.dumps({"products": products}))
    (folder / "notebooks").mkdir()
    (folder / "notebooks" / "note.txt").write_text("a note\n")
    package = folder / "storage" / "shop"
    package.mkdir(parents=True)
    version = {"name": "shop", "version": "1.0.0", "dist": {"shasum": "0" * 40, "tarball": "http://127.0.0.1/shop.tgz"}}
    (package / "package.json").write_text(
        json.dumps({"name": "shop", "versions": {"1.0.0": version}, "dist-tags": {"latest": "1.0.0"}, "time": {}})
    )
    (folder / "verdaccio.yaml").write_text(
        f"storage: {folder}/storage\nauth: {{htpasswd: {{file: {folder.parent}/htpasswd}}}}\nuplinks: {{}}\n"
        "packages: {'**': {access: $all, publish: $all}}\nlog: {type: stdout, format: json, level: http}\n"
    )


def _postgresql(stack: ExitStack) -> tuple[str, str]:
    import psycopg

    import postgres
    from counting import SETTINGS, Server

    binaries, user = postgres.find_binaries(), postgres.unprivileged_user()
    if binaries is None or user is None:
        postgres.missing("PostgreSQL is not installed, or there is no user it could run as")
        raise AssertionError
    server = Server(stack.enter_context(postgres.running_server(binaries, user, SETTINGS)))
    url = server.new_database()
    address = server.new_role(url, "pg_read_all_data")
    role = address.split("//")[1].split(":")[0]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"GRANT ALL ON SCHEMA public TO {role}".encode())
    return url, address


def _rows(url: str) -> dict[str, Any]:
    import psycopg

    with psycopg.connect(url) as connection:
        return {"objects": connection.execute(b"SELECT id, data->>'item', deleted FROM objects ORDER BY id").fetchall()}


if __name__ == "__main__":
    install(Path(sys.argv[1]))
