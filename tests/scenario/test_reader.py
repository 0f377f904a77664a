"""A scenario file means what it says: every key, default, override and variable."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfproof.errors import ScenarioError
from perfproof.model.scenario import Arm, Budget, Expect, Goal, Load, Request, Rounds, Scenario, Service, Stage
from perfproof.scenario import read
from perfproof.scenario.reader import read_text

ISSUE = """\
name: projects
service:
  command: uvicorn app:app --host 127.0.0.1 --port {port}     # or url: for one that is already up
  directory: .
  environment: {DATABASE_URL: "sqlite:///shop.db"}
  prepare: python seed.py          # once per arm, not measured; reset: before every round
  health: /health
  start_timeout: 60s
arms:
  baseline:  {environment: {EAGER: "0"}}      # an arm may override anything of service
  candidate: {environment: {EAGER: "1"}}
setup:                                         # per arm, never measured
  - post: /auth/login
    json: {email: a@example.com, password: "${PASSWORD}"}
    capture: {token: $.token}
requests:
  - name: list projects
    get: /projects?limit={limit}
    headers: {Authorization: "Bearer {token}"}
    values: {limit: [20, 50]}
    weight: 5
    expect: {status: 200}
load: {model: open, rate: 100/s}               # or closed: {model: closed, users: 4}
rounds: {count: 12, warmup: 2s, blocks: 8, block: 500ms}
goals:   {latency_p95: {improve: 20%, stretch: 30%}}
budgets: {latency_p95: 500ms, error_rate: 1%}
"""
SMALL = "name: shop\nservice: {command: serve}\nrequests:\n  - get: /\n"
FILE = Path("/shop.yaml")


def parse(text: str, **environ: str) -> Scenario:
    return read_text(text, FILE, environ)


def test_the_example_is_read_whole(tmp_path: Path) -> None:
    file = tmp_path / "projects.yaml"
    file.write_text(ISSUE)
    found = read(file, {"PASSWORD": "hunter22"})

    def service(eager: str) -> Service:
        return Service(
            command="uvicorn app:app --host 127.0.0.1 --port {port}",
            directory=tmp_path,
            environment={"DATABASE_URL": "sqlite:///shop.db", "EAGER": eager},
            prepare="python seed.py",
            health="/health",
            start_timeout=60.0,
        )

    assert found == Scenario(
        name="projects",
        file=file,
        arms=(Arm("baseline", service("0")), Arm("candidate", service("1"))),
        setup=(
            Request(
                name="POST /auth/login",
                method="POST",
                path="/auth/login",
                json={"email": "a@example.com", "password": "hunter22"},
                capture={"token": "$.token"},
            ),
        ),
        requests=(
            Request(
                name="list projects",
                method="GET",
                path="/projects?limit={limit}",
                headers={"Authorization": "Bearer {token}"},
                values={"limit": (20, 50)},
                weight=5.0,
                expect=Expect((200,)),
            ),
        ),
        load=Load("open", 100.0),
        rounds=Rounds(12, 2.0, 20, 8, 0.5),
        goals=(Goal("latency_p95", 0.2, 0.3),),
        budgets=(Budget("latency_p95", 500.0), Budget("error_rate", 0.01)),
        text=ISSUE.replace('"${PASSWORD}"', '"${PASSWORD}"'),
        hash=found.hash,
        secrets=frozenset({"hunter22"}),
    )


def test_what_is_left_out_has_the_defaults_of_the_model() -> None:
    found = parse(SMALL)
    assert found.arms == (Arm("baseline", Service(command="serve", directory=FILE.parent)),)
    assert found.requests == (Request("GET /", "GET", "/"),)
    one_at_a_time = Load(model="closed", users=1, given=False)
    assert (found.load, found.rounds, found.margin, found.max_error_rate) == (one_at_a_time, Rounds(), 0.03, 0.01)


def test_every_key_has_an_effect() -> None:
    found = parse("""
name: all keys
service:
  command: serve
  reset: reset {port}
  port: 8001
  shell: true
  restart: never
  stop_grace: 0
  environment: {N: 1.10, YES: yes, FLAG: true}
arms:
  baseline:
  candidate: {command: other, port: 8002, shell: false, environment: {N: 2}}
