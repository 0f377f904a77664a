"""Probing services on real PostgreSQL and MariaDB servers: through every source, and what goes wrong on the way."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator

import psycopg
import pymysql
import pytest

import mariadb as mariadb_server
import postgres
from counting import SETTINGS, Server, counting_server
from mariadb import MariaDB, mariadb
from perfproof.databases.urls import parse

__all__ = ["counting_server", "mariadb"]
# Mostly counts are asserted, but the verdicts of `ab` want a calm machine.
pytestmark = [
    pytest.mark.server,
    pytest.mark.database,
    pytest.mark.timeout(240),
]

STOCK = """\
name: stock
service:
  command: "{python} -m uvicorn stock:app --host 127.0.0.1 --port {port} --log-level warning --no-access-log"
  directory: DIRECTORY
  start_timeout: 20s
  database: "WATCHED"
  environment: {DATABASE_URL: "ADDRESS", WATCHER: "WATCHER"}
arms:
  baseline: {environment: {LAZY: "1"}}
  candidate: {environment: {LAZY: "0"}}
requests:
  - {name: items, get: "/items?limit={limit}", values: {limit: [10]}, scale: {parameter: limit, sizes: [1, 10, 50]}}
load: {model: open, rate: 60/s}
rounds: {count: 1, warmup: 200ms, warmup_requests: 5, blocks: 2, block: 200ms}
why: off
"""
TABLE = (
    "CREATE TABLE stock (id int PRIMARY KEY, title varchar(40))",
    "INSERT INTO stock VALUES " + ", ".join(f"({n}, 'item {n}')" for n in range(1, 101)),
)


def stock(bench, watched: str, address: str, *changes: tuple[str, str]):
    watcher = parse(watched).user or ""
    places = (("WATCHED", watched), ("ADDRESS", address), ('"WATCHER"', f'"{watcher}"'))
    return bench.scenario(*places, *changes, text=STOCK)


def ask(url: str, sql: str):
    address = parse(url)
    if address.system == "postgresql":
        with psycopg.connect(url, autocommit=True) as connection:
            return connection.execute(sql.encode()).fetchall()
    names = {"host": address.host, "port": address.port, "user": address.user, "password": address.password}
    with pymysql.connect(**names, database=address.database) as connection, connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


@pytest.fixture
def on_postgresql(counting_server: Server):
    def make(*, extension: bool = True) -> tuple[str, str]:
        """Return the address that perfproof watches, a superuser's, and that of the service's own role."""
        url = counting_server.new_database(extension=extension)
        with psycopg.connect(url, autocommit=True) as connection:
            for statement in TABLE:
                connection.execute(statement.encode())
        role = counting_server.new_role(url, "pg_read_all_data, pg_read_all_stats, pg_signal_backend")
        return url, role

    return make


def on_mariadb(server: MariaDB) -> tuple[str, str]:
    url = server.new_database()
    server.run(f"USE {parse(url).database}", *TABLE)
    return url, server.new_user(url, "PROCESS ON *.*", "SUPER ON *.*", "CONNECTION ADMIN ON *.*")


def assert_queries_are_counted_and_nothing_stays(bench, watched: str, address: str, source: str, log: str) -> None:
    """Compare both arms: N+1 is proven through ``source``, and what is measured afterwards runs without any of it."""
    # Requests are counted one at a time, by the real thing; the load after it could only say that the machine is busy.
    ran = bench.without_load().run("ab", str(stock(bench, watched, address)), "--json", "out.json", "-o", "page.html")
    assert ran.code in (0, 3, 4), ran.err + ran.out
    result = bench.json("out.json")
    rows = {(row["metric"], row["request"]): row for row in result["comparisons"]}
    queries = rows["queries_per_request", "items"]
    assert (queries["baseline"], queries["candidate"], queries["verdict"]) == (11, 1, "improved")
    (finding,) = [each for each in result["findings"] if each["kind"] == "n_plus_one"]
    assert finding["evidence"]["calls"] == [1, 10, 50]
    assert "stock.py:" in finding["evidence"]["callers"][0], "the agent adds the calling line"
    (run,) = bench.runs
    probing = json.loads((run / "probe.json").read_text())
    sizes = [size for arm in probing["arms"] for request in arm["requests"] for size in request["sizes"]]
    assert {size["source"] for size in sizes} == {source}
    assert {size["disagreement"] for size in sizes} == {None}
    assert f"{source} for" in (bench.folder / "page.html").read_text().replace("<wbr>", "")
    logs = [log.read_text() for log in run.glob("rounds/*/*.log")]
    assert len(logs) == 2
    for text in logs:
        for moment in ("started", "ended"):
            assert f"{moment}: agent False, watchers 0, log {log}\n" in text, text
    for file in [*run.rglob("*"), bench.folder / "page.html", bench.folder / "out.json"]:
        if file.is_file():
            assert parse(watched).password.encode() not in file.read_bytes(), file
    assert not bench.leftovers()


def test_on_postgresql_through_its_extension(bench, on_postgresql):
    watched, address = on_postgresql()
    assert_queries_are_counted_and_nothing_stays(bench, watched, address, "PostgreSQL (pg_stat_statements)", "none")


def test_on_postgresql_through_its_log_where_the_extension_is_missing(bench, on_postgresql):
    watched, address = on_postgresql(extension=False)
    assert_queries_are_counted_and_nothing_stays(bench, watched, address, "PostgreSQL (server log)", "none")
    assert ask(watched, "SELECT setconfig FROM pg_db_role_setting") == []


def test_on_mariadb_through_the_performance_schema(bench, mariadb):
    watched, address = on_mariadb(mariadb)
    assert_queries_are_counted_and_nothing_stays(bench, watched, address, "MariaDB (performance_schema)", "0")
    consumers = "SELECT name FROM performance_schema.setup_consumers WHERE enabled = 'YES'"
    assert ("events_statements_history_long",) not in ask(watched, consumers)


def test_on_mariadb_through_the_general_log_where_the_performance_schema_is_off(bench):
    with mariadb_server.running_server({"performance-schema": "OFF"}) as server:
        watched, address = on_mariadb(server)
        assert_queries_are_counted_and_nothing_stays(bench, watched, address, "MariaDB (general log)", "0")
        assert ask(watched, "SELECT @@general_log, @@log_output") == [(0, "FILE")]
        assert ask(watched, "SELECT COUNT(*) FROM mysql.general_log") == [(0,)], "statements with their literals"


def assert_a_database_that_is_not_used_gives_no_figures(bench, named: str, watched: str, address: str) -> None:
    """Name another database than that of the service: no request has nought queries, and no budget is kept by them."""
    places = (("WATCHED", named), ("ADDRESS", address), ('"WATCHER"', f'"{parse(watched).user}"'))
    alone = ('LAZY: "1"', 'LAZY: "1", PYTHONNOUSERSITE: "1"')
    text = STOCK.replace("{python} -m uvicorn", "{python} -I -m uvicorn --app-dir DIRECTORY")  # no agent sees it
    budget = ("why: off", "why: off\nbudgets: {queries_per_request: 50}")
    bench.scenario(*places, alone, budget, text=text)
    ran = bench.run("probe", "tiny.yaml", "--json", "out.json")
    assert ran.code == 3, ran.err + ran.out
    found = bench.json("out.json")
    for arm in ("baseline", "candidate"):
        (told,) = [each for each in found["warnings"] if f"from the start of {arm} until its last request" in each]
        assert "saw no statement at all" in told
        assert "name the database that the service really uses in `service.database`" in told
    assert [budget["value"] for budget in found["budgets"]] == [None]
    assert "0 queries" not in ran.out


def test_another_database_than_the_services_gives_no_figures_on_postgresql(bench, on_postgresql):
    (watched, address), (other, _) = on_postgresql(), on_postgresql()
    assert_a_database_that_is_not_used_gives_no_figures(bench, other, watched, address)


def test_another_database_than_the_services_gives_no_figures_on_mariadb(bench, mariadb):
    (watched, address), (other, _) = on_mariadb(mariadb), on_mariadb(mariadb)
    assert_a_database_that_is_not_used_gives_no_figures(bench, other, watched, address)


def probed(bench, *args, code: int = 0):
    ran = bench.run("probe", str(bench.folder / "tiny.yaml"), "--arm", "baseline", "--json", "out.json", *args)
    assert ran.code == code, ran.err + ran.out
    return ran, bench.json("out.json")


def assert_n_plus_one_all_the_same(found) -> None:
    (finding,) = [each for each in found["findings"] if each["kind"] == "n_plus_one"]
    assert finding["evidence"]["calls"] == [1, 10, 50]


@pytest.mark.parametrize(
    ("extension", "grants"),
    [(True, ("pg_read_all_stats",)), (False, ("pg_monitor, pg_read_server_files",))],
)
def test_a_role_without_privileges_is_told_what_to_grant_and_the_agent_counts(
    bench, on_postgresql, counting_server, extension, grants
):
    watched, address = on_postgresql(extension=extension)
    stranger = counting_server.new_role(watched)
    stock(bench, stranger, address)
    _, found = probed(bench)
    for grant in grants:
        assert any(f"GRANT {grant} TO {parse(stranger).user}" in told for told in found["warnings"]), found["warnings"]
    assert extension or any("CREATE EXTENSION" in told for told in found["warnings"]), found["warnings"]
    assert_n_plus_one_all_the_same(found)


def test_a_user_of_mariadb_without_privileges_is_told_what_to_grant_and_the_agent_counts(bench, mariadb):
    watched, address = on_mariadb(mariadb)
    stranger = mariadb.new_user(watched)
    stock(bench, stranger, address)
    _, found = probed(bench)
    told = " ".join(found["warnings"])
    assert "GRANT SELECT ON performance_schema.* TO" in told
    assert "GRANT SUPER ON *.* TO" in told
    assert_n_plus_one_all_the_same(found)


@pytest.mark.parametrize("extension", [True, False])
def test_a_connection_ended_in_mid_probe_on_postgresql_is_opened_again(bench, on_postgresql, extension):
    watched, address = on_postgresql(extension=extension)
    address = watched  # a superuser's connections only a superuser may end
    stock(bench, watched, address, ('LAZY: "1"', 'LAZY: "1", END_WATCHER: "1"'))
    _, found = probed(bench)
    assert any("does not answer" in each and "It counts again" in each for each in found["warnings"]), found["warnings"]
    assert_n_plus_one_all_the_same(found)
    assert ask(watched, "SELECT setconfig FROM pg_db_role_setting") == []


def test_a_connection_ended_in_mid_probe_on_mariadb_is_opened_again(bench, mariadb):
    watched, address = on_mariadb(mariadb)
    stock(bench, watched, address, ('LAZY: "1"', 'LAZY: "1", END_WATCHER: "1"'))
    _, found = probed(bench)
    assert any("does not answer" in each and "It counts again" in each for each in found["warnings"]), found["warnings"]
    assert_n_plus_one_all_the_same(found)


@pytest.fixture
def own_postgresql() -> Iterator[Server]:
    """A server that a test may stop."""
    binaries, user = postgres.find_binaries(), postgres.unprivileged_user()
    if binaries is None or user is None:
        postgres.missing("PostgreSQL is not installed, or there is no user it could run as")
    with postgres.running_server(binaries, user, SETTINGS) as address:
        yield Server(address)


def test_a_database_that_goes_down_in_mid_probe_is_told_and_what_was_counted_stays(bench, own_postgresql):
    """The watched server is not the service's own: a service without its database fails by itself."""
    url = own_postgresql.new_database()
    ((folder,),) = ask(url, "SHOW data_directory")
    shelf = bench.scenario(
        ("uvicorn stock", "uvicorn shelf"), ('"WATCHED"', f'["{url}", sqlite]'), ("WATCHER", "x"), ("ADDRESS", "x"),
        ("  start_timeout", "  shell: true\n  start_timeout"),
        ("{limit}", "10"), ("values: {limit: [10]}, ", ""),
        ("/items?limit=10", "/all"),
        ("{parameter: limit, sizes: [1, 10, 50]}", "{reseed: 'STOP', sizes: [1, 10, 50]}"),
        ('LAZY: "1"', 'LAZY: "1", TABLE: ROWS'),
        text=STOCK,
    )  # fmt: skip
    stop = f"echo {{size}} > {bench.folder}/rows; if [ {{size}} = 10 ]; then {pg_ctl(folder, 'stop')}; fi"
    shelf.write_text(shelf.read_text().replace("STOP", stop).replace("ROWS", f"{bench.folder}/rows"))
    (bench.folder / "rows").write_text("1")
    ran, found = probed(bench)
    assert any("does not answer" in each and "counted without it" in each for each in found["warnings"]), found
    assert_n_plus_one_all_the_same(found)
    assert "check that it runs" in ran.out
    assert not bench.leftovers()


