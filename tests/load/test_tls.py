"""TLS against a real server with certificates made for the test."""

from __future__ import annotations

import http.server
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from perfproof.errors import LoadError
from perfproof.load.load_client import LoadProcess
from perfproof.model.recording import Outcome
from perfproof.model.scenario import Arm, Expect, Load, Request, Scenario, Service, Tls
from perfproof.service.health import ask

pytestmark = pytest.mark.server


def openssl(*arguments: str, folder: Path) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority, and a certificate by it for 127.0.0.1 alone."""
    folder = tmp_path_factory.mktemp("certificates")
    new = ("req", "-newkey", "rsa:2048", "-nodes", "-keyout")
    openssl(*new, "ca.key", "-x509", "-days", "2", "-subj", "/CN=authority", "-out", "ca.pem", folder=folder)
    openssl(*new, "server.key", "-subj", "/CN=service", "-out", "server.csr", folder=folder)
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    sign = ("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2")
    openssl(*sign, "-extfile", "names", "-out", "server.pem", folder=folder)
    return folder


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = b"x" * int(self.path.rpartition("/")[2] or 2)
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200 if body == b"y" * len(body) else 400)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def port(certificates: Path) -> Iterator[int]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "server.pem", certificates / "server.key")
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


REQUESTS = (
    Request("small", "GET", "/2"),
    Request("large", "GET", "/3000000", expect=Expect(matches=("^x+$",))),
    Request("upload", "POST", "/", body="y" * 3_000_000),
)


def loaded(url: str, tls: Tls | None, folder: Path) -> tuple[set[str], int, str]:
    """Put load on ``url``; return how requests ended, how many there were, and the log."""
    import pyarrow.parquet as pq

    arms = (Arm("baseline", Service(url=url, tls=tls)),)
    scenario = Scenario("test", Path("t"), arms, REQUESTS, load=Load(rate=30, connections=4))
    with LoadProcess.start(scenario, log=folder / "load.log") as load:
        load.open(0, url)
        report = load.block(0, 0, 0, 1.0, seed=1)
        load.seal(folder / "samples.parquet")
    ended = pq.read_table(folder / "samples.parquet")["outcome"].to_pylist()
    assert report.opened <= 4 or report.failed
    return {Outcome(each).name for each in ended}, len(ended), (folder / "load.log").read_text()


def test_a_service_is_loaded_over_tls_with_its_own_authority(port, certificates, tmp_path):
    tls = Tls(ca=certificates / "ca.pem")
    assert loaded(f"https://127.0.0.1:{port}", tls, tmp_path)[:2] == ({"OK"}, 30)


def test_an_insecure_connection_is_made_only_when_said(port, tmp_path):
    assert loaded(f"https://localhost:{port}", Tls(insecure=True), tmp_path)[0] == {"OK"}


@pytest.mark.parametrize("own", [False, True], ids=["unknown authority", "another name"])
def test_a_certificate_that_is_not_good_gets_no_request(own, port, certificates, tmp_path):
    tls = Tls(ca=certificates / "ca.pem") if own else None
    host = "localhost" if own else "127.0.0.1"
    outcomes, _, log = loaded(f"https://{host}:{port}", tls, tmp_path)
    assert outcomes == {"CONNECT"}
    assert "the certificate is not good: " in log


def test_https_to_a_server_without_it_fails_to_connect(tmp_path):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as plain:
        threading.Thread(target=plain.serve_forever, daemon=True).start()
        outcomes, _, log = loaded(f"https://127.0.0.1:{plain.server_address[1]}", Tls(insecure=True), tmp_path)
        plain.shutdown()
    assert outcomes == {"CONNECT"}
    assert "no TLS: " in log


def test_an_authority_that_cannot_be_used_is_named(tmp_path):
    (tmp_path / "ca.pem").write_text("nothing")
    with pytest.raises(LoadError, match=r"cannot use .*ca\.pem as certificate authority"):
        loaded("https://127.0.0.1:9", Tls(ca=tmp_path / "ca.pem"), tmp_path)


def test_health_is_asked_over_tls_with_the_same_checks(port, certificates):
    url = f"https://127.0.0.1:{port}"
    assert ask(url, "/2", tls=Tls(ca=certificates / "ca.pem")).healthy
    assert ask(url, "/2", tls=Tls(insecure=True)).healthy
    assert "certificate" in ask(url, "/2").text.lower()
