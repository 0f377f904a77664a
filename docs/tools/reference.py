"""The reference pages, written from the code: what they say cannot differ from what perfproof does.

``python docs/tools/reference.py FOLDER`` writes them; the site's hook makes them at each build. Keys come from the JSON
Schema of scenario files, commands from the command line itself, formats from the table that writes reports.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import typer

from perfproof.cli.app import app
from perfproof.cli.gate import Format
from perfproof.errors import ExitCode
from perfproof.model.metrics import METRICS
from perfproof.report.writers import WRITERS
from perfproof.scenario.schema.scenario import json_schema

DOCS = Path(__file__).parents[1]
Schema = dict[str, Any]
MADE = "<!-- Written from the code by docs/tools/reference.py. -->\n"


def pages() -> dict[str, str]:
    """Return every page of the reference by its path below ``docs/``."""
    makers: dict[str, Callable[[], str]] = {
        "keys": keys, "commands": commands, "exit-codes": exit_codes, "metrics": metrics, "formats": formats,
        "result-json": result_json,
    }  # fmt: skip
    return {f"reference/{name}.md": MADE + make() for name, make in makers.items()}


# Keys of scenario files


def keys() -> str:
    """Return a section for each part of a scenario file, the whole first, each after the part that names it."""
    schema = json_schema()
    definitions: dict[str, Schema] = schema["$defs"]
    order = list(_reached(schema["properties"], definitions, set()))
    where = _places(schema, definitions)
    parts = [
        "# Keys of a scenario file\n",
        "Every key that there is. What they are for, with examples, is told in [Scenario files](../scenarios.md);"
        " `perfproof schema` prints the JSON Schema that this page is made of.\n",
        "## The file\n",
        _table(schema, definitions, "key"),
    ]
    for name in order:
        part = definitions[name]
        if "properties" not in part:
            continue
        places = ", ".join(f"`{place}`" for place in where[name])
        parts += [f"## {_section(name)}\n", f"{part.get('description', '')} Written at {places}.\n"]
        parts.append(_table(part, definitions, "key"))
    return "\n".join(parts)


def _reached(part: Schema, definitions: dict[str, Schema], seen: set[str]) -> Iterator[str]:
    for name in _references(part):
        if name not in seen:
            seen.add(name)
            yield name
            yield from _reached(definitions[name], definitions, seen)


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if "$ref" in part:
            yield part["$ref"].rpartition("/")[2]
        for each in part.values():
            yield from _references(each)
    elif isinstance(part, list):
        for each in part:
            yield from _references(each)


def _places(schema: Schema, definitions: dict[str, Schema]) -> dict[str, list[str]]:
    """Return for each part the keys under which it is written, such as ``requests`` or ``load.stages``."""
    found: dict[str, dict[str, None]] = {}
    for owner, part in [("", schema), *definitions.items()]:
        for key, value in part.get("properties", {}).items():
            for name in _references(value):
                found.setdefault(name, {})[f"{_section(owner)}.{key}" if owner else key] = None
    return {name: list(places) for name, places in found.items()}


def _section(name: str) -> str:
    """Return what a part is called: ``FlowStepSpec`` is ``flow step``."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name.removesuffix("Spec")).lower()


def _table(part: Schema, definitions: dict[str, Schema], first: str, link: Callable[[str], str] | None = None) -> str:
    required = set(part.get("required", ())) if first == "key" else set()
    rows = [f"| {first} | is | meaning |", "|---|---|---|"]
    for key, value in part["properties"].items():
        meaning = value.get("description") or _described(value, definitions) or value.get("title", "")
        must = " **Required.**" if key in required else ""
        rows.append(f"| `{key}` | {_kind(value, definitions, link)} | {_cell(_plain(meaning))}{must} |")
    return "\n".join(rows) + "\n"


def _described(value: Schema, definitions: dict[str, Schema]) -> str:
    named = next(iter(_references(value)), None)
    return str(definitions[named].get("description", "")) if named and "$ref" in value else ""


