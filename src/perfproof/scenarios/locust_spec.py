"""The ``locustfile`` of a scenario file: whose User classes make the requests instead of ``requests``."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from perfproof.scenarios.fields import Many, Rate, Spec, Text


class LocustSpec(Spec):
    """A Locust file whose User classes make the requests."""

    file: Text
    """The Python file, relative to the scenario."""
    users: Annotated[list[Text], Many] = Field(default_factory=list)
    """Names of the User classes to take. Default: all that are not abstract"""
    tags: Annotated[list[Text], Many] = Field(default_factory=list)
    """Only tasks with one of these tags."""
    exclude_tags: Annotated[list[Text], Many] = Field(default_factory=list)
    """No tasks with one of these tags."""
    spawn_rate: Rate | None = None
    """Users that start per second, before anything is measured. Default: all at once"""


def _file(value: object) -> object:
    return value if isinstance(value, dict) else {"file": value}


Locustfile = Annotated[LocustSpec, BeforeValidator(_file)]


def shorthand(found: dict[str, Any]) -> None:
    """Let the JSON Schema know that a Locust file may be just its path."""
    for name in ("users", "tags", "exclude_tags"):
        many = found["$defs"]["LocustSpec"]["properties"][name]
        listed = {key: many.pop(key) for key in ("type", "items")}
        many["anyOf"] = [listed, listed["items"]]
    held = found["properties"]["locustfile"]
    held["anyOf"] = [{"type": "string", "minLength": 1}, *(each for each in held["anyOf"] if each != {"type": "null"})]
