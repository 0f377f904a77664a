"""Functions of known cost in real services, found by the agent's sampler under the kinds of server there are."""

import json

import pytest

from perfproof.model.profile import ArmProfile
from profiling_pass import ms_per_request, profiled

pytestmark = [pytest.mark.server, pytest.mark.quiet]

SERVED = {
    "uvicorn": ("uvicorn", "asgi:app", ("/one", "/two")),
    "uvicorn workers": ("uvicorn workers", "asgi:app", ("/one",)),
    "FastAPI": ("uvicorn", "fast:app", ("/loop", "/thread", "/handed", "/gathered")),
    "FastAPI on uvloop": ("uvicorn on uvloop", "fast:app", ("/loop", "/thread", "/handed", "/gathered")),
    "gunicorn prefork": ("gunicorn", "flasks:app", ("/one",)),
    "gunicorn threads": ("gunicorn threads", "flasks:app", ("/one",)),
    "Flask": ("flask", "flasks", ("/one",)),
    "waitress": ("waitress", "flasks:app", ("/one",)),
    "Django": ("gunicorn", "djangos:wsgi", ("/one",)),
    "Django asynchronous": ("uvicorn", "djangos:asgi", ("/one",)),
}


def grown(before: ArmProfile, after: ArmProfile) -> dict[str, float]:
    """Return the user's functions by how many milliseconds per request they have grown, the most first."""
    names = {frame.function.rpartition(".")[2] for frame in after.frames if frame.own}
    change = {name: ms_per_request(after, name) - ms_per_request(before, name) for name in names}
    return dict(sorted(change.items(), key=lambda item: -item[1]))


@pytest.mark.parametrize("case", SERVED)
def test_a_function_that_a_change_has_brought_is_found_in(case, tmp_path):
    server, app, paths = SERVED[case]
    before, after = profiled(tmp_path, server, app, *paths, rate=100, seconds=4)
    assert (before.engine, after.engine) == ("agent", "agent"), before.notes
    assert before.notes == after.notes == ()
    assert all(sum(counts) >= 90 for counts in after.counts)
    # What it costs to within 15 % is for the benchmark: this machine may be busy. Nothing else has grown like it.
    change = grown(before, after)
    assert 0.7 < change["injected"] < 1.4, change
    for path in paths:
        assert 1.2 < ms_per_request(before, "usual", path) < 3.0, path
    assert {frame.own for frame in after.frames if frame.module == "busy"} == {True}
    libraries = {"json", "flask", "django", "fastapi", "starlette", "werkzeug"}
    assert {frame.own for frame in after.frames if frame.module.partition(".")[0] in libraries} <= {False}


def test_requests_are_told_apart(tmp_path):
    _, after = profiled(tmp_path, "uvicorn", "asgi:app", "/one", "/two", environment='LOOPS: "20000"')
    assert ms_per_request(after, "calls", "/two") > 1.6 * ms_per_request(after, "calls", "/one") > 0


def test_requests_of_a_locust_file_are_told_apart_by_the_names_it_gives_them(tmp_path):
    file = """
class Plain(HttpUser):
    wait_time = constant(0.02)

    @task
    def get(self):
        self.client.get("/one")
        with self.client.get("/one?late", catch_response=True) as response:
            response.request_meta["name"] = "renamed"


class Fast(FastHttpUser):
    wait_time = constant(0.02)

    @task
    def get(self):
        self.client.get("/two", name="both [2]")
"""
    before, after = profiled(tmp_path, "uvicorn", "asgi:app", environment='LOOPS: "20000"', locustfile=file)
    assert before.engine == after.engine == "agent"
    assert set(before.requests) == {"GET /one", "GET /one?late", "GET both [2]", "GET renamed"}
    assert after.requests == before.requests
    both, one = (ms_per_request(after, "calls", name) for name in ("GET both [2]", "GET /one"))
    assert both > 1.6 * one > 0
    assert 0.7 < ms_per_request(after, "injected", "GET /one") - ms_per_request(before, "injected", "GET /one") < 1.4
    counts = dict(zip(after.requests, map(sum, after.counts), strict=True))
    assert counts["GET /one?late"] == 0 < counts["GET renamed"]


def test_slices_carry_their_own_time(tmp_path):
    _, after = profiled(tmp_path, "uvicorn", "asgi:app", "/one")
    by_slice = [sum(s.ns for s in after.stacks if s.slice == number) for number in range(8)]
    assert all(by_slice)
    assert len(after.counts[0]) == 8


def test_pyinstrument_can_be_asked_for(tmp_path):
    before, after = profiled(tmp_path, "uvicorn", "asgi:app", "/one", profile="pyinstrument")
    assert (before.engine, after.engine) == ("pyinstrument", "pyinstrument")
    assert max(grown(before, after).values()) > 0.7
    assert "injected" in list(grown(before, after))[:4]
    assert any(frame == "time" for frame in {each.module for each in after.frames})  # built-in functions are seen too


def test_a_profile_is_plain_data(tmp_path):
    from perfproof.core import codec

    _, after = profiled(tmp_path, "uvicorn", "asgi:app", "/one", seconds=2)
    assert codec.decode(ArmProfile, json.loads(json.dumps(codec.encode(after)))) == after
