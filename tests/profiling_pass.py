"""The profile pass alone, without timed rounds before it: for tests and benchmarks."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from perfproof.core.redaction import Redactor
from perfproof.load.load_client import LoadProcess
from perfproof.machine.cores import split_cpus
from perfproof.model.profile import ArmProfile
from perfproof.rounds.observer import Silent
from perfproof.rounds.single_start import PassContext
from perfproof.scenario import read
from perfproof.why.passes.profile import profile_arms

APPS = Path(__file__).parent / "why" / "profiling" / "apps"
SERVERS = {
    "uvicorn": "uvicorn --host 127.0.0.1 --port {port} --log-level warning --no-access-log {app}",
    "uvicorn on uvloop": "uvicorn --loop uvloop --host 127.0.0.1 --port {port} --log-level warning {app}",
    "uvicorn workers": "uvicorn --host 127.0.0.1 --port {port} --workers 2 --log-level warning --no-access-log {app}",
    "gunicorn": "gunicorn -b 127.0.0.1:{port} -w 2 --log-level warning {app}",
    "gunicorn threads": "gunicorn -b 127.0.0.1:{port} -w 2 --threads 4 --preload --log-level warning {app}",
    "flask": "flask --app {app} run -h 127.0.0.1 -p {port}",
    "waitress": "waitress --listen=127.0.0.1:{port} {app}",
}


def profiled(
    folder: Path,
    server: str,
    app: str,
    *paths: str,
    rate: float = 60,
    profile: str = "auto",
    seconds: float = 4,
    interval: float = 0.001,
    python: str = sys.executable,
    environment: str = "",
    candidate: str = 'EXTRA_US: "1000"',
    locustfile: str = "",
    inspect: Callable[[PassContext], None] = lambda _: None,
    act: Callable[[PassContext], tuple[ArmProfile, ...]] = profile_arms,
) -> tuple[ArmProfile, ...]:
    """Profile an application of ``apps`` as baseline and with ``EXTRA_US`` as candidate, and return what came out.

    ``act`` may do something else with the phase. With the text of a Locust file, its users make the requests; it need
    not import what is usual in one.
    """
    command = SERVERS[server].replace("{app}", app) if server in SERVERS else server
    requests = "requests:\n" + "\n".join(f"  - {{name: '{path}', get: '{path}'}}" for path in paths)
    folder.mkdir(exist_ok=True)
    if locustfile:
        (folder / "load.py").write_text("from locust import FastHttpUser, HttpUser, constant, task\n\n" + locustfile)
        requests = "locustfile: load.py"
    file = folder / "profiled.yaml"
    file.write_text(
        f"""\
name: profiled
service:
  command: "{f"{python} -m " if python else ""}{command}"
  directory: {APPS}
  health: /health
  start_timeout: 30s
  environment: {{{environment}}}
arms:
  baseline: {{environment: {{WHO: a}}}}
  candidate: {{environment: {{{candidate}}}}}
{requests}
load: {{{"model: closed, users: 2" if locustfile else f"model: open, rate: {rate}/s"}}}
rounds: {{warmup: 300ms, warmup_requests: 10}}
why: {{levers: false, profile: {profile}, seconds: {seconds}s, interval: {interval * 1e3}ms}}
"""
    )
    scenario = read(file, os.environ)
    cpus = split_cpus()
    load = LoadProcess.start(scenario, log=folder / "load.log", cpus=cpus.generator, folder=folder)
    try:
        phase = PassContext(scenario, load, folder, Redactor(scenario.secrets), cpus, Silent(), {}, compare=False)
        inspect(phase)
        return act(phase)
    finally:
        load.stop()


def ms_per_request(profile: ArmProfile, function: str, request: str = "", *, own_only: bool = False) -> float:
    """Return the milliseconds per request spent below ``function`` (by its last name)."""
    chosen = {number for number, name in enumerate(profile.requests) if request in ("", name)}
    wanted = {
        number
        for number, frame in enumerate(profile.frames)
        if frame.function.rpartition(".")[2] == function and (frame.own or not own_only)
    }
    spent = sum(s.ns for s in profile.stacks if s.request in chosen and (not function or wanted & set(s.frames)))
    return spent / sum(sum(profile.counts[number]) for number in chosen) / 1e6
