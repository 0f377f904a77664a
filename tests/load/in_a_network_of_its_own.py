"""Run inside a network namespace: a load process among a service, a stranger's server and a name server that lies.

Here 203.0.113.5 is an address of this (empty) network and not loopback: the outside. Whatever reaches it is noted.
Prints one JSON document with what became of each attempt.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from perfproof.errors import LoadError
from perfproof.load.load_client import LoadProcess
from perfproof.model.recording import Outcome
from perfproof.model.scenario import Arm, Load, LocustFile, Request, Scenario, Service

OUTSIDE = "203.0.113.5"
FOLDER = Path(sys.argv[1])
asked: dict[str, int] = {}


def run(*command: str) -> None:
    subprocess.run(command, check=True)


def network() -> None:
    run("ip", "link", "set", "lo", "up")
    run("ip", "addr", "add", f"{OUTSIDE}/32", "dev", "lo")
    (FOLDER / "resolv.conf").write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
    (FOLDER / "hosts").write_text("127.0.0.1 localhost\n")
    for name in ("resolv.conf", "hosts"):
        run("mount", "--bind", str(FOLDER / name), f"/etc/{name}")


def answers(name: str) -> list[str]:
    asked[name] = asked.get(name, 0) + 1
    if name == "rebind.test":  # loopback for whoever checks, elsewhere for whoever looks again
        return ["127.0.0.1"] if asked[name] == 1 else [OUTSIDE]
    return {"two.test": ["127.0.0.1", OUTSIDE], "inside.test": ["127.0.0.1"], "mapped.test": []}.get(name, [OUTSIDE])


def name_server() -> None:
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 53))
    while True:
        query, peer = server.recvfrom(512)
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1 : at + 1 + query[at]].decode())
            at += 1 + query[at]
        kind, question = query[at + 2], query[12 : at + 5]
        name = ".".join(labels).lower()
        records = b""
        count = 0
        if kind == 1:
            found = [socket.inet_aton(address) for address in answers(name)]
        else:
            found = [socket.inet_pton(socket.AF_INET6, f"::ffff:{OUTSIDE}")] if name == "mapped.test" else []
        for address in found:
            count += 1
            records += b"\xc0\x0c" + bytes([0, kind, 0, 1, 0, 0, 0, 0, 0, len(address)]) + address
        server.sendto(query[:2] + b"\x81\x80\x00\x01" + bytes([0, count, 0, 0, 0, 0]) + question + records, peer)


class Stranger:
    """A server that answers everything and remembers what reached it."""

    def __init__(self, address: str) -> None:
        self.reached: list[str] = []
        self.socket = socket.create_server((address, 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        while True:
            connection, _ = self.socket.accept()
            self.reached.append("connected")
            connection.settimeout(2)
            try:
                head = connection.recv(65536).decode("latin-1")
            except OSError:
                head = ""
            self.reached[-1] = head
            # It says that it closes: a client that would keep the connection may send the next request into its end.
            head = b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\nconnection: close\r\nset-cookie: spy=1\r\n\r\n"
            connection.sendall(head + b"welcome")
            connection.close()


def main() -> None:
    network()
    threading.Thread(target=name_server, daemon=True).start()
    outside, other = Stranger(OUTSIDE), Stranger("127.0.0.1")
    script = Path(__file__).with_name("awkward_server.py")
    service = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    try:
        assert service.stdout is not None
        port = int(service.stdout.readline())
        places = {"outside": outside.port, "other": other.port, "port": port}
        document = {
            "redirects": redirects(places, outside, other),
            "names": names(places, outside),
            "asked": dict(asked),
            "locust": locust(places, outside),
        }
    finally:
        service.kill()
        service.wait()
    print(json.dumps(document))


def load_process(name: str, requests: tuple[Request, ...], allow: tuple[str, ...]) -> LoadProcess:
    arms = (Arm("baseline", Service(url="u")),)
    load = Load(rate=4.0 * len(requests), connections=8)
    scenario = Scenario("test", Path("test.yaml"), arms, requests, load=load, allow=allow)
    return LoadProcess.start(scenario, log=FOLDER / f"{name}.log")


def redirects(places: dict[str, int], outside: Stranger, other: Stranger) -> dict[str, Any]:
    """Follow each redirect of the list; tell how it ended and what reached strangers meanwhile."""
    found: dict[str, Any] = {}
    listed = json.loads((FOLDER / "redirects.json").read_text())
    for allowed in ((), ("allowed.test",)):
        chosen = {name: where for name, where in listed.items() if ("allowed" in name) == bool(allowed)}
        requests = tuple(
            Request(
                name,
                "GET",
                f"/redirect/302/{where.format(**places)}".replace("{", "{{").replace("}", "}}"),
                headers={"Authorization": "Bearer secret", "Cookie": "sid=1"},
                follow_redirects=5,
                timeout=5.0,
            )
            for name, where in chosen.items()
        )
        with load_process(f"redirects{len(allowed)}", requests, allowed) as load:
            load.open(0, f"http://127.0.0.1:{places['port']}")
            load.block(0, 0, 0, 0.6, seed=1)
            path = FOLDER / "samples.parquet"
            load.seal(path)
        table = pq.read_table(path).to_pydict()
        for number, name in enumerate(chosen):
            ended = {Outcome(o).name for r, o in zip(table["request"], table["outcome"], strict=True) if r == number}
            found[name] = sorted(ended)
    found["reached outside"] = outside.reached[:]
    found["reached other"] = other.reached[:]
    return found


def names(places: dict[str, int], outside: Stranger) -> dict[str, Any]:
    """Open each URL of the list, twice; tell what was refused and how many connections the outside got."""
    found: dict[str, Any] = {}
    with load_process("names", (Request("ok", "GET", "/ok"),), ()) as load:
        for name, url in json.loads((FOLDER / "urls.json").read_text()).items():
            before = len(outside.reached)
            said = []
            for _ in range(2):
                try:
                    load.open(0, url.format(**places))
                    report = load.block(0, 0, 0, 0.5, seed=1)
                    said.append(f"{report.completed} of {report.intended}")
                except LoadError as error:
                    said.append(str(error))
            found[name] = {"said": said, "reached": len(outside.reached) - before}
    return found


REACHING = """
import socket, sys, time
import urllib.request
import requests
from locust import FastHttpUser, HttpUser, User, constant, events, task
from pathlib import Path

