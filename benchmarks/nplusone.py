"""Precision and recall of N+1 findings on the labelled corpus of endpoints: ``python benchmarks/nplusone.py``.

FastAPI (SQLAlchemy, plain drivers) on SQLite; on a private PostgreSQL also asyncpg, Flask (psycopg2), Django and, if
``NODE_PATH`` names a folder with the packages ``express`` and ``pg``, Node. The last three run with two processes.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "corpus" / "endpoints")]

import labels  # noqa: E402
from judging import Judged, judge, precision_and_recall  # noqa: E402

import counting  # noqa: E402 - from the tests
import postgres  # noqa: E402


def main() -> int:
    """Print a line for each endpoint and the figures; return 1 unless all are right."""
    folder = Path(tempfile.mkdtemp(prefix="perfproof-corpus-"))
    tables: list[tuple[str, list[Judged]]] = []
    try:
        tables.append(("SQLite", judge("fastapi", f"sqlite:///{folder}/corpus.db", labels.FASTAPI, folder)[0]))
        binaries, user = postgres.find_binaries(), postgres.unprivileged_user()
        if binaries and user:
            with postgres.running_server(binaries, user, counting.SETTINGS) as address:
                server = counting.Server(address)
                for app, paths, environment in (
                    ("fastapi", labels.FASTAPI | labels.POSTGRES_ONLY, ""),
                    ("flask", labels.FLASK, ""),
                    ("django", labels.DJANGO, ""),
                    ("node", labels.NODE, f', NODE_PATH: "{os.environ.get("NODE_PATH")}", WORKERS: "2"'),
                ):
                    if app == "node" and not (shutil.which("node") and os.environ.get("NODE_PATH")):
                        print("node: left out (set NODE_PATH)")
                        continue
                    url = server.new_database().replace("postgresql://", "postgresql+psycopg://")
                    tables.append(("PostgreSQL", judge(app, url, paths, folder, environment)[0]))
        else:
            print("PostgreSQL: left out (not installed)")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for system, judged in tables:
        for each in judged:
            truth, said = ("N+1" if value else "-" for value in (each.label, each.found))
            mark = "" if each.right else "  WRONG"
            print(f"{system:10}  {each.app:8} {each.path:28} is {truth:4} said {said:4} queries {each.queries}{mark}")
    every = [each for _, judged in tables for each in judged]
    precision, recall = precision_and_recall(every)
    distinct = len({(each.app, each.path) for each in every})
    print(f"\n{len(every)} probes of {distinct} endpoints: precision {precision:.1%}, recall {recall:.1%}")
    return 0 if precision == recall == 1.0 else 1


if __name__ == "__main__":
    raise SystemExit(main())
