from __future__ import annotations

from perfproof.service.lifecycle import WINDOW, tail


def test_only_the_last_lines_are_given(tmp_path):
    log = tmp_path / "log"
    log.write_text("".join(f"line {n}\n" for n in range(100_000)))
    assert log.stat().st_size > WINDOW
    assert tail(log, 3, str.upper) == ("LINE 99997", "LINE 99998", "LINE 99999")


def test_bytes_that_are_no_text_do_no_harm(tmp_path):
    log = tmp_path / "log"
    log.write_bytes(b"\xff\xfe\nend")
    assert tail(log, 5, str)[-1] == "end"


def test_no_log_has_no_lines(tmp_path):
    assert tail(tmp_path / "none", 5, str) == ()
