"""What the agent must never do: break a service, hide its sitecustomize, or run where it was not asked to."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from perfproof.agent import SITE, injected

PYTHONS = [Path(sys.executable)] + [  # and other versions beside this one, where they are installed so
    path
    for path in sorted(Path(sys.base_prefix).parent.glob("3.*/bin/python"))
    if re.match(r"3\.(8|9|1\d)\.", path.parts[-3])
]
WORK = """
import sqlite3
c = sqlite3.connect(':memory:')
c.execute('CREATE TABLE t (a)')
with c:
    c.executemany('INSERT INTO t VALUES (?)', [(i,) for i in range(5)])
print(sum(a for a, in c.execute('SELECT a FROM t WHERE a > 1')), isinstance(c, sqlite3.Connection))
"""


def python(code, environment, program=sys.executable):
    done = subprocess.run([program, "-c", code], env=environment, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def lines(directory):
    return [json.loads(line) for file in sorted(directory.glob("*.jsonl")) for line in file.read_text().splitlines()]


@pytest.mark.parametrize("file", sorted(SITE.rglob("*.py")), ids=lambda file: file.name)
def test_the_agent_is_written_for_python_3_8_and_imports_nothing_of_perfproof(file):
    tree = ast.parse(file.read_text(), feature_version=(3, 8))
    for node in ast.walk(tree):
        names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
        for name in names:
            top = name.partition(".")[0]
            # The others are imported where the service has them itself, and it is said where it has not.
            others = {"perfproof_agent", "psycopg", "pyinstrument", "memray"}
            assert top in sys.stdlib_module_names | others, name


@pytest.mark.parametrize("program", PYTHONS, ids=lambda path: path.parts[-3])
def test_it_runs_on_every_python_found_here(program, tmp_path):
    assert python(WORK, injected({}, tmp_path), str(program)) == "9 True\n"
    statements = [line["s"].split()[0] for line in lines(tmp_path) if line["k"] == "q"]
    assert sorted(statements) == ["BEGIN", "COMMIT", "CREATE", "INSERT", "SELECT"]


def test_a_sitecustomize_of_the_service_still_runs(tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import builtins; builtins.CUSTOM = 42\n")
    (tmp_path / "agent").mkdir()
    environment = injected({"PYTHONPATH": str(tmp_path)}, tmp_path / "agent")
    assert python("print(CUSTOM)", environment) == "42\n"
    assert len(lines(tmp_path / "agent")) == 1


def test_without_its_variable_it_does_nothing(tmp_path):
    environment = {"PYTHONPATH": str(SITE)}
    out = python("import sys; print('perfproof_agent' in sys.modules, len(sys.meta_path))", environment)
    assert out.startswith("False")
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_is_gone_or_full_does_not_reach_the_service(tmp_path):
    assert python(WORK, injected({}, tmp_path / "missing")) == "9 True\n"
    assert python(WORK, injected({}, Path("/dev/full"))) == "9 True\n"


def test_a_library_that_has_changed_is_left_alone_and_reported(tmp_path):
    (tmp_path / "lib").mkdir()
    (tmp_path / "agent").mkdir()
    (tmp_path / "lib" / "asyncpg.py").write_text("works = True\n")  # no protocol to hook
    environment = injected({"PYTHONPATH": str(tmp_path / "lib")}, tmp_path / "agent")
    assert python("import asyncpg; print(asyncpg.works)", environment) == "True\n"
    (complaint,) = [line for line in lines(tmp_path / "agent") if line["k"] == "x"]
    assert complaint["where"] == "hook of asyncpg"
    assert complaint["error"] == "AttributeError"


def test_forked_children_write_their_own_files(tmp_path):
    code = WORK + "import os\npid = os.fork()\nc.execute('SELECT 7')\nif pid: os.waitpid(pid, 0)\nelse: os._exit(0)\n"
    python(code, injected({}, tmp_path))
    files = list(tmp_path.glob("*.jsonl"))
    assert len(files) == 2
    assert all('"SELECT  ? "' in file.read_text() for file in files)


def test_the_service_s_own_subclasses_work_on(tmp_path):
    code = """
import sqlite3
class Mine(sqlite3.Connection):
    def execute(self, sql, *a):
        return super().execute(sql.replace('EVERY', '*'), *a)
class Row(sqlite3.Cursor):
    def execute(self, sql, *a):
        return super().execute(sql + ' WHERE a > 2', *a)
c = sqlite3.connect(':memory:', factory=Mine)
c.execute('CREATE TABLE t (a)'); c.execute('INSERT INTO t VALUES (3)')
rows = c.cursor(Row).execute('SELECT a FROM t').fetchall()
print(c.execute('SELECT EVERY FROM t').fetchall(), rows, isinstance(c, Mine))
"""
    assert python(code, injected({}, tmp_path)) == "[(3,)] [(3,)] True\n"


def test_only_what_is_wanted_is_hooked(tmp_path):
    (tmp_path / "slice").write_bytes(bytes(8))
    assert python(WORK, injected({}, tmp_path, "profile")) == "9 True\n"
    assert [line["k"] for line in lines(tmp_path)] == ["hello"]
    assert python(WORK, injected({}, tmp_path, "queries", "pool")) == "9 True\n"
    assert "q" in {line["k"] for line in lines(tmp_path)}
