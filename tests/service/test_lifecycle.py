from __future__ import annotations

import http.client
import os
import signal
import socket
import stat
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from arms import APPS, GUNICORN, HTTP_SERVER, UVICORN, all_end, an_arm, mask, wait_for
from perfproof.errors import ExitCode, ServiceError, UsageError
from perfproof.service.lifecycle import run_command, start
from perfproof.service.sockets import choose_ports, is_free
from perfproof.service.tree import Descendants, is_alive, parent_of

pytestmark = pytest.mark.server


def status_of(url: str, path: str = "/") -> int:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=5)
    connection.request("GET", path)
    return connection.getresponse().status


def test_both_arms_run_side_by_side_on_different_ports(launch):
    baseline, candidate = launch(an_arm(HTTP_SERVER), an_arm(HTTP_SERVER, "candidate"))
    assert baseline.port != candidate.port
    assert status_of(baseline.base_url) == status_of(candidate.base_url) == 200
    assert baseline.start_seconds > 0
    assert not set(baseline.processes()) & set(candidate.processes())
    assert baseline.check() is None


@pytest.mark.parametrize("command", [GUNICORN, UVICORN])
def test_master_and_workers_are_found(launch, command):
    (service,) = launch(an_arm(command))
    pids = service.processes()
    master = pids[0]
    assert len([pid for pid in pids if parent_of(pid) == master]) >= 2
    service.stop()
    assert all_end(pids, 1)
    assert is_free(service.port)
    assert service.processes() == []


def test_stopping_twice_is_harmless(launch):
    (service,) = launch(an_arm(HTTP_SERVER))
    service.stop()
    service.stop()
    assert service.check() == "killed by signal 15 (SIGTERM)"


def test_port_arm_and_environment_reach_the_service(launch, tmp_path):
    command = f"echo {{arm}} {{port}} $PORT $URL; exec {HTTP_SERVER}"
    (service,) = launch(an_arm(command, shell=True, environment={"URL": "x://{arm}:{port}/{kept}"}))
    port = service.port
    assert service.log_tail()[0] == f"baseline {port} {port} x://baseline:{port}/{{kept}}"


def test_the_log_is_private_and_its_tail_redacted(launch):
    (service,) = launch(an_arm(f"echo password hunter2; exec {HTTP_SERVER}", shell=True))
    assert stat.S_IMODE(service.log.stat().st_mode) == 0o600
    assert b"hunter2" in service.log.read_bytes()
    assert service.log_tail()[0] == "password ***"


def test_the_service_is_kept_on_its_cores(logs):
    core = min(os.sched_getaffinity(0))
    (service,) = start([an_arm(HTTP_SERVER)], logs=logs, redactor=mask, cpus={core})
    try:
        assert [os.sched_getaffinity(pid) for pid in service.processes()] == [{core}]
    finally:
        service.stop()


def test_a_service_that_ignores_term_is_killed_after_the_grace(launch):
    (service,) = launch(an_arm(f"trap '' TERM; {HTTP_SERVER} & wait; sleep 300", shell=True, stop_grace=0.3))
    pids = service.processes()
    service.stop()
    assert all_end(pids, 1)


def test_a_detached_daemon_is_ended_with_its_service(launch):
    command = f"(setsid sh -c 'sleep 300 & exec sleep 301' &) ; exec {HTTP_SERVER}"
    (service,) = launch(an_arm(command, shell=True))
    assert wait_for(lambda: len(service.processes()) == 3)
    pids = service.processes()
    service.stop()
    assert all_end(pids, 1)


def test_a_service_that_is_killed_says_so(launch):
    (service,) = launch(an_arm(HTTP_SERVER))
    os.kill(service.processes()[0], signal.SIGKILL)
    assert wait_for(service.check)
    assert service.check() == "killed by signal 9 (SIGKILL)"


def test_a_killed_guard_takes_the_command_along_and_stop_ends_the_rest(launch):
    (service,) = launch(an_arm(f"(setsid sleep 300 &) ; {HTTP_SERVER} & wait", shell=True))
    assert wait_for(lambda: len(service.processes()) == 3)
    pids = service.processes()
    os.kill(parent_of(pids[0]), signal.SIGKILL)
    assert wait_for(service.check)
    assert service.check() == "lost its guard process, which was killed from outside"
    service.stop()
    assert all_end(pids, 2)