requests:
  - {method: report, path: /a, body: "x{a}", timeout: 1m30s, values: {a: [b, 1, true]}, expect: {status: [200, 404]}}
  - {name: two, delete: "/{{a}}", headers: {X-Version: 1.0}}
load: {model: closed, users: 4, think_time: 250ms, connections: 3, seed: 7}
rounds: {warmup: 0, warmup_requests: 0, blocks: 2, block: 1s, time: 2.5m, early_stop: false}
goals: {throughput: {improve: 120%}, latency_p50: {improve: 10%, requests: two}}
budgets:
  memory_peak: {limit: 200MiB}
  memory_growth: 1kB
  cpu_per_request: 5ms
  throughput: 90/min
  latency_p99: {limit: 2s, requests: [two]}
allow: [a.example.com]
margin: 3%
max_error_rate: 0
""")
    baseline, candidate = (arm.service for arm in found.arms)
    assert baseline.environment == {"N": "1.10", "YES": "yes", "FLAG": "true"}
    assert (baseline.reset, baseline.port, baseline.shell, baseline.restart) == ("reset {port}", 8001, True, "never")
    assert baseline.stop_grace == 0
    assert (candidate.command, candidate.port, candidate.shell) == ("other", 8002, False)
    assert candidate.environment == {"N": "2", "YES": "yes", "FLAG": "true"}
    one, two = found.requests
    assert (one.method, one.body, one.timeout, one.expect) == ("REPORT", "x{a}", 90.0, Expect((200, 404)))
    assert one.values == {"a": ("b", 1, True)}
    assert (two.method, two.headers) == ("DELETE", {"X-Version": "1.0"})
    assert found.load == Load("closed", users=4, think_time=0.25, connections=3, seed=7)
    assert found.rounds == Rounds(12, 0.0, 0, 2, 1.0, 150.0, False)
    assert found.goals == (Goal("throughput", 1.2), Goal("latency_p50", 0.1, None, ("two",)))
    assert {budget.metric: budget.limit for budget in found.budgets} == {
        "memory_peak": 200 * 1024 * 1024,
        "memory_growth": 1000,
        "cpu_per_request": 5.0,
        "throughput": 1.5,
        "latency_p99": 2000.0,
    }
    assert (found.allow, found.margin, found.max_error_rate) == (("a.example.com",), 0.03, 0.0)


def test_an_arm_with_a_url_needs_no_command() -> None:
    found = parse(SMALL + "arms: {candidate: {url: 'http://127.0.0.1:9000'}}\n")
    assert [(arm.service.command, arm.service.url) for arm in found.arms] == [
        ("serve", None),
        (None, "http://127.0.0.1:9000"),
    ]


def test_a_directory_is_relative_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "f.yaml").write_text(SMALL.replace("serve}", "serve, directory: b}"))
    assert read(tmp_path / "a" / "f.yaml", {}).arms[0].service.directory == tmp_path / "a" / "b"


def test_anchors_and_merge_keys_spare_repetition() -> None:
    found = parse(
        "name: shop\nservice: {command: serve}\nrequests:\n"
        "  - {get: /a, headers: &h {Accept: a/b, X-A: one}}\n"
        "  - {get: /b, headers: {<<: *h, X-A: two}}\n  - {get: /c, headers: *h}\n"
    )
    assert [request.headers for request in found.requests] == [
        {"Accept": "a/b", "X-A": "one"},
        {"X-A": "two", "Accept": "a/b"},
        {"Accept": "a/b", "X-A": "one"},
    ]


def test_words_that_yaml_1_1_bends_stay_text() -> None:
    found = parse(SMALL.replace("get: /", "{get: '/{a}', values: {a: [2024-01-01, 12:30, on, no, 1e3, 0x10, .5]}}"))
    assert found.requests[0].values["a"] == ("2024-01-01", "12:30", "on", "no", 1000.0, 16, 0.5)


def test_variables_are_filled_from_the_environment() -> None:
    found = parse(
        SMALL.replace("serve}", 'serve, environment: {A: "${A}-${B:-two}-$$-${E:-e}", P: $.x}}')
        + "load: {rate: '${RATE}', connections: '${N}'}\n",
        A="one-long",
        RATE="50/s",
        N="4",
        E="",
    )
    assert found.arms[0].service.environment == {"A": "one-long-two-$-e", "P": "$.x"}
    assert (found.load.rate, found.load.connections) == (50.0, 4)
    assert found.secrets == {"one-long", "50/s"}


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "f.yaml").write_bytes(b"\xef\xbb\xbf" + ISSUE.replace("\n", "\r\n").encode())
    assert read(tmp_path / "f.yaml", {"PASSWORD": "hunter22"}).name == "projects"


@given(st.text(max_size=300) | st.text(alphabet="abc:-{}[]&*!|>'\"# \n$<,?%@`0", max_size=120))
def test_any_text_is_refused_with_places(text: str) -> None:
    # None of them is a scenario: a service and a request are not found by chance.
    with pytest.raises(ScenarioError) as caught:
        parse(text.encode("utf-8", "replace").decode())
    assert caught.value.problems
    assert all(problem.line >= 1 and problem.column >= 1 and problem.reason for problem in caught.value.problems)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
KEYS = ["name", "service", "arms", "setup", "requests", "load", "rounds", "goals", "budgets", "allow", "margin"]


@given(st.dictionaries(st.sampled_from(KEYS), JUNK, min_size=1), st.sampled_from(["", "requests", "service", "goals"]))
def test_any_wrong_value_is_refused_with_places(data: dict[str, object], below: str) -> None:
    import json

    shaped: object = {below: [data] if below == "requests" else data} if below else data
    with pytest.raises(ScenarioError) as caught:
        parse(json.dumps(shaped).replace("NaN", ".nan").replace("Infinity", ".inf"))
    assert all(str(problem).startswith("/shop.yaml:") for problem in caught.value.problems)


def test_the_hash_is_of_the_meaning_not_the_layout() -> None:
    same = """
