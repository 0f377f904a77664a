"""The action's comment step against a server that answers as GitHub's API does: the job never fails by it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

ACTION = yaml.safe_load((Path(__file__).parent.parent.parent / "ci" / "github" / "action.yml").read_text())
(STEP,) = [each for each in ACTION["runs"]["steps"] if each["name"] == "Comment"]
MARKER = "<!-- perfproof-gate shop 1234abcd -->"
BODY = f"{MARKER}\n## ✓ passed\n\nit's “fine” & <b>bold</b>\n"


@dataclass
class Hub:
    """Comments of the pull request 7 of a/b, who may write, and every request that came."""

    comments: list[dict[str, Any]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    locked: set[int] = field(default_factory=set)
    broken: bool = False
    address: str = ""

    def answer(self, method: str, path: str, token: str, content: dict[str, Any]) -> tuple[int, Any]:
        parts = urlsplit(path)
        self.requests.append(f"{method} {parts.path}")
        if self.broken:
            return 502, "<html>Bad gateway</html>"
        if token not in {"Bearer write", "Bearer read"}:
            return 401, {"message": "Bad credentials"}
        if not parts.path.startswith("/repos/a/b/"):
            return 404, {"message": "Not Found"}
        if method == "GET":
            query = {name: int(values[0]) for name, values in parse_qs(parts.query).items()}
            size, page = min(query.get("per_page", 30), 100), query.get("page", 1)
            return 200, self.comments[(page - 1) * size : page * size]
        if token == "Bearer read":
            return 403, {"message": "Resource not accessible by integration"}
        if len(content["body"]) > 65_536:
            return 422, {"message": "Validation Failed"}
        if method == "POST":
            self.comments.append({"id": 1000 + len(self.comments), "body": content["body"]})
            return 201, self.comments[-1]
        number = int(parts.path.rpartition("/")[2])
        (found,) = [each for each in self.comments if each["id"] == number] or [None]
        if found is None or number in self.locked:
            return (404 if found is None else 403), {"message": "no"}
        found["body"] = content["body"]
        return 200, found


@pytest.fixture
def hub() -> Iterator[Hub]:
    hub = Hub()

    class Handler(BaseHTTPRequestHandler):
        def handled(self) -> None:
            data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            token = self.headers.get("Authorization", "")
            status, answer = hub.answer(self.command, self.path, token, json.loads(data) if data else {})
            body = (answer if isinstance(answer, str) else json.dumps(answer)).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PATCH = handled  # noqa: N815 - the names http.server looks for

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield hub
    server.shutdown()
    thread.join()
    server.server_close()


def post(hub: Hub, folder: Path, *, token: str = "write", body: str | None = BODY, **environ: str) -> str:
    """Run the step as a runner does; return what it printed."""
    if body is not None:
        (folder / "perfproof-gate").mkdir(exist_ok=True)
        (folder / "perfproof-gate" / "comment.md").write_text(body, encoding="utf-8")
    script = folder / "step.py"
    script.write_text(STEP["run"], encoding="utf-8")
    given = {"API": hub.address, "TOKEN": token, "REPOSITORY": "a/b", "NUMBER": "7", "NO_PROXY": "*"}
    done = subprocess.run(
        [sys.executable, script], cwd=folder, env=os.environ | given | environ, capture_output=True, text=True,
        check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert token not in done.stdout.split() + done.stderr.split()
    return done.stdout


def test_the_step_is_pythons_own_and_gets_its_inputs_as_variables() -> None:
    assert STEP["shell"] == "python"
    assert STEP["continue-on-error"] is True
    assert set(STEP["env"]) == {"API", "TOKEN", "REPOSITORY", "NUMBER"}
    assert "${{" not in STEP["run"]


def test_the_first_comment_is_posted_and_later_ones_update_it_in_place(hub: Hub, tmp_path: Path) -> None:
    assert post(hub, tmp_path) == ""
    assert [each["body"] for each in hub.comments] == [BODY]
    again = BODY.replace("passed", "failed")
    assert post(hub, tmp_path, body=again) == ""
    assert [each["body"] for each in hub.comments] == [again]


def test_a_comment_is_found_behind_hundreds_of_others(hub: Hub, tmp_path: Path) -> None:
    hub.comments = [{"id": at, "body": f"comment {at} quotes {MARKER}"} for at in range(250)]
    hub.comments[7]["body"] = None
    hub.comments.insert(230, {"id": 999, "body": f"{MARKER}\nold"})
    post(hub, tmp_path)
    assert len(hub.comments) == 251
    assert hub.comments[230]["body"] == BODY
    assert [each.split()[0] for each in hub.requests] == ["GET", "GET", "GET", "PATCH"]


def test_another_scenarios_comment_is_left_alone(hub: Hub, tmp_path: Path) -> None:
    hub.comments = [{"id": 1, "body": "<!-- perfproof-gate cart 99999999 -->\nother"}]
    post(hub, tmp_path)
    assert [each["body"] for each in hub.comments] == ["<!-- perfproof-gate cart 99999999 -->\nother", BODY]


def test_one_that_may_not_be_edited_is_posted_anew(hub: Hub, tmp_path: Path) -> None:
    hub.comments = [{"id": 5, "body": f"{MARKER}\nsomebody else's"}]
    hub.locked = {5}
    post(hub, tmp_path)
    assert [each["body"] for each in hub.comments] == [f"{MARKER}\nsomebody else's", BODY]


def test_a_forks_token_may_only_read_and_nothing_fails(hub: Hub, tmp_path: Path) -> None:
    assert "HTTP Error 403" in post(hub, tmp_path, token="read")
    hub.comments = [{"id": 5, "body": f"{MARKER}\nold"}]
    printed = post(hub, tmp_path, token="read")
    assert "the job summary holds the same" in printed
    assert hub.comments == [{"id": 5, "body": f"{MARKER}\nold"}]


@pytest.mark.parametrize("trouble", ["401", "404", "502", "no server", "oversize"])
def test_whatever_the_api_answers_the_step_passes_and_says_so(hub: Hub, tmp_path: Path, trouble: str) -> None:
    changes: dict[str, Any] = {
        "401": {"token": "nonsense"}, "404": {"REPOSITORY": "c/d"}, "502": {},
        "no server": {"API": "http://127.0.0.1:1"}, "oversize": {"body": MARKER + "\n" + "x" * 65_536},
    }[trouble]  # fmt: skip
    hub.broken = trouble == "502"
    assert "the job summary holds the same" in post(hub, tmp_path, **changes)
    assert hub.comments == []


def test_without_a_comment_nothing_is_asked(hub: Hub, tmp_path: Path) -> None:
    assert post(hub, tmp_path, body=None) == ""
    assert hub.requests == []


def test_the_largest_comment_that_is_written_is_taken(hub: Hub, tmp_path: Path) -> None:
    post(hub, tmp_path, body=MARKER + "\n" + "é" * (65_536 - len(MARKER) - 1))
    assert len(hub.comments) == 1