SLEEPER = f"trap '' TERM; (setsid sh -c 'trap \"\" TERM; sleep 300 & exec sleep 301' &) ; {HTTP_SERVER} & wait"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
@pytest.mark.parametrize(("command", "shell"), [(GUNICORN, False), (SLEEPER, True)], ids=["gunicorn", "stubborn"])
def test_no_process_survives_perfproof(tmp_path, command, shell, number):
    program = textwrap.dedent(f"""
        import sys, time
        sys.path[:0] = {[str(Path(__file__).parents[1]), str(APPS)]!r}
        from pathlib import Path
        from arms import an_arm, mask
        from perfproof.service.lifecycle import start
        arms = [an_arm({command!r}, name, shell={shell}, stop_grace=0.5) for name in ("baseline", "candidate")]
        services = start(arms, logs=Path({str(tmp_path)!r}), redactor=mask, cpus=None)
        time.sleep(0.3)
        print(*[pid for service in services for pid in service.processes()], flush=True)
        time.sleep(60)
    """)
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as perfproof:
        assert perfproof.stdout is not None
        pids = [int(pid) for pid in perfproof.stdout.readline().split()]
        assert len(pids) >= 6
        guards = [parent_of(pid) for pid in pids]
        perfproof.send_signal(number)
        perfproof.wait()
    assert all_end([*pids, *(guard for guard in guards if guard)])


def test_an_interruption_while_starting_leaves_nothing(tmp_path):
    marker = tmp_path / "pid"
    program = textwrap.dedent(f"""
        import sys
        sys.path.insert(0, {str(Path(__file__).parents[1])!r})
        from pathlib import Path
        from arms import an_arm, mask
        from perfproof.service.lifecycle import start
        arm = an_arm("echo $$ > {marker}.new; mv {marker}.new {marker}; exec sleep 300", shell=True)
        start([arm], logs=Path({str(tmp_path)!r}), redactor=mask, cpus=None)
    """)
    with subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.DEVNULL) as perfproof:
        assert wait_for(marker.exists)
        pid = int(marker.read_text())
        assert is_alive(pid)
        perfproof.send_signal(signal.SIGINT)
        perfproof.wait()
    assert not is_alive(pid)


def test_a_service_that_exits_while_starting_is_reported_with_its_log(logs):
    with pytest.raises(ServiceError) as caught:
        start([an_arm("echo no database hunter2; exit 3", shell=True)], logs=logs, redactor=mask, cpus=None)
    assert caught.value.what == "baseline did not start: exited with code 3"
    assert caught.value.log_tail == ("no database ***",)
    assert caught.value.exit_code == ExitCode.INVALID


def test_a_service_that_goes_into_the_background_is_told_to_stay(logs):
    with pytest.raises(ServiceError) as caught:
        start([an_arm("(setsid sleep 300 &)", shell=True)], logs=logs, redactor=mask, cpus=None)
    assert caught.value.what == "baseline did not start: exited with code 0"
    assert caught.value.hint == "a service must stay in the foreground: leave out its daemon option"


def test_a_signal_while_starting_is_named(logs):
    with pytest.raises(ServiceError, match=r"^baseline did not start: killed by signal 9 \(SIGKILL\)"):
        start([an_arm("kill -9 $$", shell=True)], logs=logs, redactor=mask, cpus=None)


def test_a_file_that_is_no_program_is_named(logs, tmp_path):
    program = tmp_path / "broken"
    program.write_bytes(b"\x00\x01 no program")
    program.chmod(0o755)
    with pytest.raises(ServiceError, match="baseline did not start: could not be executed: Exec format error"):
        start([an_arm(str(program))], logs=logs, redactor=mask, cpus=None)


def test_one_arm_that_fails_ends_the_other(logs):
    mine = Descendants((os.getpid(),), include_roots=False)
    before = mine.pids()
    arms = [an_arm(HTTP_SERVER), an_arm("sleep 0.3; exit 5", "candidate", shell=True)]
    with pytest.raises(ServiceError, match=r"^candidate did not start: exited with code 5"):
        start(arms, logs=logs, redactor=mask, cpus=None)
    assert (logs / "baseline.log").exists()
    assert set(mine.pids()) <= set(before)


def test_a_service_that_never_listens_says_connection_refused(logs):
    with pytest.raises(ServiceError) as caught:
        start([an_arm("sleep 300", start_timeout=0.4, health="/up")], logs=logs, redactor=mask, cpus=None)
    assert caught.value.what == "baseline was not healthy within 0.4 s"
    assert caught.value.why is not None
    assert caught.value.why.startswith("GET http://127.0.0.1:")
    assert caught.value.why.endswith("/up: connection refused")


def test_a_service_that_stays_unhealthy_says_its_status(logs):
    arm = an_arm(GUNICORN, start_timeout=2.5, health="/status/503")
    with pytest.raises(ServiceError) as caught:
        start([arm], logs=logs, redactor=mask, cpus=None)
    assert caught.value.why is not None
    assert caught.value.why.endswith("/status/503: status 503")
    assert caught.value.hint == "set service.health to a path that answers below 400, or raise service.start_timeout"


