"""What is asked of a service that speaks TLS: against a real one, with a certificate made for the test."""

from __future__ import annotations

import http.server
import ssl
import subprocess
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from perfproof.checks import registry
from perfproof.checks.arm import CheckedArm, KnownRequest, ProbeClient
from perfproof.http.plain_client import Client
from perfproof.http.tls import context_of
from perfproof.model.scenario import Arm, Service, Tls

pytestmark = pytest.mark.server


class Handler(http.server.BaseHTTPRequestHandler):
    headers_sent: tuple[tuple[str, str], ...] = ()

    def version_string(self):
        return "service"

    def do_GET(self):
        body = b"{}"
        self.send_response(200 if self.path == "/things" else 404)
        self.send_header("content-type", "application/json")
        self.send_header("x-content-type-options", "nosniff")
        self.send_header("content-length", str(len(body)))
        for name, value in self.headers_sent:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_OPTIONS = do_GET  # noqa: N815 - http.server's name

    def log_message(self, *_):
        pass


@contextmanager
def service(folder: Path, *headers: tuple[str, str], oldest: ssl.TLSVersion) -> Iterator[str]:
    made = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key", "-out", "certificate")
    subprocess.run([*made, "-days", "2", "-subj", "/CN=service"], cwd=folder, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate", folder / "key")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = oldest
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    handler = type("Own", (Handler,), {"headers_sent": headers})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"https://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def judged(origin):
    check = registry.find("security")
    settings = {each.name: each.default for each in check.settings}
    client = Client(origin, context=context_of(Tls(insecure=True)))
    requests = (KnownRequest("things", "GET", "/things", path="/things"),)
    arm = CheckedArm(
        Arm("candidate", Service(url=origin)), ProbeClient(client, 300, 30.0), settings, requests, undocumented="none"
    )
    return check.compare(None, check.observe(arm), settings)


def values(compared):
    return {measure.metric: measure.candidate for measure in compared.measures}


def test_a_service_without_transport_security_that_takes_old_versions_is_told(tmp_path):
    bare = ("Set-Cookie", "session=abc; HttpOnly; SameSite=Lax")
    with service(tmp_path, bare, oldest=ssl.TLSVersion.TLSv1) as origin:
        found = judged(origin)
    assert values(found)["tls_faults"] == 2.0
    told = {each.kind: each.summary for each in found.findings if each.severity == "warning"}
    assert set(told) == {"tls", "cookie_flags", "security_headers"}
    assert "no Secure" in told["cookie_flags"]
    assert "no Strict-Transport-Security" in told["security_headers"]


def test_its_mended_twin_is_accused_of_nothing(tmp_path):
    headers = (
        ("Strict-Transport-Security", "max-age=63072000"),
        ("Set-Cookie", "session=abc; HttpOnly; SameSite=Lax; Secure"),
    )
    with service(tmp_path, *headers, oldest=ssl.TLSVersion.TLSv1_2) as origin:
        found = judged(origin)
    assert values(found)["tls_faults"] == 0.0
    assert [each.summary for each in found.findings if each.severity == "warning"] == []
    assert "TLSv1.3" in next(each.summary for each in found.findings if each.kind == "tls_spoken")
