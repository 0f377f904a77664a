"""Services that nobody here wrote, from PyPI and npm: what every check is held against beside planted faults.

``python tests/real_services.py FOLDER`` installs the Python ones (as .ci/run does beforehand, with FOLDER in
``PERFPROOF_SERVICES``); those of npm are in ``NODE_PATH``. Every finding listed here was looked at by hand against the
service's own answers: it is true. Whatever else a check says of one of them is a false accusation.
"""

from __future__ import annotations

import json
import os
import sqlite3
from pathlib import Path

HERE = Path(__file__).parent / "real"
RELEASES = ()


def modules() -> Path:
    """Return the folder with npm packages."""
    return Path(os.environ.get("NODE_PATH") or "/nowhere")


def binaries() -> Path:
    """Return the folder with the programs of the services from PyPI."""
    return Path(os.environ.get("PERFPROOF_SERVICES") or "/nowhere") / "bin"


def furnish(folder: Path) -> None:
    """Put data for every service into an empty folder."""
    folder.mkdir(parents=True, exist_ok=True)
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
        f"storage: {folder}/storage\nauth: {{htpasswd: {{file: {folder}/htpasswd}}}}\nuplinks: {{}}\n"
        "packages: {'**': {access: $all, publish: $all}}\nlog: {type: stdout, format: json, level: http}\n"
    )
