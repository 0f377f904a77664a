"""The check of builds from the command line: a C program in two commits, served by Python, and its goals."""

from __future__ import annotations

import json
import subprocess

import pytest

pytestmark = [pytest.mark.server, pytest.mark.timeout(300)]

SERVER = """\
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *args):
        pass


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
MAKEFILE = "app: $(wildcard *.c)\n\t$(CC) -O2 -Wall -o $@ $^\n\nclean:\n\trm -f app\n"
PYPROJECT = '[project]\nname = "shop"\nversion = "1"\ndependencies = [{}]\n'
SCENARIO = """\
name: shop
service:
  command: "{python} serve.py {port}"
  health: /
requests: [{name: home, get: /}]
arms: {baseline: {}, candidate: {}}
rounds: {count: 2, warmup: 100ms, pairs: 200ms}
why: off
checks:
  build:
    build_time: {run: make, clean: make clean, repeats: 4}
    binary_size: app
    build_warnings: {run: "make -B", match: "warning: .*"}
"""


def heavy(functions: int) -> str:
    """Return C that takes a compiler a while."""
    body = "int f{0}(int *a, int n) {{ int s = {0}; for (int i = 0; i < n; i++) s += a[i] * (s ^ i) % 7; return s; }}\n"
    return "".join(body.format(number) for number in range(functions))


def main(*, warns: bool, table: int) -> str:
    unused = "    int unused;\n" if warns else ""
    return (
        "#include <stdio.h>\nint f0(int *a, int n);\n"
        f"static const unsigned char table[{table}] = {{1}};\n"
        f'int main(int n, char **v) {{\n{unused}    int a[1] = {{n}};\n    printf("%d %d\\n", f0(a, 1), table[n]);\n'
        "    return v == 0;\n}\n"
    )


def write(folder, *, functions, warns, table, needs):
    folder.mkdir(exist_ok=True)
    (folder / "serve.py").write_text(SERVER)
    (folder / "Makefile").write_text(MAKEFILE)
    (folder / "heavy.c").write_text(heavy(functions))
    (folder / "main.c").write_text(main(warns=warns, table=table))
    (folder / "pyproject.toml").write_text(PYPROJECT.format(needs))


BEFORE = {"functions": 300, "warns": True, "table": 90_000, "needs": '"six"'}
AFTER = {"functions": 60, "warns": False, "table": 70_000, "needs": ""}


def rows(result):
    return {row["metric"]: row for row in result["comparisons"]}


@pytest.mark.quiet
def test_a_smaller_binary_and_a_faster_build_are_proven_from_two_commits(bench):
    write(bench.folder, **BEFORE)
    more = "goals: {binary_size: 10%, build_time: 20%}\nbudgets: {build_warnings: 0, unused_dependencies: 0}\n"
    path = bench.scenario(text=SCENARIO + more, name="shop.yaml")

    def git(*args: str) -> None:
        who = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
        subprocess.run(["git", *who, *args], cwd=bench.folder, check=True, capture_output=True)

    (bench.folder / ".gitignore").write_text("results\n*.json\n.cache\n")
    git("init", "-b", "main")
    git("add", ".")
    git("commit", "-m", "before")
    git("tag", "before")
    write(bench.folder, **AFTER)
    git("commit", "-am", "after")
    bench.environ["XDG_CACHE_HOME"] = str(bench.folder / ".cache")
    ran = bench.run("ab", str(path), "--baseline-ref", "before", "--candidate-ref", "main", "--json", "out.json")
    result = bench.json("out.json")
    found = rows(result)
    size, took = found["binary_size"], found["build_time"]
    assert (size["verdict"], size["role"], size["ci_low"]) == ("met", "goal", None), ran.out + ran.err
    assert -0.9 < size["change"] < -0.1
    assert (took["verdict"], took["role"]) == ("met", "goal")
    assert took["ci_low"] < took["change"] < took["ci_high"] < -0.2
    assert found["build_warnings"]["baseline"] == 1
    assert [(each["metric"], each["value"], each["broken"]) for each in result["budgets"]] == [
        ("build_warnings", 0.0, False),
        ("unused_dependencies", 0.0, False),
    ]
    assert any("gone is six" in each["summary"] for each in result["findings"])
    kept = list((bench.folder / ".cache").rglob("app"))
    assert not kept  # nothing was built in what is kept of the versions
    assert not bench.leftovers()


def test_two_folders_are_compared_without_starting_the_service_and_the_way_back_is_a_regression(bench):
    for name, files in ("old", BEFORE | {"functions": 150}), ("new", AFTER | {"functions": 10}):
        write(bench.folder / name, **files)
        (bench.folder / name / "refusing.py").write_text("open('../was_started', 'w'); raise SystemExit(1)")
    text = SCENARIO.replace("serve.py {port}", "refusing.py {port}").replace("repeats: 4", "repeats: 6")
    text = text.replace("baseline: {}, candidate: {}", "baseline: {directory: new}, candidate: {directory: old}")
    path = bench.scenario(text=text + "budgets: {build_warnings: 0, binary_size: 60KiB}\n", name="back.yaml")
    ran = bench.run("checks", str(path), "--json", "out.json", "-o", "page.html")
    result = bench.json("out.json")
    found = rows(result)
    assert ran.code == 1, ran.out + ran.err
    assert found["build_warnings"]["verdict"] == "regressed"
    assert found["build_time"]["verdict"] == "regressed"
    assert (found["unused_dependencies"]["baseline"], found["unused_dependencies"]["candidate"]) == (0.0, 1.0)
    assert [each["broken"] for each in result["budgets"]] == [True, True]
    assert "unused variable" in bench.details()
    assert "binary size" in (bench.folder / "page.html").read_text()
    assert not (bench.folder / "was_started").exists()
    assert not (bench.folder / "old" / "app").exists()
    assert bench.json("out.json") == json.loads(bench.run("show", "last", "--json", "-").out)


def test_a_goal_without_a_command_stays_open_and_says_what_to_write(bench):
    write(bench.folder, **AFTER)
    path = bench.scenario(
        text=SCENARIO[: SCENARIO.index("checks:")] + "goals: {image_size: 10%}\nbudgets: {build_time: 5s}\n"
    )
    ran = bench.run("checks", str(path), "--json", "out.json")
    assert ran.code == 3, ran.out + ran.err
    (budget,) = bench.json("out.json")["budgets"]
    assert "checks: {build: {build_time: ...}}" in budget["why"]
    assert rows(bench.json("out.json"))["image_size"]["verdict"] == "inconclusive"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{build_time: {rum: make}}", "unknown key (did you mean run?)"),
        ("{build_warnings: {run: make, match: '('}}", "is no regular expression"),
        ("{binary_size: {run: make, unit: furlong}}", "must be B or kB"),
        ("{build_time: {run: make, repeats: 0}}", "0 is out of range (from 1 to 100)"),
    ],
)
def test_mistakes_are_told_with_their_place(bench, text, told):
    path = bench.scenario(text=SCENARIO[: SCENARIO.index("checks:")] + f"checks: {{build: {text}}}\n")
    ran = bench.run("check", str(path))
    assert ran.code == 2, ran.out
    assert told in ran.out + ran.err
