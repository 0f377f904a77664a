"""Options that belong together are one object in a command's signature; typer is shown each of them.

A group is a frozen dataclass of annotated options, and may hold other groups. Typer knows no such thing, and building
one by hand in every command is what made commands repeat each other's lists.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import is_dataclass
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import Any, get_type_hints


def spread(command: Callable[..., None]) -> Callable[..., None]:
    """Return ``command`` as typer reads it: the options of its groups, in their order, in the place of the groups."""
    parameters = list(_options(command))

    @wraps(command)
    def call(**given: Any) -> None:
        _call(command, given)

    call.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    call.__annotations__ = {each.name: each.annotation for each in parameters}
    return call


def _options(made: Callable[..., Any]) -> Iterator[Parameter]:
    kinds = get_type_hints(made, include_extras=True)
    for each in signature(made).parameters.values():
        if is_dataclass(kinds[each.name]):
            yield from _options(kinds[each.name])
        else:
            yield each.replace(annotation=kinds[each.name], kind=Parameter.KEYWORD_ONLY)


def _call(made: Callable[..., Any], given: Mapping[str, Any]) -> Any:
    kinds = get_type_hints(made)
    names = signature(made).parameters
    return made(**{name: _call(kinds[name], given) if is_dataclass(kinds[name]) else given[name] for name in names})
