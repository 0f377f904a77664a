"""Frozen dataclasses to plain JSON values and back, directed by their type hints.

One small pair of functions instead of a hand-written pair per class: the model grows by fields with defaults, and
such a field must need no edit here. Rejected: pickle (executes code), pydantic (would tie the model to it).
"""

from __future__ import annotations

import dataclasses
import math
import types
from collections.abc import Mapping
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

T = TypeVar("T")
_AS_THEY_ARE = frozenset({str, int, bool, type(None)})
_SCALARS = frozenset({str, int, bool, float})


class CodecError(ValueError):
    """A JSON value does not fit the type it should become; the text names the dotted key and the reason."""


def encode(value: object) -> Any:
    """Return ``value`` as JSON values: dataclasses and mappings become objects, tuples and lists become arrays.

    NumPy scalars become Python numbers. JSON has no infinity and no NaN; they travel as the strings ``inf``, ``-inf``
    and ``nan``, which ``decode`` turns back where a float is expected. Raises ``CodecError`` for anything else.
    """
    kind: Any = type(value)
    if kind in _AS_THEY_ARE or (isinstance(value, float) and kind is float and math.isfinite(value)):
        return value
    names = _field_names(kind)
    if names is not None:
        return {name: encode(getattr(value, name)) for name in names}
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [encode(item) for item in value]
    if isinstance(value, frozenset):
        return sorted(encode(item) for item in value)
    if isinstance(value, np.generic):
        return encode(value.item())
    if isinstance(value, Enum):
        return encode(value.value)
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise CodecError(f"a {type(value).__name__} has no JSON form")


@cache
def _field_names(kind: type) -> tuple[str, ...] | None:
    """Return the names of the fields of a dataclass, None for what is none."""
    return tuple(field.name for field in dataclasses.fields(kind)) if dataclasses.is_dataclass(kind) else None


def decode(kind: type[T], value: object) -> T:
    """Return ``value`` (as ``json.loads`` gave it) as an instance of the dataclass ``kind``.

    Keys that ``kind`` does not know are ignored, missing ones take their default; both let neighbouring versions of the
    program read each other's files. Raises ``CodecError`` for a missing key without default and for a wrong type.
    """
    result: T = _decode(kind, value, "")
    return result


def _decode(kind: Any, value: object, key: str) -> Any:
    if kind in _SCALARS:  # most of all there is, so before what has to be looked at closely
        return _decode_scalar(kind, value, key)
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is Any:
        return value
    if dataclasses.is_dataclass(kind):
        return _decode_dataclass(kind, value, key)
    if origin is Literal:
        return _expect(value in arguments, value, f"one of {', '.join(map(str, arguments))}", key)
    if origin in (Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        return _decode_one_of([each for each in arguments if each is not type(None)], value, key)
    if origin in (tuple, frozenset):
        _expect(isinstance(value, list), value, "a list", key)
        return origin(_decode(arguments[0], item, f"{key}[{at}]") for at, item in enumerate(_as_list(value)))
    if origin is Mapping:
        _expect(isinstance(value, dict), value, "an object", key)
        return {name: _decode(arguments[1], item, f"{key}.{name}") for name, item in _as_dict(value).items()}
    return _decode_scalar(kind, value, key)


def _decode_one_of(kinds: list[Any], value: object, key: str) -> Any:
    """Return ``value`` as the one kind, as the dataclass among several if it is an object, or else as it is."""
    if len(kinds) == 1:
        return _decode(kinds[0], value, key)
    classes = [kind for kind in kinds if dataclasses.is_dataclass(kind)]
    return _decode(classes[0], value, key) if classes and isinstance(value, dict) else value


def _decode_dataclass(kind: Any, value: object, key: str) -> Any:
    _expect(isinstance(value, dict), value, "an object", key)
    document, hints, given = _as_dict(value), _hints(kind), {}
    for field in dataclasses.fields(kind):
        path = f"{key}.{field.name}".lstrip(".")
        if field.name in document:
            given[field.name] = _decode(hints[field.name], document[field.name], path)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise CodecError(f"{path} is missing")
    return kind(**given)


def _decode_scalar(kind: Any, value: object, key: str) -> Any:
    if kind is float:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(_fitting(value, key))
        _expect(isinstance(value, str) and value in ("inf", "-inf", "nan"), value, "a number", key)
        return float(str(value))
    if kind is int:
        _expect(isinstance(value, int) and not isinstance(value, bool), value, "a whole number", key)
        return _fitting(value, key)
    if kind is bool:
        return _expect(isinstance(value, bool), value, "true or false", key)
    if kind is str:
        # Half of a surrogate pair is no text that could be printed or written anywhere.
        return str(_expect(isinstance(value, str), value, "a text", key)).encode("utf-8", "replace").decode("utf-8")
    if kind is Path:
        return Path(_expect(isinstance(value, str), value, "a path", key))
    if isinstance(kind, type) and issubclass(kind, Enum):
        _expect(value in [member.value for member in kind], value, f"a {kind.__name__}", key)
        return kind(value)
    raise TypeError(f"{key}: the codec does not know the type {kind!r}")


def _fitting(value: Any, key: str) -> Any:
    """Return a number as it is; tables and databases hold whole ones of 64 bits."""
    return _expect(isinstance(value, float) or abs(value) < 1 << 63, value, "a number of 64 bits", key)


def _expect(holds: bool, value: Any, wanted: str, key: str) -> Any:
    if not holds:
        raise CodecError(f"{key or 'the document'} should be {wanted} and is {value!r:.60}")
    return value


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _as_list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _as_dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