def pg_ctl(folder: str, action: str) -> str:
    """Return the command that ends or restarts the server of a folder, as the user that it runs as."""
    user = postgres.unprivileged_user()
    become = f"setpriv --reuid={user} --regid={user} --clear-groups " if os.getuid() == 0 else ""
    return f"{become}{postgres.find_binaries()}/pg_ctl -D {folder} -m fast -w {action} > /dev/null"


def test_a_database_that_restarts_in_mid_probe_counts_on(bench, own_postgresql):
    url = own_postgresql.new_database()
    for statement in TABLE:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(statement.encode())
    ((folder,),) = ask(url, "SHOW data_directory")
    stock(
        bench, url, url,
        ("  start_timeout", "  shell: true\n  start_timeout"),
        ("values: {limit: [10]}", "values: {limit: [1, 10, 50]}"),
        ("load:", "  - {name: more, get: '/items?limit=9', scale: {reseed: ': {size}; RESTART', sizes: [9]}}\n"
         "  - {name: after, get: '/items?limit=8', scale: {reseed: ': {size}', sizes: [8]}}\nload:"),
    )  # fmt: skip
    path, asked, done = bench.folder / "tiny.yaml", bench.folder / "asked", bench.folder / "done"
    wait = f"touch {asked}; while [ ! -e {done} ]; do sleep 0.05; done"
    path.write_text(path.read_text().replace("RESTART", wait))

    def restart() -> None:  # not by the command itself: what it starts is ended with it
        while not asked.exists():
            time.sleep(0.05)
        subprocess.run(pg_ctl(folder, "restart"), shell=True, check=True)
        done.touch()

    thread = threading.Thread(target=restart, daemon=True)
    thread.start()
    _, found = probed(bench)
    thread.join(10)
    subprocess.run(pg_ctl(folder, "stop"), shell=True, check=True)
    assert any("does not answer" in each and "It counts again" in each for each in found["warnings"]), found
    assert_n_plus_one_all_the_same(found)
    counts = {each["request"]: each["value"] for each in found["levels"] if each["metric"] == "queries_per_request"}
    assert counts == {"items": pytest.approx((2 + 11 + 51) / 3), "more": 10, "after": 9}, (
        "the mean of the load's three sizes"
    )


