"""What the facts of telemetry are judged as, case by case."""

from __future__ import annotations

from typing import Any

import pytest

from perfproof.checks import registry
from perfproof.checks.arm import CheckedArm
from perfproof.checks.telemetry.asking import Asking, Target
from perfproof.checks.telemetry.logs import log_facts
from perfproof.http.plain_client import Answer
from perfproof.model.checks import Compared
from perfproof.model.scenario import Arm, Service

CHECK = registry.find("telemetry")
QUIET = {"lines": 1, "records": 1, "levels": 1, "told": 1, "named": 1, "errors": 0, "warnings": 0, "failed": 0}


def request(status: int = 200, **changes: Any) -> dict[str, Any]:
    """Return a request that left all that it should; keys of its log are changed by their names."""
    log = {key: changes.pop(key) for key in list(changes) if key in QUIET}
    right = {
        "name": "items", "status": status, "right": status < 400, "statements": None, "spans": 2, "followed": True,
        "ms": [10.0, 4.0, 6.0, 0.0], "queries": 1,
    }  # fmt: skip
    return {**right, **changes, "log": {**QUIET, **log}}


def facts(*requests: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "requests": list(requests),
        "log": {"seen": True, "why": "", "leaks": []},
        "metrics": {"state": "read", "why": "", "series": 9, "counts": True, "counter": "http_requests_total",
                    "moved": 7, "sent": 7, "counters": 1, "raw": ""},
        "traces": {"heard": True, "why": "", "problems": 0, "exports": 1, "ours": len(requests), "strange": 0},
    } | changes  # fmt: skip


def judged(*requests: dict[str, Any], **changes: Any) -> tuple[dict[str, Any], set[str], Compared]:
    compared = CHECK.compare(None, facts(*requests, **changes), {})
    values = {each.metric: each.candidate for each in compared.measures}
    return values, {each.kind for each in compared.findings if each.severity != "info"}, compared


@pytest.mark.parametrize(
    ("status", "log", "rightly"),
    [
        (404, {}, True),  # what a client did wrong need not be an error of the log
        (404, {"warnings": 1}, True),
        (404, {"warnings": 1, "errors": 1}, False),
        (404, {"errors": 2}, False),
        (500, {}, False),
        (500, {"errors": 1}, True),
        (500, {"failed": 1}, True),  # the access log's own record is one of level error
        (500, {"failed": 1, "errors": 1}, True),
        (500, {"errors": 2}, False),
    ],
)
def test_an_error_is_logged_once(status, log, rightly):
    values, kinds, _ = judged(request(), request(status, **log))
    assert values["errors_logged_once"] == float(rightly)
    assert bool(kinds) is not rightly


def test_where_nothing_is_wrong_every_share_is_whole_and_the_time_is_told():
    values, kinds, compared = judged(request(statements=1), request(404))
    assert not kinds
    shares = ("structured_logs", "log_levels", "log_request_ids", "metrics_endpoint", "metrics_counts", "traces")
    assert {values[name] for name in (*shares, "traced_statements")} == {1.0}
    assert (values["span_time_own"], values["span_time_database"]) == (4.0, 6.0)
    (told,) = compared.findings
    assert "items 10 ms (own 4, database 6 in 1 query)" in told.summary


def test_what_was_not_seen_is_open_with_its_reason():
    unseen = {"seen": False, "why": "it printed nothing: have it print", "leaks": []}
    deaf = {"heard": True, "why": "spans came as protobuf: install something", "ours": 0, "strange": 0}
    _, kinds, compared = judged(request(followed=False, spans=0), log=unseen, traces=deaf)
    why = {each.metric: each.why for each in compared.measures if each.candidate is None}
    assert why["structured_logs"] == why["errors_logged_once"] == "it printed nothing: have it print"
    assert why["traces"] == why["span_time_own"] == "spans came as protobuf: install something"
    assert not kinds
    _, _, bare = judged(request(levels=0), request(500, levels=0))
    assert "no level" in next(each.why for each in bare.measures if each.metric == "errors_logged_once")


def test_no_metrics_count_nothing_and_a_wrong_number_is_named():
    values, kinds, _ = judged(request(), metrics={"state": "missing", "why": "nowhere: write the path"})
    assert (values["metrics_endpoint"], values["metrics_counts"], kinds) == (0.0, 0.0, {"metrics_missing"})
    wrong = facts()["metrics"] | {"counts": False, "moved": 14}
    values, kinds, compared = judged(request(), metrics=wrong)
    assert (values["metrics_counts"], kinds) == (0.0, {"metrics_miscount"})
    assert "moved by 14 over 7 requests" in compared.findings[0].summary
    none = facts()["metrics"] | {"counts": False, "counter": "", "moved": 0}
    assert "no counter of requests" in judged(request(), metrics=none)[2].findings[0].summary


def test_both_arms_are_compared_and_only_the_candidate_is_accused():
    before = facts(request(followed=False, spans=0), traces=facts()["traces"] | {"ours": 0})
    compared = CHECK.compare(before, facts(request()), {})
    traces = next(each for each in compared.measures if each.metric == "traces")
    assert (traces.baseline, traces.candidate, traces.shown) == (0.0, 1.0, True)
    assert {each.kind for each in compared.findings if each.severity == "warning"} == set()
    assert "traces_missing" in {each.kind for each in compared.findings}


def test_a_service_that_logs_nothing_but_errors_is_heard_all_the_same():
    log = bytearray()

    class Asker:
        def ask(self, _method, target, _headers, **_):
            if target == "/none":
                log.extend(b'{"level":"warning","msg":"there is none"}\n')
            return Answer(404 if target == "/none" else 200)

    arm = CheckedArm(Arm("candidate", Service(url="http://127.0.0.1:1")), Asker(), {}, printed=lambda n: bytes(log[n:]))
    asking = Asking(arm)
    for path in ("/a",) * 8 + ("/none", "/a"):
        asking.send(Target(path, "GET", path, {}))
    found = log_facts(arm, asking.windows)
    assert found["seen"]
    assert [each.facts["log"]["lines"] for each in asking.sent] == [0] * 8 + [1, 0]
