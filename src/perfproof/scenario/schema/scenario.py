"""The scenario file as a whole, and its JSON Schema (``python -m perfproof.scenario.schema.scenario`` prints it)."""

from __future__ import annotations

import json
import re
import sys
from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator

from perfproof.core.units import Mistake
from perfproof.scenario.schema import checks as checks_spec
from perfproof.scenario.schema import claims as claims_spec
from perfproof.scenario.schema import count as count_spec
from perfproof.scenario.schema import feeds as feed_spec
from perfproof.scenario.schema import load as locust_spec
from perfproof.scenario.schema import passes, payloads
from perfproof.scenario.schema import requests as request_spec
from perfproof.scenario.schema import responses as reply_spec
from perfproof.scenario.schema.checks import Checking, ChecksSpec
from perfproof.scenario.schema.claims import ClaimSpec
from perfproof.scenario.schema.count import Counting, CountSpec
from perfproof.scenario.schema.feeds import Feeds
from perfproof.scenario.schema.fields import Empty, Many, Name, Ratio, Spec, schema, text
from perfproof.scenario.schema.load import LoadSpec, Locustfile, RoundsSpec
from perfproof.scenario.schema.passes import SEARCHED, CapacitySpec, Responses, ResponsesSpec, Why, WhySpec
from perfproof.scenario.schema.requests import METHODS, RequestSpec, SetupSpec
from perfproof.scenario.schema.rules import Budgets, GateSpec, Goals, budgets_schema, goals_schema
from perfproof.scenario.schema.service import Arms, ServiceSpec, arms_schema


def host(value: object) -> str:
    """Return a host's name or address, without scheme, port or wildcard."""
    found = text(value)
    if not re.fullmatch(r"[A-Za-z0-9_.-]+|[0-9A-Fa-f:.]+", found):
        raise Mistake(f"`{found}` is not a host", "write the name alone, e.g. staging.example.com")
    return found


Host = Annotated[str, PlainValidator(host), schema(type="string", minLength=1)]


