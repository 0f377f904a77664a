"""Whose code is whose: a service that is installed like a library is the user's own, a server is not."""

import os
import subprocess
import sys

import pytest

from perfproof.agent.inject.perfproof_agent.own import of_command
from perfproof.databases.agent import Offsets


@pytest.mark.parametrize(
    ("command", "packages"),
    [
        ("python -m shopkit --port 8000", {"shopkit"}),
        ("python -m uvicorn shopkit.web:app --port 8000", {"shopkit"}),
        ("gunicorn -w 2 shopkit.wsgi", {"shopkit"}),
        ("gunicorn shopkit.web:create_app()", {"shopkit"}),
        ("python -m flask --app shopkit.web run", {"shopkit"}),
        ("python -m flask --app=shopkit.web:app run", {"shopkit"}),
        ("hypercorn -b 127.0.0.1:80 shopkit:app", {"shopkit"}),
        ("python manage.py runserver 8000", set()),
        ("python -c import-something", set()),
    ],
)
def test_the_package_is_what_the_command_starts(command, packages):
    assert of_command(command.split()) == packages


def test_the_script_of_an_installed_program_says_what_it_starts(tmp_path):
    script = tmp_path / "shopkit-server"
    script.write_text("#!/usr/bin/python3\nimport sys\nfrom shopkit.cli import main\nsys.exit(main())\n")
    assert of_command(["/usr/bin/python3", str(script), "--port", "8000"]) == {"shopkit"}


SHOPKIT = """
import sqlite3
from perfproof_agent import calls, requests
from helperkit import ask

def view(environ, start_response):
    {how}
    return [b""]

def launch():
    list(requests.wrap_wsgi(view)({{}}, None))

launch()
"""


def ran(agent, tmp_path, how, launcher):
    """Run shopkit out of a site-packages folder, started by a file of the user's; return the statement's line."""
    packages = tmp_path / "lib" / "site-packages"
    (packages / "shopkit").mkdir(parents=True)
    (packages / "shopkit" / "__init__.py").write_text("")
    (packages / "shopkit" / "web.py").write_text(SHOPKIT.format(how=how))
    (packages / "helperkit.py").write_text(
        "import sqlite3\n\ndef ask():\n    sqlite3.connect(':memory:').execute('SELECT 1').fetchall()\n"
    )
    (tmp_path / "start.py").write_text("import runpy\nrunpy.run_module('shopkit.web', run_name='shopkit.web')\n")
    environment = agent.environment({**os.environ, "PYTHONPATH": str(packages)})
    command = [sys.executable, *launcher.format(tmp_path).split()]
    subprocess.run(command, env=environment, check=True, timeout=30, cwd=tmp_path)
    (line,) = [line for line in agent.lines(Offsets({})) if line["k"] == "q"]
    return line["c"]


def test_a_service_that_is_installed_is_the_users_own_code(agent, tmp_path):
    assert ran(agent, tmp_path, "ask()", "-m shopkit.web") == "shopkit/web.py:7 view"


def test_where_all_is_installed_the_line_is_the_innermost_and_never_the_launcher(agent, tmp_path):
    assert ran(agent, tmp_path, "ask()", "{}/start.py") == "helperkit.py:4 ask"


FORKED = """
import os, sqlite3
from perfproof_agent import calls, requests

def view(environ, start_response):
    if os.fork() == 0:
        sqlite3.connect(':memory:').execute('SELECT 1').fetchall()
        os._exit(0)
    os.wait()
    return [b""]

trace = "00-" + "ab" * 16 + "-" + "cd" * 8 + "-01"
list(requests.wrap_wsgi(view)({"HTTP_TRACEPARENT": trace}, None))
"""


def test_what_a_forked_child_of_a_request_asks_is_the_requests(agent):
    subprocess.run([sys.executable, "-c", FORKED], env=agent.environment(dict(os.environ)), check=True, timeout=30)
    count = agent.count_since(Offsets({}), "ab" * 16)
    assert count.queries == 1
    assert count.strays == {}


WORKER = """
import queue, sqlite3, threading
from perfproof_agent import calls, requests

jobs = queue.Queue()

def work():
    while True:
        done = jobs.get()
        sqlite3.connect(':memory:').execute('SELECT 1 FROM (SELECT 2)').fetchall()
        done.set()

threading.Thread(target=work, daemon=True).start()

def view(environ, start_response):
    done = threading.Event()
    jobs.put(done)
    done.wait()
    return [b""]

trace = "00-" + "ab" * 16 + "-" + "cd" * 8 + "-01"
list(requests.wrap_wsgi(view)({"HTTP_TRACEPARENT": trace}, None))
"""


def test_what_a_worker_of_the_services_own_asks_is_told_to_belong_to_nobody(agent):
    subprocess.run([sys.executable, "-c", WORKER], env=agent.environment(dict(os.environ)), check=True, timeout=30)
    count = agent.count_since(Offsets({}), "ab" * 16)
    assert count.queries == 0
    assert list(count.strays.values()) == [1]


DEBUGGED = """
import sys
from flask import Flask
from perfproof_agent import requests

app = Flask("shop")
app.debug = sys.argv[1] == "on"
with app.test_client() as client:
    assert client.get("/").status_code == 404
"""


def test_a_debug_mode_is_told_once(agent):
    for state in ("off", "on"):
        command = [sys.executable, "-c", DEBUGGED, state]
        subprocess.run(command, env=agent.environment(dict(os.environ)), check=True, timeout=30)
        assert agent.debugging() == (("Flask has debug = True",) if state == "on" else ())


DJANGO = """
import django
from django.conf import settings
from perfproof_agent import calls, requests

engine = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
settings.configure(DEBUG=True, DATABASES={"default": engine}, ALLOWED_HOSTS=["*"])
django.setup()
from django.db import connection

connection.ensure_connection()

def view(environ, start_response):
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s, %s", [1, 2])
    assert len(connection.queries) == 1, "Django has asked SQLite for the text that it keeps"
    return [b""]

trace = "00-" + "ab" * 16 + "-" + "cd" * 8 + "-01"
list(requests.wrap_wsgi(view)({"HTTP_TRACEPARENT": trace}, None))
"""


def test_what_django_asks_sqlite_in_debug_mode_is_not_counted(agent):
    subprocess.run([sys.executable, "-c", DJANGO], env=agent.environment(dict(os.environ)), check=True, timeout=30)
    count = agent.count_since(Offsets({}), "ab" * 16)
    assert count.queries == 1
    assert agent.debugging() == ("Django has DEBUG = True, which keeps and quotes every statement",)
