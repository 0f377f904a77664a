"""Locust files are loaded as Locust does, and refused with the line that is wrong."""

from __future__ import annotations

import pytest

from perfproof.errors import UsageError

pytestmark = pytest.mark.server

BROKEN = {
    "a syntax error": ("class A(HttpUser)\n", "is not Python", ":7:"),
    "a module that is not there": ("import nowhere_to_be_found\n", "cannot be loaded", ":7"),
    "an exception": ("x = 1\ny = {}['k']\n", "cannot be loaded", ":8"),
    "no User class": ("class A(HttpUser):\n    abstract = True\n", "has no User class", ":1"),
    "no tasks": ("class A(HttpUser):\n    pass\n", "A has no tasks", ":7"),
    "a shape": (
        "class A(HttpUser):\n    @task\n    def t(self): pass\n\n"
        "class S(locust.LoadTestShape):\n    def tick(self): return None\n",
        "has the LoadTestShape S",
        ":11",
    ),
    "an exit": ("raise SystemExit(0)\n", "cannot be loaded", ":7"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_file_that_cannot_be_used_is_refused_with_its_line(name, start, tmp_path):
    text, what, line = BROKEN[name]
    with pytest.raises(UsageError) as caught:
        start(text)
    assert what in caught.value.what
    assert str(caught.value.where).startswith(f"{tmp_path / 'load.py'}{line}")


def test_nothing_is_left_beside_the_file(server, start, tmp_path):
    (tmp_path / "beside.py").write_text("x = 1\n")
    load = start("import beside\nclass A(HttpUser):\n    @task\n    def t(self): self.client.get('/ok')\n")
    load.open(0, server.url)
    assert {each.name for each in tmp_path.iterdir()} == {"beside.py", "load.py", "load.log"}


def test_listeners_of_an_installed_module_hear_of_every_arm_and_round(
    server, start, sealed, monkeypatch, tmp_path_factory
):
    installed = tmp_path_factory.mktemp("installed")
    (installed / "plugin.py").write_text(
        "from locust import events\n"
        "@events.request.add_listener\n"
        "def count(name, context, **_):\n"
        "    import urllib.request\n"
        "    if name == '/ok': urllib.request.urlopen(context['host'] + '/heard').read()\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(installed))
    load = start(
        """
        import plugin

        class One(HttpUser):
            wait_time = constant(0.02)
            def context(self):
                return {"host": self.host}
            @task
            def get(self):
                self.client.get("/ok")
        """
    )
    for _ in range(2):
        load.open(0, server.url)
        load.open(1, server.url)
        for arm in (0, 1):
            before = server.counts()["asked"].get("heard", 0)
            report = load.block(arm, 0, 0, 0.2, seed=1)
            assert server.counts()["asked"]["heard"] - before == report.sent > 2
        sealed(load)
    assert not load.learned().troubles
