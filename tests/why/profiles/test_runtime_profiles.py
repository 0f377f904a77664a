"""What the profilers of runtimes write, as frames and stretches."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfproof.agent import NODE_SCRIPT, injected_into_node, telling_lines
from perfproof.model.metrics import ALL
from perfproof.model.profile import Frame
from perfproof.service import programs
from perfproof.why.function_times import calls_back, fold, kind_of, package
from perfproof.why.profiles.flight_files import DamagedError, _number, chunks
from perfproof.why.profiles.jfr import Classes
from perfproof.why.profiles.node import _frame, samples_of
from perfproof.why.profiles.stretches import Stretches

SHOP = Path("/srv/shop")
OWN, OTHER = Frame("shop", "own", own=True), Frame("node", "other", own=False)


@pytest.mark.parametrize(
    ("url", "module", "own"),
    [
        ("file:///srv/shop/routes/orders.mjs", "routes.orders", True),
        ("/srv/shop/index.js", "index", True),
        ("/srv/shop/src/prices/index.ts", "src.prices", True),
        ("/home/me/other/tool.js", "tool", True),
        ("file:///srv/my%20shop/a.js", "a", True),
        ("/srv/shop/node_modules/express/lib/router/index.js", "express.lib.router", False),
        ("/srv/shop/node_modules/a/node_modules/@scope/pkg/lib/x.cjs", "@scope/pkg.lib.x", False),
        ("/srv/shop/node_modules/socket.io/dist/socket.js", "socket_io.dist.socket", False),
        ("node:internal/process/task_queues", "node.internal.process.task_queues", False),
        ("node:zlib", "node.zlib", False),
        ("internal/timers.js", "node.internal.timers", False),  # Node 14
    ],
)
def test_a_script_is_a_module_and_somebody_s(url: str, module: str, own: bool) -> None:
    assert _frame("f", url, SHOP) == Frame(module, "f", own)


def test_anonymous_functions_have_a_name_that_no_line_changes() -> None:
    assert _frame("", "/srv/shop/app.js", SHOP) == Frame("app", "(anonymous)", own=True)
    assert _frame("(garbage collector)", "", SHOP) == Frame("V8", "garbage collection", own=False)
    assert _frame("(idle)", "", SHOP) is None
    assert _frame("look", f"file:///anywhere/{NODE_SCRIPT.name}", SHOP) is None


def test_a_sample_of_v8_stands_for_the_time_up_to_the_next_one() -> None:
    def node(number: int, name: str, url: str, *children: int) -> dict[str, object]:
        return {"id": number, "callFrame": {"functionName": name, "url": url}, "children": list(children)}

    profile = {
        "nodes": [
            node(1, "(root)", "", 2, 4),
            node(2, "handle", "/srv/shop/app.js", 3),
            node(3, "price", "/srv/shop/app.js"),
            node(4, "(idle)", ""),
        ],
        "startTime": 1000,
        "samples": [4, 3, 3, 2, 4],
        "timeDeltas": [0, 10, 5, 5, 20],
    }
    handle, price = Frame("app", "handle", own=True), Frame("app", "price", own=True)
    assert list(samples_of(profile, SHOP)) == [
        (1_010_000, (handle, price), 5000),
        (1_015_000, (handle, price), 5000),
        (1_020_000, (handle,), 20_000),
    ]


def test_options_of_the_service_stay_beside_ours(tmp_path: Path) -> None:
    node = injected_into_node({"NODE_OPTIONS": "--max-old-space-size=99"}, tmp_path, 1_000_000)
    assert node["NODE_OPTIONS"] == f'--max-old-space-size=99 --require "{NODE_SCRIPT}"'
    assert NODE_SCRIPT.is_file()
    assert telling_lines({"JAVA_TOOL_OPTIONS": "-Xmx1g"})["JAVA_TOOL_OPTIONS"].startswith("-Xmx1g -XX:")
    assert telling_lines({})["JAVA_TOOL_OPTIONS"].startswith("-XX:")


def test_samples_share_the_cpu_time_of_their_stretch_and_others_are_left_out() -> None:
    stretches = Stretches()
    stretches.begin(0, 0, 100)
    stretches.end(200, 900, {OTHER: 50})
    stretches.begin(2, 1, 300)
    stretches.end(400, 80)
    for at in (99, 100, 150, 199, 200, 250, 300, 400):
        stretches.add(at, (OWN,), 1)
    stretches.add(160, (OWN, OTHER), 3)
    profile = stretches.folded().profile(
        "a", "node", [ALL, "x", "y"], [[1, 0], [0, 0], [0, 4]], clock="cpu", interval_ns=1, seconds=1.0
    )
    named = {(s.request, s.slice, tuple(profile.frames[at] for at in s.frames)): s.ns for s in profile.stacks}
    assert named == {(0, 0, (OWN,)): 450, (0, 0, (OWN, OTHER)): 450, (0, 0, (OTHER,)): 50, (2, 1, (OWN,)): 80}
    together = fold(profile, ALL)
    assert together is not None
    assert (together.counts.sum(), together.whole.sum()) == (1, 950)  # names sent alone are no part of it


def jar(path: Path, *names: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, b"")
    return path


def test_classes_of_the_class_path_s_jars_are_libraries_and_those_of_the_started_one_are_not(tmp_path: Path) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("tool/kit/Json.class", b"")
    with zipfile.ZipFile(tmp_path / "shop.jar", "w") as archive:
        archive.writestr("BOOT-INF/lib/kit.jar", inner.getvalue())
        archive.writestr("BOOT-INF/classes/shop/Orders.class", b"")
    jar(tmp_path / "lib.jar", "acme/util/Text.class")
    found = Classes({"java.class.path": "shop.jar:lib.jar", "sun.java.command": "shop.jar --port 1"}, tmp_path)
    assert found.frame("shop/Orders$Line", "total") == Frame("shop.Orders.Line", "total", own=True)
    assert found.frame("shop/Orders", "lambda$list$12") == Frame("shop.Orders", "list (lambda)", own=True)
    assert found.frame("shop/Orders$$Lambda$14/0x0000000800c03000", "apply").module == "shop.Orders"
    assert not found.frame("tool/kit/Json", "write").own
    assert not found.frame("acme/util/Text", "pad").own
    assert not found.frame("java/util/HashMap", "get").own
    assert not found.frame("com/sun/net/httpserver/Filter$Chain", "doFilter").own
    assert not found.frame("org/springframework/web/Servlet", "service").own
    assert Classes({}, tmp_path).frame("Service", "main").own  # of no package, from a source file


@given(st.integers(0, 2**62))
def test_whole_numbers_of_a_flight_recording_are_read(value: int) -> None:
    data, left = bytearray(), value
    while left >= 0x80 and len(data) < 8:
        data.append(left & 0x7F | 0x80)
        left >>= 7
    data.append(left)
    assert _number(bytes(data), 0) == (value, len(data))


@pytest.mark.parametrize("data", [b"nothing of the kind", b"FLR\0" + b"\0" * 80, b"FLR\0\0\2" + b"\0" * 7 + b"\x50"])
def test_what_is_no_flight_recording_is_told(data: bytes) -> None:
    with pytest.raises(DamagedError):
        list(chunks(data))


def test_engines_are_tried_on_the_runtimes_they_are_for(monkeypatch: pytest.MonkeyPatch) -> None:
    running = {1: "/usr/bin/npm-node", 2: "/usr/bin/node", 3: "/usr/lib/jvm/bin/java", 4: "/opt/bin/python3.11", 5: ""}
    monkeypatch.setattr(programs, "program_of", running.__getitem__)

    def fitting(*pids: int) -> list[str]:
        return [engine for engine in programs.AUTO if programs.fits(engine, pids)]

    assert fitting(2) == ["node", "perf"]
    assert fitting(3) == ["jfr", "perf"]
    assert fitting(4) == ["agent", "py-spy", "perf"]
    assert fitting(4, 2) == ["agent", "node", "py-spy", "perf"]
    assert fitting(1) == fitting(5) == ["agent", "py-spy", "perf"]


@pytest.mark.parametrize(
    ("module", "kind"),
    [
        ("pg.lib.client", "database"),
        ("org.postgresql.core.v3.QueryExecutorImpl", "database"),
        ("java.sql.DriverManager", "database"),
        ("com.fasterxml.jackson.core.JsonGenerator", "encoding"),
        ("java.util.zip.Deflater", "compression"),
        ("node.zlib", "compression"),
        ("java.util.HashMap", "code"),
    ],
)
def test_libraries_of_other_runtimes_have_their_levers_too(module: str, kind: str) -> None:
    assert kind_of([Frame(module, "f", own=False)]) == kind


def test_what_a_driver_calls_back_in_node_is_the_handler_going_on() -> None:
    assert not calls_back(Frame("pg.lib.query", "handleReadyForQuery", own=False))
    assert calls_back(Frame("psycopg.adapt", "load", own=False))


def test_a_java_package_is_told_by_three_parts() -> None:
    assert package("com.fasterxml.jackson.core.X") == "com.fasterxml.jackson"
    assert package("java.util.HashMap") == "java"
    assert package("express.lib.router") == "express"
    assert package("io") == "io"
