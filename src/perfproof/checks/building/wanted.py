"""Which metrics there are, of what kind, and what a scenario may say of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from perfproof.checks.protocol import Setting
from perfproof.core.numbers import upper_first
from perfproof.model.metrics import METRICS

Kind = Literal["time", "size", "count"]
UNITS: Mapping[str, float] = {
    "ms": 1, "s": 1e3, "min": 6e4, "B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30,
}  # fmt: skip
"""What a figure is multiplied by to be in the metric's unit: ms, or bytes."""
CODE = "lines_of_code"
UNUSED = "unused_dependencies"

_RUN = Setting("run", "text", "", "Command that is run in the arm's folder, with its environment")
_FILE = Setting("file", "texts", [], "Files (or patterns such as dist/**/*.js, or folders) that hold the figure")
_MATCH = Setting("match", "pattern", "", "Regular expression: its group is the figure; without a group, matches count")
_JSON = Setting("json_path", "text", "", "JSON path such as $.total: a number, or a list whose length counts")
_TAKE = Setting(
    "take",
    "text",
    "auto",
    "What several matches come to: count, first, last, sum or max. Default: last of a group, else count",
    choices=("auto", "count", "first", "last", "sum", "max"),
)
_EXITS = Setting("exits", "wholes", [0], "Exit codes of a command that ran well. Default: 0", high=255)
_CLEAN = Setting("clean", "text", "", "Command before each run, not timed. Default: a fresh copy of the folder")
_TIMED = (
    _RUN,
    _CLEAN,
    Setting("repeats", "whole", 5, "How often it is timed, both arms in turn. Default: 5", low=1, high=100),
    Setting("warmup", "whole", 1, "How often it is run before, and not counted. Default: 1", high=10),
    _EXITS,
    _FILE,
    _MATCH,
    _JSON,
    _TAKE,
    Setting("unit", "text", "ms", "Unit of a figure that is printed. Default: ms", choices=("ms", "s", "min")),
)
_SIZED = (
    _RUN,
    _EXITS,
    _FILE,
    _MATCH,
    _JSON,
    _TAKE,
    Setting(
        "unit",
        "text",
        "B",
        "Unit of a figure that is printed. Default: B",
        choices=("B", "kB", "MB", "GB", "KiB", "MiB", "GiB"),
    ),
)
_FOUND = Setting("exits", "wholes", [0, 1], "Exit codes of a command that ran well. Default: 0 and 1", high=255)
_COUNTED = (_RUN, _FOUND, _FILE, _MATCH, _JSON, _TAKE)

METRICS_OF_BUILD: Mapping[str, Kind] = {
    name: "time" if metric.unit == "ms" else "size" if metric.unit == "bytes" else "count"
    for name, metric in METRICS.items()
    if metric.check == "build"
}
"""What each metric is, in the order of measuring: what is built first is there for those that come later."""


def _of(name: str, kind: Kind) -> Setting:
    title = METRICS[name].title
    title = upper_first(title)
    if name == CODE:
        skip = Setting(
            "skip",
            "texts",
            ["node_modules", "vendor", "target", "dist", "build", "venv"],
            "Folders whose lines do not count. Default: node_modules, vendor, target, dist, build, venv",
        )
        return Setting(
            name, "keys", {}, f"{title}: counted by pygount, or as set", inner=(*_COUNTED, skip), short="run"
        )
    if name == UNUSED:
        tool = Setting(
            "tool",
            "text",
            "auto",
            "deptry, cargo-machete or depcheck. Default: by the files of the arm",
            choices=("auto", "deptry", "cargo-machete", "depcheck"),
        )
        return Setting(
            name, "keys", {}, f"{title}: by an installed tool, or as set", inner=(*_COUNTED, tool), short="run"
        )
    inner = {"time": _TIMED, "size": _SIZED, "count": _COUNTED}[kind]
    short = "file" if kind == "size" else "run"
    return Setting(name, "keys", None, f"{title}: a command or file, and where its figure is", inner=inner, short=short)


SETTINGS: tuple[Setting, ...] = (
    *(_of(name, kind) for name, kind in METRICS_OF_BUILD.items()),
    Setting("in_place", "flag", False, "Run commands in the arm's folder, not in a copy of it. Default: false"),
    Setting("leave_out", "texts", [".git"], "Names that are not copied, e.g. target. Default: .git"),
    Setting("within", "whole", 600, "Longest that one command takes, in seconds. Default: 600", low=1, high=86_400),
    Setting("minutes", "whole", 30, "Longest that all takes, in minutes. Default: 30", low=1, high=1440),
)


def own_of(settings: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    """Return the settings of one metric with their defaults; None where it is not measured."""
    own = settings.get(name)
    if own is None:
        return None
    (setting,) = (each for each in SETTINGS if each.name == name)
    return {each.name: each.default for each in setting.inner} | dict(own)
