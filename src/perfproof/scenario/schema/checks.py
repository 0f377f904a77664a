"""What a scenario file says about checks: names, or a mapping with the settings of each."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, cast

from pydantic import BeforeValidator, Field, PlainValidator, create_model

from perfproof.checks import registry
from perfproof.checks.protocol import Setting
from perfproof.core.numbers import upper_first
from perfproof.core.units import Mistake, parse_duration
from perfproof.model.metrics import METRICS
from perfproof.model.scenario import Checks, JsonValue
from perfproof.scenario.schema.fields import (
    DURATION_SCHEMA,
    Empty,
    Flag,
    MadeSpec,
    Many,
    Spec,
    Text,
    Written,
    choice,
    kind_of,
    quantity,
    schema,
    whole_between,
)

_CHECKS = Checks()
EVERY = "all"
Time = Annotated[
    float, PlainValidator(quantity(parse_duration, low=1, high=3600, says="from 1s to 1h")), schema(**DURATION_SCHEMA)
]


class CommonSpec(Spec):
    """What is checked beside the load (docs/checks.md): each check by its name, true or a mapping of its settings."""

    document: Text | None = None
    """The OpenAPI document: a path at the service (/openapi.json) or a file. Default: the usual paths"""
    requests: whole_between(1, 100_000) = _CHECKS.requests  # type: ignore[valid-type]
    """Most requests that one check sends to one arm. Default: 1000"""
    time: Time = _CHECKS.time
    """Longest that one check takes with one arm. Default: 60s"""
    writes: Flag = _CHECKS.writes
    """Also send requests that write, with bodies that must fail; needs service.reset. Default: false"""
    headers: dict[str, Written] = Field(default_factory=dict)
    """Headers that let requests in, over those that the scenario's requests share."""


def _one(setting: Setting) -> tuple[Any, Any]:
    kinds: dict[str, Any] = {
        "flag": Flag,
        "text": Annotated[str, PlainValidator(choice(*setting.choices)), schema(enum=list(setting.choices))]
        if setting.choices
        else Text,
        "texts": Annotated[list[Text], Many],
        "whole": whole_between(setting.low, setting.high),
        "wholes": Annotated[list[whole_between(setting.low, setting.high)], Many],  # type: ignore[misc]
        "names": dict[str, Text],
        "pattern": Annotated[str, PlainValidator(_pattern), schema(type="string", minLength=1)],
    }
    if setting.kind == "keys":  # its default is a mapping, which has to become what a written one becomes
        return _keys(setting), Field(default=setting.default, description=setting.help, validate_default=True)
    return kinds[setting.kind], Field(default=setting.default, description=setting.help)


def _keys(setting: Setting) -> Any:
    """Return the field type of a mapping, or of what stands for one in short."""
    name = "".join(map(str.capitalize, setting.name.split("_"))) + "Spec"
    own: dict[str, Any] = {each.name: _one(each) for each in setting.inner}
    inner = create_model(name, __base__=MadeSpec, **own)
    inner.__doc__ = setting.help

    def read(value: object) -> object:
        value = _words(value)
        return {setting.short: value} if setting.short and isinstance(value, str) else value

    return Annotated[inner | None, BeforeValidator(read)]


def _pattern(value: object) -> str:
    """Return a regular expression that Python can read."""
    if not isinstance(value, str) or not value:
        raise Mistake(f"must be a regular expression, not {kind_of(value)}", "write it in quotation marks")
    try:
        re.compile(value)
    except re.error as error:
        raise Mistake(f"is no regular expression: {error}", "double backslashes in double quotation marks") from None
    return value


def _words(value: object) -> object:
    """Return what ``error_contract: true`` and ``error_contract: off`` stand for."""
    return {} if value in (True, "true", "on") else None if value in (False, "false", "off") else value


def _named(value: object) -> object:
    """Return what ``checks: error_contract``, a list of names and ``checks: all`` stand for."""
    if value in (False, "off", "false"):
        return {}
    if value == EVERY:
        return dict.fromkeys(registry.usual(), True)
    if isinstance(value, str):
        return {value: True}
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return dict.fromkeys(value, True)
    return value


def _spec_name(check: str) -> str:
    return "".join(map(str.capitalize, check.split("_"))) + "CheckSpec"


def _make() -> type[CommonSpec]:
    fields: dict[str, Any] = {}
    for check in registry.every():
        name = _spec_name(check.name)
        own: dict[str, Any] = {each.name: _one(each) for each in check.settings}
        inner = create_model(name, __base__=MadeSpec, **own)
        inner.__doc__ = f"Settings of the check: {check.title}."
        fields[check.name] = (
            Annotated[inner | None, BeforeValidator(_words)],
            Field(default=None, description=f"{upper_first(check.title)}: true, or its settings"),
        )
    made = cast(type[CommonSpec], create_model("ChecksSpec", __base__=(CommonSpec, MadeSpec), **fields))
    made.__doc__ = CommonSpec.__doc__
    return made


if TYPE_CHECKING:  # what each check adds is read by its name
    ChecksSpec = CommonSpec
    Checking = CommonSpec
else:
    ChecksSpec = _make()
    Checking = Annotated[ChecksSpec, BeforeValidator(_named), Empty]


def checks(spec: CommonSpec, demanded: set[str]) -> Checks:
    """Return the model's checks: those that are named, and those whose metrics goals and budgets demand."""
    wanted: dict[str, dict[str, JsonValue]] = {}
    named = {METRICS[metric].check for metric in demanded if metric in METRICS} - {""}
    for check in registry.every():
        own = getattr(spec, check.name)
        if own is None and check.name not in named:
            continue
        settings = {each.name: each.default for each in check.settings} if own is None else own.model_dump()
        wanted[check.name] = cast(dict[str, JsonValue], settings)
    return Checks(wanted, spec.document, spec.requests, spec.time, spec.writes, spec.headers)


def shorthand(found: dict[str, Any]) -> None:
    """Let names and words stand for mappings in the JSON Schema ``found``."""
    names = [check.name for check in registry.every()]
    whole = found["properties"]["checks"]
    one = {"enum": names}
    whole["anyOf"] = [
        {"$ref": whole.pop("$ref")},
        {"enum": [*names, EVERY, "off", False]},
        {"type": "array", "items": one},
    ]
    for name in names:
        own = found["$defs"]["ChecksSpec"]["properties"][name]
        own["anyOf"] = [
            *(each for each in own["anyOf"] if each != {"type": "null"}),
            {"enum": ["on", "off", True, False]},
        ]
    for check in registry.every():
        for setting in (each for each in check.settings if each.kind == "keys"):
            kept = found["$defs"][_spec_name(check.name)]["properties"][setting.name]
            kept["anyOf"] = [
                *(each for each in kept["anyOf"] if each != {"type": "null"}),
                {"type": ["string", "boolean"]} if setting.short else {"enum": ["on", "off", True, False]},
            ]
        for setting in check.settings:
            _lists(found, found["$defs"][_spec_name(check.name)]["properties"][setting.name], setting)


def _lists(found: dict[str, Any], kept: dict[str, Any], setting: Setting) -> None:
    """Let a single value stand for a list of one, at any depth."""
    if kept.get("type") == "array":
        listed = {key: kept.pop(key) for key in ("type", "items")}
        kept["anyOf"] = [listed, listed["items"]]
    for ref in [each["$ref"] for each in kept.get("anyOf", ()) if "$ref" in each]:
        inner = found["$defs"][ref.rpartition("/")[2]]["properties"]
        for each in setting.inner:
            _lists(found, inner[each.name], each)