def test_a_log_that_is_taken_away_in_mid_probe_is_told_and_the_agent_goes_on(bench, own_postgresql):
    url = own_postgresql.new_database(extension=False)
    for statement in TABLE:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(statement.encode())
    ((folder,),) = ask(url, "SHOW data_directory")
    stock(
        bench, url, url,
        ("  start_timeout", "  shell: true\n  start_timeout"),
        ("load:", "  - {name: more, get: '/items?limit=9', scale: {reseed: ': {size}; RM', sizes: [9]}}\nload:"),
        ("RM", f"rm {folder}/log/*"),
    )  # fmt: skip
    _, found = probed(bench)
    assert any("log" in each and "counted without it" in each for each in found["warnings"]), found["warnings"]
    counts = {each["request"]: each["value"] for each in found["levels"] if each["metric"] == "queries_per_request"}
    assert counts == {"items": 11, "more": 10}
    assert ask(url, "SELECT setconfig FROM pg_db_role_setting") == []


def test_a_request_that_returns_500_is_told_and_the_others_are_probed(bench, on_postgresql):
    stock(bench, *on_postgresql(), ("requests:\n", "requests:\n  - {name: broken, get: /broken}\n"))
    ran, found = probed(bench, code=4)
    assert "baseline answered 'broken' with status 500, not 2xx" in ran.out
    assert_n_plus_one_all_the_same(found)
    ran = bench.run("run", str(bench.folder / "tiny.yaml"))
    assert ran.code == 4
    assert "nothing was put under load" in ran.err