def _kind(value: Any, definitions: dict[str, Schema], link: Callable[[str], str] | None = None) -> str:
    """Return what a value may be, in a few words."""
    found = [each for each in dict.fromkeys(_kinds(value, definitions, link)) if each]
    return " or ".join(sorted(found, key=lambda each: each.startswith("list of"))) or "anything"


def _kinds(value: Any, definitions: dict[str, Schema], link: Callable[[str], str] | None) -> Iterator[str]:
    if "$ref" in value:
        name = value["$ref"].rpartition("/")[2]
        part = definitions[name]
        if link is not None:
            yield link(name)
        elif "properties" in part:
            yield f"[{_section(name)}](#{_section(name).replace(' ', '-')})"
        else:
            yield "any JSON"
    elif "enum" in value:
        yield " ".join(f"`{each if isinstance(each, str) else json.dumps(each)}`" for each in value["enum"])
    elif "const" in value:
        yield f"`{json.dumps(value['const'])}`" if value["const"] != 0 else "`0`"
    elif "anyOf" in value or "oneOf" in value:
        for each in value.get("anyOf") or value["oneOf"]:
            yield from _kinds(each, definitions, link)
    elif value.get("type") == "array":
        inner = _kind(value.get("items", {}), definitions, link)
        yield f"list of: {inner}"
    elif value.get("type") == "object":
        yield _mapping(value, definitions, link)
    elif "pattern" in value:
        yield _patterned(value["pattern"])
    elif isinstance(value.get("type"), list):
        yield from (_WORDS.get(each, each) for each in value["type"])
    else:
        yield _WORDS.get(value.get("type", ""), value.get("type", "")) + _bounds(value)


_WORDS = {"null": "", "string": "text", "boolean": "`true` `false`", "integer": "whole number", "object": "mapping"}


def _mapping(value: Schema, definitions: dict[str, Schema], link: Callable[[str], str] | None) -> str:
    if value.get("properties") and set(value["properties"]) <= set(METRICS):
        return "mapping by [metric](metrics.md)"
    if value.get("properties"):
        return "mapping of " + " ".join(f"`{key}`" for key in value["properties"])
    inner = value.get("additionalProperties")
    return f"mapping to {_kind(inner, definitions, link)}" if isinstance(inner, dict) else "mapping"


def _bounds(value: Schema) -> str:
    low, high = value.get("minimum"), value.get("maximum")
    if low is None and high is None:
        return ""
    return f" from {low}" + (f" to {high:,}" if high is not None else "")


_UNITS = (("MiB", "size"), ("/s", "rate"), ("ms", "duration"), ("%", "share"))


def _patterned(pattern: str) -> str:
    """Return the kind of value that a pattern of the schema stands for."""
    if pattern.startswith("^\\$\\{"):
        return "`${NAME}`"
    return next((kind for unit, kind in _UNITS if unit in pattern), "text")


def _plain(text: str) -> str:
    """Keep what Markdown would take for markup as it is written."""
    return re.sub(r"(?<!`)(\{[^}`]*\})(?!`)", r"`\1`", text) if "`" not in text else text


def _cell(text: str) -> str:
    text = " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
    return re.sub(r"\bdocs/(\w+)\.md\b", r"[\1](../\1.md)", text)


# Commands


def commands() -> str:
    """Return a section for each command, with its arguments and options."""
    group: Any = typer.main.get_command(app)
    parts = [
        "# Commands and options\n",
        f"{group.help} `perfproof` alone says where you are and which command is next. `perfproof COMMAND --help` shows"
        " what stands here.\n",
        "| command | does |",
        "|---|---|",
    ]
    found = list(_commands(group, ()))
    for names, command in found:
        line = _cell(str(command.help or "").split("\n\n")[0])
        parts.append(f"| [`{' '.join(names)}`](#{'-'.join(names)}) | {line} |")
    parts.append("\nBefore a command stand " + ", ".join(_spelt(each) for each in group.params if _shown(each)) + ".\n")
    for names, command in found:
        parts += [f"## {' '.join(names)}\n", f"{str(command.help or '').strip()}\n"]
        arguments = [each for each in command.params if each.param_type_name == "argument" and _shown(each)]
        usage = " ".join(_argument(each) for each in arguments)
        parts.append(f"```text\nperfproof {' '.join(names)} [OPTIONS] {usage}".rstrip() + "\n```\n")
        shown = arguments + [each for each in command.params if each.param_type_name == "option" and _shown(each)]
        if shown:
            parts += ["| argument, option | meaning |", "|---|---|"]
            parts += [f"| {_spelt(each)} | {_meaning(each)} |" for each in shown]
            parts.append("")
    return "\n".join(parts) + "\n"


