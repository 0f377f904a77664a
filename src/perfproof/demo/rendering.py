"""Plain data to response bytes: the two ways of the ``SERIALIZATION`` lever. Their JSON means the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import orjson
from fastapi.encoders import jsonable_encoder
from pydantic import BaseModel

Plain = dict[str, Any]
"""What ``queries`` return: dicts, lists, strings, numbers, dates."""

Render = Callable[[type[BaseModel], Plain], bytes]


def render_slow(shape: type[BaseModel], data: Plain) -> bytes:
    """Validate into models, turn the models into plain data again, write it indented by the standard library."""
    return json.dumps(jsonable_encoder(shape.model_validate(data)), indent=2).encode()


def render_fast(_shape: type[BaseModel], data: Plain) -> bytes:
    """Write the data as it is. Its shape was ours all along; the tests validate it against the models."""
    return orjson.dumps(data)
