"""``--dry-run`` shows what would be sent, without secrets, and touches nothing."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

import warm

SCENARIO = """
name: shop
service:
  command: touch started-{port}
arms:
  baseline:
  candidate: {environment: {FAST: "1"}}
setup:
  - post: /login
    json: {email: a@example.com, password: "${PASSWORD}"}
    capture: {token: $.token}
feeds: {users: users.csv}
requests:
  - name: visit
    steps:
      - name: log in
        post: /auth
        form: {email: "{users.email}", password: "{users.password}"}
        capture: {id: $.id}
      - name: look
        get: /items/{id}?n={random_int(5,5)}
        headers: {Authorization: "Bearer {token}", X-Key: "${API_KEY}"}
  - name: upload
    post: /files
    multipart: {title: Cat, photo: {file: cat.bin}}
load: {rate: 4/s}
rounds: {block: 500ms}
"""


def dry_run(folder: Path, *command: str) -> str:
    (folder / "shop.yaml").write_text(SCENARIO)
    (folder / "users.csv").write_text("email,password\nu1@b.c,hunter33\nu2@b.c,hunter44\n")
    (folder / "cat.bin").write_bytes(bytes(range(256)))
    done = warm.perfproof(
        *command,
        "shop.yaml",
        "--dry-run",
        environ={**os.environ, "PASSWORD": "hunter22", "API_KEY": "key-4711"},
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    out, err = done.communicate(timeout=100)
    assert done.returncode == 0, err
    return out


@pytest.mark.parametrize("command", ["ab", "run"])
def test_the_first_requests_are_shown_and_nothing_is_left_behind(command, tmp_path):
    said = dry_run(tmp_path, command)
    assert "POST /login HTTP/1.1" in said
    assert "GET /items/{id}?n=5 HTTP/1.1" in said
    assert "authorization: Bearer {token}" in said
    assert "bytes that are not text" in said
    assert "host: 127.0.0.1:{port}" in said
    assert "u1@b.c" in said.replace("%40", "@")
    assert "nothing was started or sent" in said
    assert said.count("the same requests") == (1 if command == "ab" else 0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cat.bin", "shop.yaml", "users.csv"]


def test_no_secret_is_shown(tmp_path):
    said = dry_run(tmp_path, "ab")
    for secret in ("hunter22", "hunter33", "hunter44", "key-4711"):
        assert secret not in said
    assert '"password": "***"' in said
    assert "x-key: ***" in said


def test_what_is_shown_is_what_would_be_sent_each_time(tmp_path):
    assert dry_run(tmp_path, "run") == dry_run(tmp_path, "run")