# another layout
rounds: {count: 4}
requests: [{method: get, path: /, weight: 1.0, expect: {}}]
service:
  command: "serve"   # the same
  directory: .
name: other
goals: {latency_p95: 20%}
load: {rate: 6000/min}
"""
    assert parse(same).hash == parse(SMALL).hash == read_text(SMALL, Path("/where.yaml"), {}).hash
    assert len(parse(SMALL).hash) == 16


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("get: /", "get: /x"),
        ("get: /", "{get: /, weight: 2}"),
        ("serve", "serve2"),
        ("name: shop\n", "name: shop\nload: {seed: 2}\n"),
    ],
)
def test_the_hash_changes_with_the_meaning(old: str, new: str) -> None:
    assert parse(SMALL.replace(old, new)).hash != parse(SMALL).hash


def test_the_hash_does_not_depend_on_secrets_but_on_numbers_of_the_environment() -> None:
    text = ISSUE.replace("rate: 100/s", 'rate: "${RATE}"')
    one = parse(text, PASSWORD="hunter22", RATE="50/s")
    assert parse(text, PASSWORD="other-one", RATE="50/s").hash == one.hash
    assert parse(text, PASSWORD="hunter22", RATE="51/s").hash != one.hash


def test_stages_make_the_block_and_start_from_nothing() -> None:
    found = parse(SMALL + "load: {stages: [{for: 30s, to: 200/s}, {for: 1m, to: 0/s}]}\n")
    assert found.load.stages == (Stage(30.0, 200.0), Stage(60.0, 0.0))
    assert found.load.rate == 0.0
    assert (found.rounds.block, found.rounds.blocks) == (90.0, 1)
    found = parse(SMALL + "load: {rate: 50/s, stages: [{for: 2s, to: 200/s}]}\nrounds: {blocks: 3}\n")
    assert (found.load.rate, found.rounds.block, found.rounds.blocks) == (50.0, 2.0, 3)


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ("load: {stages: [{for: 2s, to: 9/s}]}\nrounds: {block: 1s}", "rounds.block: stands beside load.stages"),
        ("load: {stages: [{for: 2s, to: 0/s}]}", "load.stages: never send anything"),
        ("load: {model: closed, stages: [{for: 2s, to: 9/s}]}", "load.stages: has no effect in the closed model"),
        ("load: {stages: [{for: 20h, to: 9/s}, {for: 5h, to: 1/s}]}", "load.stages: take longer than 24 hours"),
    ],
)
def test_stages_that_cannot_be_are_told(lines: str, says: str) -> None:
    with pytest.raises(ScenarioError, match=says):
        parse(SMALL + lines + "\n")


def test_workers_elsewhere_need_a_place_and_a_token() -> None:
    found = parse(SMALL + "load: {workers: 2, listen: 127.0.0.1:5557, token_file: secret/token}\n")
    assert (found.load.workers, found.load.listen) == (2, "127.0.0.1:5557")
    assert found.load.token_file == "/secret/token"
    for lines, says in (
        ("{workers: 4, connections: 3}", "load.workers: are more than connections"),
        ("{listen: 5557, token_file: t}", "load.listen: "),
        ("{listen: 127.0.0.1:5557}", "load.listen: stands without token_file"),
    ):
        with pytest.raises(ScenarioError, match=says):
            parse(SMALL + f"load: {lines}\n")


@pytest.mark.parametrize(
    "text",
    [
        "service: {command: serve}",  # it may read PORT, which it is given
        "service: {command: node server.js --port 8000, port: 8000}",
        "service: {command: 'cd shop && PORT=$$PORT serve > x.log', shell: true}",
        """service: {command: "python -c 'import sys; x = 1 > 2; print(sys.argv)' {port} '$$HOME'"}""",
        "service: {command: uvicorn shop:app, environment: {UVICORN_PORT: '{port}'}}",
        "service: {command: 'serve --port {port} --url http://x?a=1&b=2 --expr a;b --to a|b'}",
        "service: {command: 'serve --port {port} --password ${PASSWORD}'}",
        "service: {url: 'http://127.0.0.1:8000/api'}",
    ],
)
def test_commands_and_addresses_that_work_are_not_found_fault_with(tmp_path: Path, text: str) -> None:
    file = tmp_path / "f.yaml"
    file.write_text(f"name: shop\n{text}\nrequests: [{{get: /}}]\n")
    assert read(file, {"PASSWORD": "a $HOME > b | c"}).name == "shop"


def test_keys_that_begin_with_x_are_a_place_for_anchors_and_change_nothing(tmp_path: Path) -> None:
    plain, anchored = tmp_path / "plain.yaml", tmp_path / "anchored.yaml"
    head = "name: shop\nservice: {command: serve}\n"
    plain.write_text(head + "requests: [{get: /, headers: {Accept: text/html, X-A: b}}]\n")
    anchored.write_text(
        "x-headers: &usual {Accept: text/html}\n"
        + head
        + "requests: [{get: /, headers: {<<: *usual, X-A: b}}]\nx-more: [1, {a: null}]\n"
    )
    one, two = read(plain, {}), read(anchored, {})
    assert one.requests == two.requests
    assert one.hash == two.hash


def test_json_without_values_is_not_taken_for_a_placeholder(tmp_path: Path) -> None:
    file = tmp_path / "f.yaml"
    body = "{a: {b: null}, c: {d: ~}, e: {f: }}"
    file.write_text(f"name: shop\nservice: {{command: serve}}\nrequests: [{{post: /, json: {body}}}]\n")
    assert read(file, {}).requests[0].json == {"a": {"b": None}, "c": {"d": None}, "e": {"f": None}}


@pytest.mark.parametrize(
    ("request_", "reads"),
    [
        ("get: /x", True),
        ("method: PROPFIND\n    path: /x", True),
        ("method: REPORT\n    path: /x", True),
        ("method: QUERY\n    path: /x", True),
        ("method: SEARCH\n    path: /x", True),
        ("method: PURGE\n    path: /x", False),
        ("post: /x", False),
        ("post: /x\n    safe: true", True),
        ("get: /x\n    safe: false", False),
        ("post: /x\n    graphql: {query: '{ a }'}", True),
        ("post: /x\n    graphql: {query: 'mutation M($q: In = {a: 1}) { query(q: $q) }'}", False),
        (
            "post: /x\n    graphql: {query: 'fragment F on T { id } query Q { ...F } mutation M { b }', operation: M}",
            False,
        ),
        ("post: /x\n    graphql: {query: 'subscription S { a }'}", False),
    ],
)
def test_what_changes_nothing_is_known_by_its_method_its_operation_or_its_own_word(request_: str, reads: bool) -> None:
    found = parse(f"name: shop\nservice: {{command: serve}}\nrequests:\n  - {request_}\n")
    assert found.requests[0].reads is reads
