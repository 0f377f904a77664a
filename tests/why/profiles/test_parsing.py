"""What the engines print, as frames and stacks."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfproof.model.profile import Folded, Frame
from perfproof.why.passes.profile import SLICES, slice_order
from perfproof.why.profiles.perf import Called, _stacks
from perfproof.why.profiles.py_spy import PySpy, python_frame

SHOP = Path("/srv/shop")


@pytest.mark.parametrize(
    ("file", "module", "own"),
    [
        ("/srv/shop/app/views.py", "app.views", True),
        ("/srv/shop/src/shop/__init__.py", "shop", True),
        ("/srv/shop/.venv/lib/python3.12/site-packages/sqlalchemy/orm/query.py", "sqlalchemy.orm.query", False),
        ("/usr/lib/python3/dist-packages/flask/app.py", "flask.app", False),
        ("/usr/lib/python3.11/asyncio/base_events.py", "asyncio.base_events", False),
        ("/home/me/other/src/tools/text.py", "tools.text", True),  # an editable install
        ("/home/me/script.py", "script", True),
        ("<frozen importlib._bootstrap>", "importlib._bootstrap", False),
        ("orjson.cpython-311-x86_64-linux-gnu.so", "orjson.cpython-311-x86_64-linux-gnu.so", False),
    ],
)
def test_a_file_is_a_module_and_somebody_s(file: str, module: str, own: bool) -> None:
    assert python_frame("f", file, SHOP) == Frame(module, "f", own)


def test_the_stacks_of_perf_are_read_with_names_that_hold_anything() -> None:
    text = """
 ffffffff813a4413 finish_task_switch.isra.0 ([kernel.kallsyms])
 55bb4f5483e8 std::vec::Vec<T>::push (inlined) (/srv/shop/bin/shop)
 55bb4f52c510 [unknown] ([unknown])


 35052 operator()(int, char) (/srv/shop/bin/shop (deleted))

"""
    assert list(_stacks(text)) == [
        [
            Called("finish_task_switch.isra.0", "[kernel.kallsyms]", 0xFFFFFFFF813A4413),
            Called("std::vec::Vec<T>::push (inlined)", "/srv/shop/bin/shop", 0x55BB4F5483E8),
            Called("[unknown]", "[unknown]", 0x55BB4F52C510),
        ],
        [Called("operator()(int, char)", "/srv/shop/bin/shop (deleted)", 0x35052)],
    ]


def test_equal_stacks_are_one_and_nothing_is_lost() -> None:
    folded, frame, other = Folded(), Frame("m", "f", own=True), Frame("m", "?", own=False)
    folded.add(0, 1, [frame], 3)
    folded.add(0, 1, [frame], 4)
    folded.add(0, 1, [frame, other], 3, unresolved=True)
    profile = folded.profile(
        "baseline", "perf", ["all"], [[1, 2]], clock="cpu", interval_ns=1, seconds=1.0, notes=["a", "a"]
    )
    assert [(stack.slice, len(stack.frames), stack.ns) for stack in profile.stacks] == [(1, 1, 7), (1, 2, 3)]
    assert profile.unresolved == pytest.approx(0.3)
    assert profile.notes == ("a",)


@given(st.integers(0, 2**31), st.integers(1, 2))
def test_each_arm_leads_half_of_the_slices(seed: int, arms: int) -> None:
    order = slice_order(seed, arms)
    assert len(order) == SLICES
    assert all(sorted(each) == list(range(arms)) for each in order)
    assert [each[0] for each in order].count(0) == SLICES // arms


def test_lines_of_py_spy_that_count_nothing_are_passed_over(tmp_path):
    profiler = PySpy(tmp_path, 0.01, tmp_path)
    profiler._recorder = SimpleNamespace(stop=lambda: None)
    (tmp_path / "raw.folded").write_text("work (app.py:3) 30\n\nError: it ended\nother (app.py:9) 10\n")
    profiler.end(4000)
    assert profiler.result().total_ns == 4000
