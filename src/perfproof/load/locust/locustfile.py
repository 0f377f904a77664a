"""Loads a Locust file as Locust does, afresh for every arm and round, and tells where it is wrong."""

from __future__ import annotations

import sys
import traceback
from argparse import Namespace
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import locust
from locust import User
from locust.argument_parser import get_parser
from locust.user.task import filter_tasks_by_tags
from locust.util.load_locustfile import load_locustfile

from perfproof.errors import UsageError
from perfproof.model.scenario import LocustFile

_new_events: Callable[[], Any] = locust.event.Events


@dataclass(frozen=True)
class Loaded:
    """What a Locust file holds: its User classes, the listeners it has registered, and its own options' defaults."""

    classes: tuple[type[User], ...]
    events: Any
    options: Namespace


class Loader:
    """Loads one file again and again; nothing that its modules keep passes from one time to the next."""

    def __init__(self, spec: LocustFile) -> None:
        self._spec = spec
        self._before = frozenset(sys.modules)
        self._lasting: list[tuple[str, Any]] = []

    def load(self, host: str = "", users: int = 1) -> Loaded:
        """Run the file and return what it holds; UsageError with file and line when that fails.

        ``host`` and ``users`` are told to the file as Locust's options of these names.
        """
        spec = self._spec
        self._forget()
        # Listeners of the file go to `locust.events`; those of another arm or round must not hear of this one.
        locust.events = _new_events()
        for hook, listener in self._lasting:
            getattr(locust.events, hook).add_listener(listener)
        path, writes = sys.path[:], sys.dont_write_bytecode
        sys.dont_write_bytecode = True
        try:
            classes, shapes = load_locustfile(str(spec.file))
            parser = get_parser(default_config_files=[])
            options = parser.parse_args(["--headless", "--host", host, "--users", str(users)])
        except SyntaxError as error:
            file = f"{error.filename}:{error.lineno}:{error.offset}"
            raise UsageError(f"{spec.file.name} is not Python: {error.msg}", where=file) from error
        except (Exception, SystemExit) as error:
            raise _unloadable(spec.file, error) from error
        finally:
            here = str(Path.cwd())
            sys.path[:] = path if here in path else [here, *path]
            sys.dont_write_bytecode = writes
        self._keep()
        return Loaded(self._chosen(classes, shapes), locust.events, options)

    def _chosen(self, classes: dict[str, type[User]], shapes: Sequence[Any]) -> tuple[type[User], ...]:
        spec = self._spec
        if not classes:
            raise UsageError(
                f"{spec.file.name} has no User class",
                where=f"{spec.file}:1",
                hint="define a class that derives from HttpUser, FastHttpUser or User and is not abstract",
            )
        unknown = [name for name in spec.users if name not in classes]
        if unknown:
            raise UsageError(
                f"{spec.file.name} has no User class {unknown[0]}",
                where=f"{spec.file}:1",
                hint=f"it has {', '.join(sorted(classes))}",
            )
        if shapes and not spec.users:
            name = type(shapes[0]).__name__
            raise UsageError(
                f"{spec.file.name} has the LoadTestShape {name}",
                where=f"{spec.file}:{_line_of(type(shapes[0]), spec.file)}",
                why="blocks of both arms can only be compared under the same number of users",
                hint=f"name the User classes to measure without the shape: "
                f"locustfile: {{file: {spec.file.name}, users: [{', '.join(sorted(classes))}]}}",
            )
        chosen = tuple(dict.fromkeys(classes[name] for name in spec.users or classes))
        for each in chosen:
            if not each.tasks:
                raise UsageError(
                    f"{each.__name__} has no tasks",
                    where=f"{spec.file}:{_line_of(each, spec.file)}",
                    hint="mark its methods with @task, or set `tasks`",
                )
            self._leave(each)
        return chosen

    def _leave(self, each: type[User]) -> None:
        """Leave only the tasks that the tags let through, which Locust itself does no earlier than when users start."""
        spec = self._spec
        if not spec.tags and not spec.exclude_tags:
            return
        known = sorted(_tags(each.tasks))
        filter_tasks_by_tags(each, set(spec.tags) or None, set(spec.exclude_tags) or None)
        if not each.tasks:
            raise UsageError(
                f"tags and exclude_tags leave no task of {each.__name__}",
                where=f"{spec.file}:{_line_of(each, spec.file)}",
                hint=f"its tags are {', '.join(known)}" if known else "none of its tasks has a tag",
            )

    def _forget(self) -> None:
        """Drop the modules that lie beside the file, so that they are run anew as well."""
        for name in set(sys.modules) - self._before:
            if self._is_own(name):
                del sys.modules[name]

    def _keep(self) -> None:
        """Remember the listeners of installed modules (plugins of Locust): those are not run anew."""
        for hook, events in vars(locust.events).items():
            for listener in getattr(events, "_handlers", ()):
                name = getattr(listener, "__module__", None) or ""
                if name in sys.modules and not self._is_own(name) and (hook, listener) not in self._lasting:
                    self._lasting.append((hook, listener))

    def _is_own(self, module: str) -> bool:
        file = getattr(sys.modules[module], "__file__", None)
        return file is not None and self._spec.file.parent in Path(file).parents and "site-packages" not in file


def _tags(tasks: Iterable[Any]) -> set[str]:
    """Return every tag of tasks, and of those within task sets."""
    found: set[str] = set()
    for task in tasks:
        found |= set(getattr(task, "locust_tag_set", ())) | _tags(getattr(task, "tasks", ()))
    return found


def place_of(trace: TracebackType | None, folder: Path) -> str:
    """Return where in the user's files an exception came about, e.g. ``load.py:12 in buy``; empty if nowhere."""
    found = ""
    for frame, line in traceback.walk_tb(trace):
        file = Path(frame.f_code.co_filename)
        if folder in file.parents and "site-packages" not in file.parts:
            found = f"{file.relative_to(folder)}:{line} in {frame.f_code.co_name}"
    return found


def _unloadable(file: Path, error: BaseException) -> UsageError:
    where = str(file)
    for frame, line in traceback.walk_tb(error.__traceback__):
        inside = Path(frame.f_code.co_filename)
        if file.parent in inside.parents and "site-packages" not in inside.parts:
            where = f"{inside}:{line}"
    what = f"it calls exit ({error})" if isinstance(error, SystemExit) else f"{type(error).__name__}: {error}"
    missing = isinstance(error, ModuleNotFoundError)
    hint = "install it where perfproof is installed, or put it beside the file" if missing else None
    return UsageError(f"{file.name} cannot be loaded", where=where, why=what, hint=hint)


def _line_of(kind: type, file: Path) -> int:
    """Return the line where a class of the file begins; 1 when it is defined elsewhere."""
    for number, text in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        if text.lstrip().startswith(("class " + kind.__name__ + "(", "class " + kind.__name__ + ":")):
            return number
    return 1