def test_a_taken_port_names_the_process_that_holds_it(logs):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UsageError) as caught:
            start([an_arm(HTTP_SERVER, port=port)], logs=logs, redactor=mask, cpus=None)
    assert caught.value.what == f"baseline: port {port} is taken"
    assert caught.value.why is not None
    assert caught.value.why.endswith(f"(pid {os.getpid()}) listens there")
    assert caught.value.exit_code == ExitCode.USAGE
    assert list(logs.iterdir()) == []


def test_two_arms_cannot_have_the_same_fixed_port(logs):
    (port,) = choose_ports(1)
    arms = [an_arm(HTTP_SERVER, port=port), an_arm(HTTP_SERVER, "candidate", port=port)]
    with pytest.raises(UsageError, match=f"port {port} is asked for by 2 arms"):
        start(arms, logs=logs, redactor=mask, cpus=None)


def test_another_process_that_answers_on_the_port_is_found_out(logs):
    (port,) = choose_ports(1)
    intruders: list[subprocess.Popen[bytes]] = []

    def intrude() -> None:
        command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
        intruders.append(subprocess.Popen(command, stderr=subprocess.DEVNULL))

    timer = threading.Timer(0.2, intrude)
    timer.start()
    try:
        with pytest.raises(ServiceError) as caught:
            start([an_arm("sleep 300", port=port)], logs=logs, redactor=mask, cpus=None)
        assert caught.value.what == f"port {port} is answered by another process, not by baseline"
        assert caught.value.why is not None
        assert caught.value.why.endswith(f"(pid {intruders[0].pid}) listens there")
    finally:
        timer.join()
        for intruder in intruders:
            intruder.kill()
            intruder.wait()


def test_a_url_is_measured_where_it_is_local_and_never_stopped(logs):
    (port,) = choose_ports(1)
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as server:
        try:
            arm = an_arm(None, url=f"http://localhost:{port}/")
            (service,) = start([arm], logs=logs, redactor=mask, cpus=None)
            assert (service.base_url, service.port) == (f"http://localhost:{port}/", port)
            assert service.processes() == [server.pid]
            service.stop()
            assert server.poll() is None
            assert service.check() is None
        finally:
            server.kill()
    assert service.check() == f"nothing listens on port {port} any more"


def test_prepare_runs_in_the_directory_with_the_environment(tmp_path):
    arm = an_arm(None, directory=tmp_path, shell=True, environment={"NAME": "seed-{arm}"})
    run_command(arm, "echo $NAME > made", purpose="prepare", log=tmp_path / "log", redactor=mask)
    assert (tmp_path / "made").read_text() == "seed-baseline\n"


def test_prepare_that_fails_shows_its_last_lines(tmp_path):
    arm = an_arm(None, directory=tmp_path, shell=True)
    with pytest.raises(ServiceError) as caught:
        run_command(arm, "echo no table hunter2; exit 2", purpose="prepare", log=tmp_path / "log", redactor=mask)
    assert caught.value.what == "baseline: prepare failed: exited with code 2"
    assert caught.value.log_tail == ("no table ***",)


def test_reset_that_hangs_is_ended_with_everything_it_started(tmp_path):
    arm = an_arm(None, directory=tmp_path, shell=True, stop_grace=0.5)
    command = "sleep 300 & echo $! > pid; wait"
    with pytest.raises(ServiceError, match=r"^baseline: reset took longer than 0\.5 s"):
        run_command(arm, command, purpose="reset", log=tmp_path / "log", redactor=mask, timeout=0.5)
    assert not is_alive(int((tmp_path / "pid").read_text()))


def test_prepare_leaves_no_background_process(tmp_path):
    arm = an_arm(None, directory=tmp_path, shell=True)
    command = "(setsid sh -c 'echo $$ > pid; exec sleep 300' &); while [ ! -s pid ]; do sleep 0.02; done"
    run_command(arm, command, purpose="prepare", log=tmp_path / "log", redactor=mask)
    assert not is_alive(int((tmp_path / "pid").read_text()))


def test_a_service_that_listens_on_the_loopback_of_ipv6_alone_is_used_there(launch):
    code = "import http.server, socket, sys; h = http.server.ThreadingHTTPServer; h.address_family = socket.AF_INET6; "
    code += "h(('::1', int(sys.argv[1])), http.server.SimpleHTTPRequestHandler).serve_forever()"
    (service,) = launch(an_arm(f'{sys.executable} -c "{code}" {{port}}'))
    assert service.base_url == f"http://[::1]:{service.port}"
    assert status_of(service.base_url) == 200
    assert service.check() is None
