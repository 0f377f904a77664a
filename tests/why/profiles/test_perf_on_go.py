"""perf on a Go service without symbols: functions have the names that Go keeps in the program."""

from __future__ import annotations

import shutil
import subprocess
import time
import urllib.request

import pytest

from browsing import wanted
from go_programs import built
from perfproof.service.sockets import choose_ports
from perfproof.why.profiles.engine import UnavailableError
from perfproof.why.profiles.perf import Perf

pytestmark = [pytest.mark.server, pytest.mark.timeout(300)]


@pytest.mark.parametrize("mode", ["exe", "pie"])
def test_functions_of_a_stripped_go_service_are_named(tmp_path, mode):
    if shutil.which("perf") is None:
        wanted("perf")
    program = built("rows.go", mode, "-s -w -X main.injected=yes")
    (port,) = choose_ports(1)
    with subprocess.Popen([program, str(port)]) as service:
        try:
            folder = tmp_path / "perf"
            folder.mkdir()
            perf = Perf(folder, 0.001, tmp_path)
            ask_for(port, 0.2)
            try:
                perf.ready([service.pid])
            except UnavailableError as error:
                pytest.skip(str(error))
            perf.begin(0)
            ask_for(port, 1.5)
            perf.end(0)
            found = perf.result()
            perf.close()
        finally:
            service.terminate()
    profile = found.profile("candidate", "perf", ["all"], [[1]], clock="cpu", interval_ns=1, seconds=1.5)
    names = {frame.function for frame in profile.frames}
    assert "main.(*ledger).audit" in names
    assert {name for name in names if name.startswith("net/http.")}, names
    assert found.unresolved_ns < 0.3 * found.total_ns


def ask_for(port: int, seconds: float) -> None:
    until = time.monotonic() + seconds + 10
    answered = None
    while time.monotonic() < (answered or until - 10) + seconds and time.monotonic() < until:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/rows", timeout=5).read()
            answered = answered or time.monotonic()
        except OSError:
            time.sleep(0.05)
