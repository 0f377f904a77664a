"""Stacks as tuples of small numbers: each function gets one, and is described once."""

from __future__ import annotations

import itertools
import os
from types import CodeType, FrameType
from typing import Any, Dict, List, Optional, Tuple

from .callers import kind_of

DEPTH = 200
_HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep


class Folder:
    """Numbers functions as they come. Used by several threads at once: the worst of a race is a number unused."""

    def __init__(self) -> None:
        self._codes: Dict[int, Tuple[CodeType, Optional[int]]] = {}  # holds the code, so that its id stays its own
        self._builtins: Dict[Tuple[str, str], int] = {}
        self._frames: List[Dict[str, Any]] = []
        self._numbers = itertools.count().__next__
        self._told = 0

    def fold(self, frame: Optional[FrameType], event: str, arg: Any) -> Tuple[int, ...]:
        """Return the stack whose time ends with a profile event, outermost function first."""
        stack: List[int] = []
        if event == "call":  # the time until here was the caller's
            frame = frame.f_back if frame is not None else None
        elif event in ("c_return", "c_exception"):
            stack.append(self._builtin(arg))
        codes = self._codes
        while frame is not None and len(stack) < DEPTH:
            code = frame.f_code
            known = codes.get(id(code))
            number = known[1] if known is not None else self._function(frame, code)
            if number is not None:
                stack.append(number)
            frame = frame.f_back
        stack.reverse()
        return tuple(stack)

    def news(self) -> List[Dict[str, Any]]:
        """Return the descriptions not handed out before."""
        frames = self._frames[self._told :]
        self._told += len(frames)
        return frames

    def _function(self, frame: FrameType, code: CodeType) -> Optional[int]:
        if code.co_filename.startswith(_HERE):
            number = None
        else:
            module = frame.f_globals.get("__name__")
            name = getattr(code, "co_qualname", code.co_name)
            own = kind_of(code) == "user"
            number = self._new(module if isinstance(module, str) else "?", name, own=own)
        self._codes[id(code)] = (code, number)
        return number

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