class ScenarioSpec(Spec):
    """A perfproof scenario: which service, which requests, under which load, and which goals and budgets hold."""

    name: Name
    """What runs of it are called."""
    service: Annotated[ServiceSpec, Empty] = ServiceSpec()
    """The system under test."""
    arms: Arms = Field(default_factory=dict)
    """The versions compared: baseline and candidate, or up to eight under names of their own, each judged against the
    first. Without it there is one, baseline, enough for `perfproof run`."""
    setup: list[SetupSpec] = Field(default_factory=list)
    """Requests sent per arm before measuring, e.g. a login."""
    requests: Annotated[list[RequestSpec], Field(json_schema_extra={"minItems": 1})] = Field(default_factory=list)
    """The requests that are measured."""
    locustfile: Locustfile | None = None
    """A Locust file whose User classes make the requests instead: a path, or {file: load.py, users: [Shopper]}"""
    feeds: Annotated[Feeds, Empty] = Field(default_factory=dict)
    """Files whose rows fill {feed.column}, e.g. {users: users.csv}"""
    load: Annotated[LoadSpec, Empty] = LoadSpec()
    """How requests arrive."""
    rounds: Annotated[RoundsSpec, Empty] = RoundsSpec()
    """How much is measured."""
    goals: Annotated[Goals, Empty] = Field(default_factory=dict)
    """Demanded improvements by metric, e.g. {latency_p95: 20%}"""
    budgets: Annotated[Budgets, Empty] = Field(default_factory=dict)
    """Absolute limits by metric, e.g. {latency_p95: 500ms}"""
    claims: list[ClaimSpec] = Field(default_factory=list)
    """What was promised, each in a plain sentence with what decides it (docs/prove.md)."""
    capacity: Annotated[CapacitySpec, Empty] = CapacitySpec.model_validate({})
    """How `perfproof capacity` searches for the highest rate that keeps the budgets."""
    gate: Annotated[GateSpec, Empty] = GateSpec()
    """What `perfproof gate` makes of the verdict (docs/ci.md)."""
    allow: Annotated[list[Host], Many] = Field(default_factory=list)
    """Hosts outside this machine that may be put under load (exact names)."""
    margin: Ratio = 0.03
    """Change that still counts as none. Default: 3%"""
    responses: Responses = ResponsesSpec()
    """Whether and how the arms' responses are compared, e.g. {policy: error, ignore: ["$.generated_at"]}"""
    why: Why = WhySpec()
    """What is looked at after the timed rounds to say why, e.g. {profile: py-spy}, or off"""
    count: Counting = CountSpec()
    """Whether instructions per request are counted too: auto, counters, callgrind or off. Default: off"""
    checks: Checking = ChecksSpec()
    """What is checked beside the load: errors, contract, ... (docs/checks.md), e.g. [error_contract, contract]"""
    max_error_rate: Ratio = 0.01
    """Share of failed requests above which nothing is concluded. Default: 1%"""

    @property
    def model(self) -> Literal["open", "closed"]:
        """Return the load model; the users of a Locust file wait for their responses, so there it is closed."""
        return self.load.model if self.locustfile is None else "closed"


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of the scenario file, for editors."""
    found: dict[str, Any] = _plain(ScenarioSpec.model_json_schema())
    description = {name: found["properties"][name].get("description", "") for name in ("goals", "budgets")}
    found["properties"]["goals"] = {"description": description["goals"], **goals_schema()}
    found["properties"]["budgets"] = {"description": description["budgets"], **budgets_schema()}
    found["$defs"]["CapacitySpec"]["properties"]["budgets"] = {
        "description": found["$defs"]["CapacitySpec"]["properties"]["budgets"].get("description", ""),
        **budgets_schema(SEARCHED),
    }
    found["title"] = "perfproof scenario"
    found["patternProperties"] = {"^x-": {"description": "Ignored: a place for anchors."}}
    found["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    found["properties"]["arms"] = {"description": found["properties"]["arms"]["description"], **arms_schema()}
    for step in ("RequestSpec", "SetupSpec", "FlowStepSpec"):
        found["$defs"][step]["oneOf"] = [
            *({"required": [verb]} for verb in METHODS),
            {"required": ["method", "path"]},
            *([{"required": ["name", "steps"]}] if step == "RequestSpec" else []),
        ]
    definitions = found["$defs"]
    responses = found["properties"]["responses"]
    responses["anyOf"] = [{"$ref": responses.pop("$ref")}, {"enum": ["error", "warn", "off"]}]
    _one_or_many(definitions["ScaleSpec"]["properties"]["sizes"])
    _one_or_many(definitions["ResponsesSpec"]["properties"]["ignore"])
    _one_or_many(definitions["CollectSpec"]["properties"]["metrics"])
    for service in ("ServiceSpec", "ArmSpec"):
        _one_or_many(definitions[service]["properties"]["database"])
    for many in (
        found["properties"]["allow"],
        *(definitions[owner]["properties"]["status"] for owner in ("ExpectSpec", "UntilSpec")),
        *definitions["BodySpec"]["properties"].values(),
    ):
        _one_or_many(many)
    reply_spec.shorthands(found)
    payloads.shorthands(found)
    request_spec.shorthand(found)
    feed_spec.shorthand(found)
    passes.shorthand(found)
    count_spec.shorthand(found)
    checks_spec.shorthand(found)
    claims_spec.shorthand(found)
    locust_spec.shorthand(found)
    found["oneOf"] = [{"required": [one]} for one in ("requests", "locustfile")]
    for rule in ("GoalSpec", "BudgetSpec", "ClaimSpec"):
        _one_or_many(found["$defs"][rule]["properties"]["requests"])
    _one_or_many(found["$defs"]["RequestSpec"]["properties"]["values"]["additionalProperties"])
    return found


def _one_or_many(property_: dict[str, Any]) -> None:
    """Let a single value stand for a list of one."""
    listed = {key: property_.pop(key) for key in ("type", "items", "minItems") if key in property_}
    property_["anyOf"] = [listed, listed["items"]]


def _plain(value: Any, *, names: bool = False) -> Any:
    """Drop what pydantic adds and editors do not need: titles that repeat keys, and defaults already in words."""
    if isinstance(value, dict):
        return {
            key: _plain(item, names=key in ("properties", "$defs"))
            for key, item in value.items()
            if names or key not in ("title", "default")
        }
    return [_plain(item) for item in value] if isinstance(value, list) else value


if __name__ == "__main__":
    sys.stdout.write(json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n")
