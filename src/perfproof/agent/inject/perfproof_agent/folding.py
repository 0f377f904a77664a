"""Stacks as tuples of small numbers: each function gets one, and is described once."""

from __future__ import annotations

import itertools
import os
from types import CodeType, FrameType
from typing import Any, Callable, NamedTuple

from .callers import kind_of

DEPTH = 200
_HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep


class Known(NamedTuple):
    """A function seen before: its code (held, so that the id stays its own), its number, and who knows the request.

    ``number`` is None for functions of the agent, which are no part of a stack.
    """

    code: CodeType
    number: int | None
    asks: Callable[[Any], Any] | None


class Folder:
    """Numbers functions as they come; threads may use it at once. ``markers`` maps code to who knows the request."""

    def __init__(self, markers: Callable[[FrameType], Callable[[Any], Any] | None] = lambda _: None) -> None:
        self._codes: dict[int, Known] = {}
        self._builtins: dict[tuple[str, str], int] = {}
        self._frames: list[dict[str, Any]] = []
        self._numbers = itertools.count().__next__
        self._markers = markers
        self._told = 0

    def stack(self, frame: FrameType | None, root: FrameType | None = None) -> tuple[Any, list[int]]:
        """Return the request whose stack ends with ``frame``, as its frames tell, and the stack, innermost first.

        It begins where the request does: the server and its event loop are no part of it. That is at ``root`` if given,
        and the stack is empty if ``frame`` was not called from there.
        """
        stack: list[int] = []
        codes = self._codes
        request = None
        while frame is not None and len(stack) < DEPTH:
            code = frame.f_code
            known = codes.get(id(code)) or self._know(frame, code)
            if known.number is not None:
                stack.append(known.number)
            if known.asks is not None:
                request = known.asks(frame)
                if request is not None:
                    break
            if frame is root:
                return None, stack
            frame = frame.f_back
        return request, stack if root is None else []

    def fold(self, frame: FrameType | None, event: str, arg: Any) -> tuple[int, ...]:
        """Return the stack whose time ends with a profile event, outermost function first."""
        if event == "call":  # the time until here was the caller's
            frame = frame.f_back if frame is not None else None
        stack = self.stack(frame)[1]
        if event in ("c_return", "c_exception"):
            stack.insert(0, self._builtin(arg))
        stack.reverse()
        return tuple(stack)

    def news(self) -> list[dict[str, Any]]:
        """Return the descriptions not handed out before."""
        frames = self._frames[self._told :]
        self._told += len(frames)
        return frames

    def _know(self, frame: FrameType, code: CodeType) -> Known:
        number = None
        if not code.co_filename.startswith(_HERE):
            module = frame.f_globals.get("__name__")
            name = getattr(code, "co_qualname", code.co_name)
            number = self._new(module if isinstance(module, str) else "?", name, own=kind_of(code) == "user")
        known = self._codes[id(code)] = Known(code, number, self._markers(frame))
        return known

    def _builtin(self, function: Any) -> int:
        name = getattr(function, "__qualname__", None) or getattr(function, "__name__", "?")
        module = getattr(function, "__module__", None) or type(getattr(function, "__self__", None)).__module__
        key = (str(module), str(name))
        if key not in self._builtins:
            self._builtins[key] = self._new(*key, own=False)
        return self._builtins[key]

    def _new(self, module: str, function: str, *, own: bool) -> int:
        number = self._numbers()
        self._frames.append({"k": "f", "i": number, "m": module, "f": function, "o": own})
        return number