def _commands(group: Any, before: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in group.commands.items():
        if getattr(command, "hidden", False):
            continue
        if hasattr(command, "commands"):
            yield from _commands(command, (*before, name))
        else:
            yield (*before, name), command


def _shown(parameter: Any) -> bool:
    return not getattr(parameter, "hidden", False) and parameter.name != "help"


def _argument(parameter: Any) -> str:
    name = re.sub(r"[\[\].]", "", parameter.metavar or parameter.name.upper())
    name += "..." if parameter.nargs == -1 else ""
    return name if parameter.required else f"[{name}]"


def _spelt(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"`{_argument(parameter).strip('[]')}`".replace("|", "\\|")
    value = "" if parameter.is_flag or parameter.count or _is_flag(parameter) else f" {_value(parameter)}"
    return ", ".join(f"`{each}{value}`" for each in [*parameter.opts, *parameter.secondary_opts])


def _is_flag(parameter: Any) -> bool:
    return bool(parameter.is_bool_flag) or parameter.type_descriptor.annotation is bool


def _value(parameter: Any) -> str:
    named = {int: "N", float: "N"}.get(parameter.type_descriptor.annotation, "TEXT")
    return str(parameter.metavar or named)


def _meaning(parameter: Any) -> str:
    text = _cell(_plain(str(parameter.help or "")))
    default = parameter.default
    if parameter.show_default and default not in (None, False, "", [], ()) and not callable(default):
        text += f" Default: `{getattr(default, 'value', default)}`."
    if parameter.envvar:
        text += f" Also from the variable `{parameter.envvar}`."
    return text + (" May be repeated." if parameter.multiple and "repeated" not in text else "")


# Exit codes


_CODES = {
    ExitCode.PASSED: "Goals are met, or nothing got worse; of a command that measures nothing: done.",
    ExitCode.FAILED: "A regression, a missed goal or a broken budget. Of `check` and `doctor`: a problem was found.",
    ExitCode.USAGE: "The command line, a file or a setting is wrong; nothing was measured.",
    ExitCode.INCONCLUSIVE: "What decides is not decided; the report says how much more it would take.",
    ExitCode.INVALID: "The measurement cannot carry a verdict: the service failed, too many errors, no room to send.",
    ExitCode.INTERRUPTED: "Stopped by Ctrl-C or a signal; finished rounds are kept (`perfproof resume`).",
}


def exit_codes() -> str:
    """Return the codes, and the error of each kind that ends with one."""
    from perfproof import errors

    kinds: dict[ExitCode, list[str]] = {}
    for value in vars(errors).values():
        if isinstance(value, type) and issubclass(value, errors.PerfproofError):
            kinds.setdefault(value.exit_code, []).append(value.__name__)
    rows = [
        f"| `{int(code)}` | {code.name.lower()} | {_CODES[code]} | {' '.join(f'`{e}`' for e in kinds.get(code, []))} |"
        for code in ExitCode
    ]
    return "\n".join(
        [
            "# Exit codes\n",
            "The exit code is the verdict, so a pipeline needs nothing else. Which verdict ends with which code is told"
            " in [How a verdict is reached](../statistics.md#the-verdict-of-the-run); what `gate` makes of it is up to"
            " its [policy](../ci.md#policy). The errors are those of the [library](../library.md).\n",
            "| code | name | means | errors that end with it |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    )


# Metrics and formats


def metrics() -> str:
    """Return the metrics that goals, budgets and rules of a policy can name."""
    rows = [
        f"| `{each.name}` | {each.title} | {each.unit} | {each.better} | {'yes' if each.per_request else 'no'} |"
        f" {'exact count' if each.exact else 'interval'} |"
        for each in METRICS.values()
    ]
    return "\n".join(
        [
            "# Metrics\n",
            "Goals, budgets and rules of a policy name these. `by request` says whether there is a figure for each"
            " request beside the one for all; an exact count is compared as it is, everything else with an interval"
            " ([how](../statistics.md)). Units are those of the JSON and of tables.\n",
            "| metric | is | unit | better | by request | compared by |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
        ]
    )


_FORMATS = {
    ".html": "the report with charts, one file that asks for nothing from anywhere",
    ".json": "the result for programs ([its fields](result-json.md))",
    ".csv": "every row of the report as a table",
    ".parquet": "the same for pandas, DuckDB and the like",
    ".md": "the report as Markdown, for a pull request or a wiki",
    ".xml": "JUnit: a test case for each check",
    ".pdf": "one slide of 16:9",
    ".png": "the same slide as a picture",
    ".prom": "gauges in Prometheus' text format ([telemetry](../telemetry.md#out-prometheus-a-collector-grafana))",
}
_GATE = {
    Format.GITHUB: "`comment.md`, the job summary and annotations",
    Format.GITLAB: "`load-performance.json`, `junit.xml`, `metrics.txt`",
    Format.JUNIT: "`junit.xml`: a test case per check",
    Format.OPENMETRICS: "`metrics.txt`",
    Format.MARKDOWN: "`gate.md`",
    Format.JSON: "`gate.json`",
}


def formats() -> str:
    """Return the formats of reports, and those of `gate`."""
    group: Any = typer.main.get_command(app)
    output = next(each for each in group.commands["report"].params if "--output" in each.opts)
    further = [each for each in re.findall(r"(?<!\S)[._][\w.]+\b", output.help) if each not in WRITERS]
    return "\n".join(
        [
            "# Formats of reports\n",
            "`-o FILE` of the commands that measure, and of `perfproof report`, writes what the ending of the file"
            " says. Packages may bring more ([how](../library.md#report-formats-of-your-own)).\n",
            "| ending | holds |",
            "|---|---|",
            *(f"| `{ending}` | {_FORMATS[ending]} |" for ending in WRITERS),
            "",
            "`perfproof report` knows these too, of what was recorded: " + ", ".join(f"`{each}`" for each in further)
            + ".\n",
            "`perfproof gate --format NAME` writes into `perfproof-gate/`, always with `report.html`:\n",
            "| name | writes |",
            "|---|---|",
            *(f"| `{each.value}` | {_GATE[each]} |" for each in Format),
            "",
        ]
    )  # fmt: skip


# The result as JSON


def result_json() -> str:
    """Return the fields of the JSON that ``--json`` and ``-o result.json`` write."""
    schema: Schema = json.loads((DOCS / "result.schema.json").read_text(encoding="utf-8"))
    definitions: dict[str, Schema] = schema["$defs"]
    shown = {name for name, part in definitions.items() if "properties" in part}

    def link(name: str) -> str:
        part = definitions[name]
        return f"[{name}](#{name.lower()})" if name in shown else _kind(part, definitions, link)

    parts = [
        "# The result as JSON\n",
        f"{schema['description']} [The JSON Schema](../result.schema.json) is this page for programs.\n",
        "## The document\n",
        _table(schema, definitions, "field", link),
    ]
    for name in definitions:
        if name in shown:
            parts += [f"## {name}\n", f"{definitions[name].get('description', '')}\n"]
            parts.append(_table(definitions[name], definitions, "field", link))
    return "\n".join(parts)


def write(folder: Path) -> None:
    """Write every page below ``folder``."""
    for name, text in pages().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
