from __future__ import annotations

import os
import socket

from perfproof.service.sockets import LocalProcesses, is_local


def test_own_addresses_are_local_and_others_are_not():
    assert is_local("localhost")
    assert is_local("127.0.0.1")
    assert is_local("::1")
    assert not is_local("192.0.2.1")
    assert not is_local("name.invalid")


def test_a_remote_url_has_no_processes():
    remote = LocalProcesses("http://192.0.2.1:8000")
    assert (remote.pids(), remote.port, remote.vanished()) == ([], None, False)


def test_the_listening_process_is_found_behind_a_url():
    with socket.create_server(("127.0.0.1", 0)) as server:
        local = LocalProcesses(f"http://127.0.0.1:{server.getsockname()[1]}/api")
        assert os.getpid() in local.pids()
        assert not local.vanished()
    # The process still lives, so it has not vanished; requests will say that the port is closed.
    assert not local.vanished()
