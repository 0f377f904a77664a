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
from perfproof.load.handle import LoadProcess
from perfproof.model.recording import Outcome
from perfproof.model.scenario import Arm, Load, Request, Scenario, Service

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
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\nset-cookie: spy=1\r\n\r\nwelcome")
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
            "asked": asked,
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


if __name__ == "__main__":
    main()
