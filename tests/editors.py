"""What an editor says of a scenario file: one validator for all tests, since making its schema is what takes long."""

from __future__ import annotations

from functools import cache

from jsonschema import Draft202012Validator

from perfproof.scenario.schema.scenario import json_schema


@cache
def validator() -> Draft202012Validator:
    """Return the validator of scenario files; that its schema is one is for ``scenario/test_schema.py`` to say."""
    return Draft202012Validator(json_schema())