def test_fewer_than_three_distinct_sizes_are_not_enough(bench, on_postgresql):
    stock(bench, *on_postgresql(), ("[1, 10, 50]", "[1, 100, 200]"), ("{limit: [10]}", "{limit: [1]}"))
    ran, found = probed(bench)
    assert [each["kind"] for each in found["findings"]] == ["not_enough_data"]
    assert "2 different numbers of rows at sizes 1 → 100 → 200" in " ".join(ran.out.split())


def test_every_kind_of_finding_is_seen_on_a_real_service(bench, on_postgresql):
    kinds = ("unbounded", "duplicates", "constant", "batched")
    more = "".join(
        f"  - {{name: {kind}, get: '/{kind}?limit={{limit}}', values: {{limit: [10]}},"
        " scale: {parameter: limit, sizes: [1, 10, 50]}}\n"
        for kind in kinds
    )
    stock(bench, *on_postgresql(), ("load:", f"{more}load:"))
    ran, found = probed(bench)
    seen = {(each["request"], each["kind"]) for each in found["findings"]}
    assert seen >= {
        ("items", "n_plus_one"), ("unbounded", "unbounded_list"), ("unbounded", "not_enough_data"),
        ("duplicates", "duplicate_queries"), ("constant", "constant_queries"), ("batched", "batched"),
    }  # fmt: skip
    assert {request for request, kind in seen if kind == "n_plus_one"} == {"items"}
    assert "ANY(%s)" in ran.out, "what to do with plain psycopg"
