"""Lines of logs as the usual libraries write them."""

from __future__ import annotations

import pytest

from perfproof.telemetry.log_lines import Line, read


@pytest.mark.parametrize(
    ("text", "level", "whole"),
    [
        ('{"level":"info","msg":"hello"}', "info", False),
        ('{"level":30,"time":1,"msg":"request completed","req":{"url":"/a"},"res":{"statusCode":200}}', "info", True),
        ('{"level":50,"msg":"it failed"}', "error", False),  # pino
        ('{"severity":"WARNING","message":"slow"}', "warning", False),  # Google's
        ('{"levelname":"ERROR","message":"x"}', "error", False),  # python-json-logger
        ('{"log":{"level":"error"},"message":"x"}', "error", False),  # ECS
        ('{"log.level":"debug","message":"x"}', "debug", False),
        ('{"event":"x"}', "", False),
        ('{"level":true}', "", False),
        ('{"Severity":3,"Fields":{"msg":"it failed"}}', "error", False),  # Mozilla's, in numbers of syslog
        ('{"level":4,"short_message":"slow"}', "warning", False),  # GELF
        ('{"Severity":6,"Fields":{"path":"/a","code":200}}', "info", True),
        ('{"level":"info","path":"/a","status":500}', "info", True),
    ],
)
def test_a_record_has_a_level_and_may_be_that_of_a_request(text, level, whole):
    assert read(text.encode(), ()) == [Line(True, level, frozenset(), whole)]


@pytest.mark.parametrize(
    "text", ["GET / 200", "level=info msg=hello", '["a"]', "{broken", '"text"', "  at Server.js:12"]
)
def test_what_is_no_json_object_is_no_record(text):
    (line,) = read(text.encode(), ())
    assert not line.structured


def test_ids_are_found_wherever_they_stand_and_empty_lines_are_none():
    lines = read(b'\n{"trace":{"id":"ABCD1234"}}\n\nplain abcd1234 line\n\xff\xfe\n', ("abcd1234", "ffff0000"))
    assert [line.names for line in lines] == [{"abcd1234"}, {"abcd1234"}, frozenset()]
