"""The agent inside real servers: every statement is booked on the request that caused it, with the line of code."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

pytestmark = pytest.mark.server

COMBINATIONS = [
    ("uvicorn", "lite:asgi"),
    ("uvicorn", "frameworks:fastapi_app"),
    ("uvicorn workers", "frameworks:starlette_app"),
    ("hypercorn", "lite:asgi"),
    ("gunicorn", "lite:wsgi"),
    ("gunicorn threads", "frameworks:flask_app"),
    ("gunicorn", "frameworks:django_wsgi"),
    ("uvicorn", "frameworks:django_asgi"),
    ("gunicorn asgi", "lite:asgi"),
    ("flask", "frameworks:flask_app"),
    ("waitress", "lite:wsgi"),
]


@pytest.mark.parametrize(("server", "app"), COMBINATIONS)
def test_concurrent_requests_keep_their_statements(server, app, serve, agent):
    extra = 2 if "starlette" in app else int("django" in app)  # its background task; what Django asks a new connection
    with serve(server, app) as service:
        start = agent.snapshot()
        sizes = [1, 7, 3, 12, 5, 9, 2, 20] * 3
        with ThreadPoolExecutor(8) as pool:
            traces = list(pool.map(lambda n: service.get(f"/orders?n={n}"), sizes))
        found = agent.by_request(start)
    assert [found[trace].queries for trace in traces] == [1 + n + extra for n in sizes]
    slowest = max(found[traces[3]].statements, key=lambda count: count.calls)
    assert slowest.statement.text.endswith("where customers.id = ? limit ?" if "django" in app else "where id = ?")
    expected = "frameworks.py:" if "django" in app else "lite.py:"
    assert slowest.callers[0].startswith(expected), slowest.callers
    assert ("django" in slowest.libraries) == ("django" in app)


def test_a_probed_request_waits_for_its_end_and_knows_rows_and_repetition(serve, agent):
    with serve("uvicorn", "frameworks:fastapi_app") as service:
        before = agent.snapshot()
        count = agent.count_since(before, service.get("/orders?n=50"))
    by_text = {each.statement.text: each for each in count.statements}
    assert count.void is None
    assert count.doubts == ()
    assert by_text["select id, customer from orders limit ?"].rows == 50
    names = by_text["select name from customers where id = ?"]
    assert (names.calls, names.rows, names.repeated, names.failed) == (50, 50, 30, 0)


def test_a_background_timer_is_booked_on_no_request(serve, agent):
    with serve("uvicorn", "lite:asgi", TIMER="1") as service:
        for _ in range(5):
            before = agent.snapshot()
            count = agent.count_since(before, service.get("/orders?n=4&pause=0.01"))
            assert count.queries == 5
            assert not any("background" in each.statement.text for each in count.statements)


def test_a_timer_that_a_request_has_started_is_not_booked_on_it_for_ever(serve, agent):
    with serve("uvicorn", "frameworks:fastapi_app") as service:
        before = agent.snapshot()
        starting = service.get("/starts-a-timer")
        time.sleep(0.2)
        during = agent.count_since(before, starting)
        again = agent.snapshot()
        other = agent.count_since(again, service.get("/orders?n=2"))
    assert during.queries < 40
    assert any("after its end" in doubt for doubt in during.doubts)
    assert other.queries == 3


def test_without_the_agent_nothing_of_it_is_in_the_process(serve, agent):
    with serve("uvicorn", "lite:asgi", inject=False) as service:
        before = agent.snapshot()
        trace = service.get("/orders?n=2")
        count = agent.count_since(before, trace)
    assert agent.processes() == 0
    assert "no process of the service has loaded the agent" in (count.void or "")
