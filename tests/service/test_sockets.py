from __future__ import annotations

import os
import socket

import pytest

from arms import GUNICORN, UVICORN, an_arm, wait_for
from perfproof.service.sockets import choose_ports, holders, is_free, listeners, serving_pids
from perfproof.service.tree import parent_of


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