OUTSIDE, PORT, TRIES = "203.0.113.5", {port}, {tries!r}


def socket_to(host, family=socket.AF_INET):
    with socket.socket(family) as end:
        end.settimeout(2)
        end.connect((host, {outside}))
        end.sendall(b"GET /raw HTTP/1.1\\r\\n\\r\\n")


def datagram_to(host, connected=False):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        if connected:
            end.connect((host, {datagrams}))
            end.send(b"spy")
        else:
            end.sendto(b"spy", (host, {datagrams}))


def original_socket_to(host):
    from gevent import monkey

    with monkey.get_original("socket", "socket")() as end:
        end.connect((host, {outside}))


def in_a_thread_to(host):
    import gevent

    gevent.get_hub().threadpool.apply(original_socket_to, (host,))


def by_urllib(url):
    urllib.request.urlopen(url, timeout=2).read()


def by_requests(url):
    requests.get(url, timeout=2).raise_for_status()


class Plain(HttpUser):
    wait_time = constant(0.05)

    @task
    def reach(self):
        for name, what in TRIES.items():
            if name.startswith("own "):
                try:
                    eval(what)
                    problem = None
                except Exception as error:
                    problem = error
                events.request.fire(
                    request_type="TRY", name=name, response_time=1.0, response_length=0, exception=problem
                )
            else:
                self.client.get(what, name=name, timeout=2)


class Fast(FastHttpUser):
    wait_time = constant(0.05)

    @task
    def reach(self):
        for name, what in TRIES.items():
            if not name.startswith("own "):
                self.client.get(what, name="fast " + name)
"""


def locust(places: dict[str, int], outside: Stranger) -> dict[str, Any]:
    """Have users of a Locust file try every way out of the list; tell how each ended and what got out."""
    found: dict[str, Any] = {}
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind((OUTSIDE, 0))
    datagrams.setblocking(False)
    numbers = {**places, "datagrams": datagrams.getsockname()[1]}
    listed = json.loads((FOLDER / "locust.json").read_text())
    for allowed in ((), ("allowed.test",)):
        before = len(outside.reached)
        chosen = {name: what.format(**numbers) for name, what in listed.items() if ("allowed" in name) == bool(allowed)}
        file = FOLDER / "reaching.py"
        file.write_text(REACHING.format(tries=chosen, **numbers))
        arms = (Arm("baseline", Service(url="u")),)
        load = Load(model="closed", users=2)
        scenario = Scenario("test", Path("test.yaml"), arms, (), load=load, allow=allowed, locustfile=LocustFile(file))
        with LoadProcess.start(scenario, log=FOLDER / f"locust{len(allowed)}.log") as process:
            process.open(0, f"http://127.0.0.1:{places['port']}")
            process.block(0, 0, 0, 1.0, seed=1)
            path = FOLDER / "samples.parquet"
            process.seal(path)
            learned = process.learned()
        table = pq.read_table(path).to_pydict()
        for number, name in enumerate(learned.names):
            ended = {Outcome(o).name for r, o in zip(table["request"], table["outcome"], strict=True) if r == number}
            found[name.partition(" ")[2]] = sorted(ended)
        found["reached allowed" if allowed else "reached"] = outside.reached[before:]
        if not allowed:
            found["refused"] = sorted(each.text for each in learned.troubles if each.kind == "refused")
    try:
        found["datagrams"] = [datagrams.recv(100).decode()]
    except BlockingIOError:
        found["datagrams"] = []
    return found


if __name__ == "__main__":
    main()
