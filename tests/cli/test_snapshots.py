"""A database that is kept after ``prepare`` and put back before every round, through the command line."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.server, pytest.mark.timeout(120)]

PREPARE = """\
import pathlib, sqlite3, sys
database = sqlite3.connect(sys.argv[1])
if sys.argv[2] == "prepare":
    database.execute("CREATE TABLE t (n)")
database.execute("INSERT INTO t VALUES (1)")
database.commit()
with open(sys.argv[3], "a") as log:
    log.write(f"{sys.argv[2]} {database.execute('SELECT count(*) FROM t').fetchone()[0]}\\n")
"""


def test_every_round_starts_from_what_prepare_left(bench):
    bench.without_load()
    script, log = bench.folder / "fill.py", bench.folder / "log.txt"
    script.write_text(PREPARE)
    call = f'"{{python}} {script} {{work}}/shop.db %s {log}"'
    path = bench.scenario(
        (
            "DIRECTORY",
            f'DIRECTORY\n  prepare: {call % "prepare"}\n  reset: {call % "reset"}\n  snapshot: "{{work}}/shop.db"',
        )
    )
    ran = bench.run("run", str(path), "--quiet", "--rounds", "2")
    assert ran.code == 0, ran.err + ran.out
    assert log.read_text().splitlines() == ["prepare 1", "reset 2", "reset 2"], "not 2 and 3: the second began anew"
