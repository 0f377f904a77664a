"""What fails inside the load process ends the load with its reason: nothing waits for ever."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from perfproof.errors import LoadError
from perfproof.model.scenario import Expect, Load, Request

pytestmark = pytest.mark.server

FAILING = {
    "a callback": """
import perfproof.load.sample_recorder as recorder
rows, add = [], recorder.Recorder.add
def fail(self, *row):
    rows.append(row)
    if len(rows) > 30:
        raise IndexError("planted with hunter2")
    add(self, *row)
recorder.Recorder.add = fail
""",
    "a greenlet": """
import perfproof.http.connection as connection
def fail(self):
    raise IndexError("planted with hunter2")
connection.CrossOriginRedirect._go = fail
""",
    "a thread": """
import threading
import perfproof.load.sample_recorder as recorder
def work():
    raise IndexError("planted with hunter2")
begin = recorder.Recorder.begin
def fail(self, *values):
    threading.Thread(target=work).start()
    begin(self, *values)
recorder.Recorder.begin = fail
""",
}


@pytest.mark.parametrize("where", FAILING)
@pytest.mark.parametrize("model", ["open", "closed"])
def test_an_exception_anywhere_ends_the_block_with_its_reason(
    where, model, server, start_load, tmp_path: Path, monkeypatch
):
    (tmp_path / "sitecustomize.py").write_text("import locust\n" + FAILING[where])
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    away = Request("r", "GET", "/redirect/302/http:%2F%2F127.0.0.2:9%2F", follow_redirects=1, expect=Expect())
    request = away if where == "a greenlet" else Request("r", "GET", "/ok")
    load = start_load(
        request,
        load=Load(model=model, rate=100, users=4),
        secrets=frozenset({"hunter2"}),
        allow=("127.0.0.2",),
    )
    load.open(0, server.url)
    began = time.monotonic()
    with pytest.raises(LoadError, match="the load process failed: IndexError") as caught:
        load.block(0, 0, 0, 30.0, seed=1)
    assert time.monotonic() - began < 5
    assert caught.value.why is not None
    assert caught.value.why.startswith("planted with")
    assert "hunter2" not in str(caught.value)
    assert caught.value.where is not None
    assert caught.value.where.startswith(str(Path(*tmp_path.parts[-2:], "sitecustomize.py:")))
    with pytest.raises(LoadError, match="the load process failed: IndexError"):
        load.open(0, server.url)
    load.stop()
    assert "Traceback" in (tmp_path / "load.log").read_text()


def test_a_greenlet_of_a_locust_file_that_fails_ends_the_block_with_its_reason(server, start):
    load = start(
        """
        import gevent

        def watch():
            gevent.sleep(1.5)
            raise ZeroDivisionError("planted")

        class Visitor(FastHttpUser):
            wait_time = constant(0.05)

            @task
            def look(self):
                self.client.get("/ok")

        @events.test_start.add_listener
        def begin(environment, **_):
            gevent.spawn(watch)
        """
    )
    load.open(0, server.url)
    with pytest.raises(LoadError, match="the load process failed: ZeroDivisionError"):
        load.block(0, 0, 0, 30.0, seed=1)
