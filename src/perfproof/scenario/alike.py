"""What a scenario file and the model call the same: copied by name, so that only true conversions are written out.

The model itself stays without pydantic: the load process and every reader of runs import it, and importing the schema
takes ten times as long (docs/decisions/project.md).
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

from perfproof.scenario.schema.fields import Spec

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Kind = TypeVar("Kind", bound=DataclassInstance)


def alike(kind: type[Kind], spec: Spec, **converted: Any) -> Kind:
    """Return a dataclass of the model from the fields of ``spec`` that it has, too; lists become tuples.

    ``converted`` are the fields that mean something else there, or that the file does not have.
    """
    there = type(spec).model_fields
    names = [each.name for each in fields(kind) if each.name in there and each.name not in converted]
    return kind(**{name: _frozen(getattr(spec, name)) for name in names}, **converted)


def _frozen(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value
