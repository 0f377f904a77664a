from __future__ import annotations

import os
import socket

import pytest

from arms import GUNICORN, UVICORN, an_arm, wait_for
from perfproof.service import socket_diag, sockets
from perfproof.service.sockets import choose_ports, holders, is_free, listeners, serving_pids
from perfproof.service.tree import parent_of


@pytest.mark.parametrize("asked", [socket_diag.listening_inodes, sockets._inodes_in_tables])
@pytest.mark.parametrize(("family", "address"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_every_listening_socket_of_a_port_is_found_and_no_connection(asked, family, address) -> None:
    with socket.create_server((address, 0), family=family) as first:
        port = first.getsockname()[1]
        inode = str(os.fstat(first.fileno()).st_ino)
        assert asked(port) == {inode}
        with socket.create_connection((address, port)) as ours, first.accept()[0] as theirs:
            assert asked(port) == {inode}
            assert asked(ours.getsockname()[1]) == set()
            assert theirs.getsockname()[1] == port
        many = [socket.create_server((address, 0), family=family) for _ in range(300)]  # more than one packet holds
        try:
            assert asked(many[-1].getsockname()[1]) == {str(os.fstat(many[-1].fileno()).st_ino)}
            assert asked(port) == {inode}
        finally:
            for each in many:
                each.close()
    assert asked(port) == set()


def test_where_the_kernel_does_not_tell_its_tables_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(port: int) -> set[str]:
        raise PermissionError(port)

    monkeypatch.setattr(socket_diag, "listening_inodes", refuse)
    with socket.create_server(("127.0.0.1", 0)) as served:
        assert listeners(served.getsockname()[1]) == [os.getpid()]


def test_chosen_ports_are_free_and_different():
    ports = choose_ports(5)
    assert len(set(ports)) == 5
    assert all(map(is_free, ports))


@pytest.mark.parametrize(("family", "address"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::")])
def test_a_listening_socket_leads_to_its_process(family, address):
    with socket.socket(family) as server:
        server.bind((address, 0))
        port = server.getsockname()[1]
        assert holders([os.getpid()], port) == []
        server.listen()
        assert holders([os.getpid()], port) == [os.getpid()]
        assert os.getpid() in listeners(port)
        assert serving_pids([os.getpid()], port) == (os.getpid(),)
        assert not is_free(port)


def test_a_port_nobody_listens_on_has_no_processes():
    assert listeners(choose_ports(1)[0]) == []


@pytest.mark.server
@pytest.mark.parametrize("command", [GUNICORN, UVICORN])
def test_workers_serve_and_masters_do_not(launch, command):
    (service,) = launch(an_arm(command))
    assert wait_for(lambda: len(serving_pids(service.processes(), service.port)) == 2)
    serving = serving_pids(service.processes(), service.port)
    master = service.processes()[0]
    assert {parent_of(pid) for pid in serving} == {master}
    assert master in holders(service.processes(), service.port)
