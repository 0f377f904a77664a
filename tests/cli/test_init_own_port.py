"""A service whose port stands in its configuration file goes from init to a comparison, both versions at once."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.server, pytest.mark.timeout(120)]

SERVE = """\
import configparser, http.server, sys
told = configparser.ConfigParser()
told.read(sys.argv[2])
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *_): pass
    def do_GET(self):
        body = b'[{"id": 1}]'
        self.send_response(200 if self.path.startswith("/items") else 400)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
http.server.ThreadingHTTPServer(("127.0.0.1", told.getint("server", "port")), Handler).serve_forever()
"""


def test_a_port_in_a_configuration_file_is_one_of_its_own_for_each_version(bench):
    (bench.folder / "serve.py").write_text(SERVE)
    (bench.folder / "app.ini").write_text("[server]\nport = 8099\n")
    made = bench.run("init", "--command", "{python} serve.py -c app.ini", "--port", "8099", "--get", "/items?limit=10")
    assert made.code == 0, made.out + made.err
    text = (bench.folder / "perfproof.yaml").read_text()
    assert "health: /items?limit=10\n" in text, "the usual health paths are answered with 400"
    assert (
        "sed 's/\\b8099\\b/{port}/g' app.ini > '{work}/app.ini' && exec {python} serve.py -c '{work}/app.ini'" in text
    )
    ran = bench.without_load().run("ab", "--rounds", "1", "--no-why")
    assert ran.code == 3, ran.out + ran.err
    assert "INCONCLUSIVE" in ran.out
    assert (bench.folder / "app.ini").read_text() == "[server]\nport = 8099\n"
    assert not bench.leftovers()


def test_a_port_that_stands_nowhere_is_refused_before_anything_starts(bench):
    (bench.folder / "serve.py").write_text(SERVE)
    refused = bench.run("init", "--command", "{python} serve.py", "--port", "8099", "--get", "/items")
    assert refused.code == 2, refused.out
    assert "the service takes no other port than 8099" in refused.err
    assert "fix: write {port} where the port is told" in refused.err
    assert not (bench.folder / "perfproof.yaml").exists()
