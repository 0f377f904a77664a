"""What callgrind wrote down, function by function, as folded stacks: the form that every profile of perfproof has.

The file knows what each function executed itself and what each call cost inside, not whole stacks. A stack is made of
the user's function and what it calls: a library function's instructions go to those of the user's that led to it,
shared out by what their calls cost (as gprof did, and right where it costs the same whoever calls it).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from perfproof.core.numbers import percent
from perfproof.model.profile import ArmProfile, Counts, Folded, Frame
from perfproof.service.go_functions import GoFunctions, go_functions
from perfproof.service.programs import INTERPRETED as KNOWN

Function = tuple[str, str]
"""Object (a program or library, by its path) and name."""

INTERPRETED = (*KNOWN, "python", "pypy", "pypy3-c", "jvm", "coreclr", "uwsgi")
"""Programs whose functions tell nothing of the code that they run."""
WORTH_TELLING = 0.05
ROUNDS = 40
"""How often shares are passed on from callers to callees: no chain of library calls that matters is longer."""
SMALLEST = 1e-4
"""Share of a library function's instructions below which a caller gets nothing: thousands of crumbs help nobody."""
LONGEST = 12
"""User's functions that are shown above the one that ran."""

_STRING = "std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >"
_NAME = re.compile(r"(c?(?:fn|ob|fl|fi|fe))=\((\d+)\)(?: (.*))?")
_ADDRESS = re.compile(r"0x([0-9a-f]+)")
_NUMBERS = re.compile(r"[-+*\d]\S*(?: \d+)?")
_LIBRARIES = re.compile(
    r"<?&?(?:mut )?(?:std|core|alloc|hashbrown|compiler_builtins|rustc_demangle|gimli|addr2line|miniz_oxide)::"
    r"|<&?(?:mut )?[A-Z] as |__|_start$|\(below main\)|rust_begin|operator (?:new|delete)"
    r"|(?:runtime|internal|vendor|syscall|sync|net|bufio|bytes|strings|strconv|encoding|reflect|time|os|io|fmt|sort|math"
    r"|context|errors|unicode|crypto|log|path|type:|go:|_rt0|gcWriteBarrier|memeqbody|aeshashbody|indexbytebody|cmpbody)"
    r"(?:[./(:]|$)"
)
"""Functions of the languages' own libraries, which are linked into the program."""


@dataclass
class Graph:
    """Instructions of each function itself, and of each call from one to another with all it led to."""

    own: dict[Function, int] = field(default_factory=lambda: defaultdict(int))
    calls: dict[tuple[Function, Function], int] = field(default_factory=lambda: defaultdict(int))


def read(files: Iterable[Path]) -> Graph:
    """Return what all ``files`` hold together."""
    graph, nameless = Graph(), NamelessFunctions()
    for file in files:
        with file.open(encoding="utf-8", errors="replace") as lines:
            _read(lines, graph, nameless)
    return graph


class NamelessFunctions:
    """Finds names for pieces of programs without symbols, which callgrind calls by their address: Go's have them."""

    def __init__(self) -> None:
        self._known: dict[str, GoFunctions | None] = {}

    def name(self, object_: str, name: str) -> str:
        """Return the function that an address of an object lies in; ``name`` as it is where that is not known."""
        found = _ADDRESS.match(name)
        if found is None:
            return name
        if object_ not in self._known:
            self._known[object_] = go_functions(Path(object_))
        functions = self._known[object_]
        return (functions.name_at(int(found[1], 16)) if functions is not None else "") or name


def _read(lines: Iterable[str], graph: Graph, nameless: NamelessFunctions) -> None:
    names: dict[tuple[str, str], str] = {}
    at = {"fn": "?", "ob": "?"}
    called = {"cfn": "", "cob": ""}
    inside = False
    for line in lines:
        found = _NAME.match(line)
        if found is not None:
            key, number, name = found[1], found[2], found[3]
            kind = key.removeprefix("c")[:2] if key[-2:] in ("fn", "ob") else "fl"
            if name is not None:
                name = name.rstrip("\n")
                if kind == "fn":
                    name = nameless.name((key == "cfn" and called["cob"]) or at["ob"], name)
                names[kind, number] = name
            known = names.get((kind, number), "?")
            if key in at:
                at[key] = known
            elif key in called:
                called[key] = known
        elif line.startswith("calls="):
            inside = True
        elif _NUMBERS.match(line):
            cost = int(line.split()[1]) if " " in line else 0
            here = (at["ob"], at["fn"])
            if inside:
                there = (called["cob"] or at["ob"], called["cfn"])
                if there != here:
                    graph.calls[here, there] += cost
                called = {"cfn": "", "cob": ""}
                inside = False
            else:
                graph.own[here] += cost


def stacks(graph: Graph, own: Callable[[Function], bool]) -> Iterator[tuple[list[Function], float]]:
    """Yield stacks (outermost first) with their instructions: the user's functions, then at most one of a library."""
    callers: dict[Function, dict[Function, int]] = defaultdict(dict)
    for (caller, callee), cost in graph.calls.items():
        if cost:
            callers[callee][caller] = cost
    shares = _shares(callers, [each for each in graph.own if not own(each)], own)
    paths: dict[Function, list[Function]] = {}
    for function, cost in graph.own.items():
        if not cost:
            continue
        if own(function):
            yield _path(function, callers, own, shares, paths), float(cost)
            continue
        left = 1.0
        for owner, share in shares.get(function, {}).items():
            yield [*_path(owner, callers, own, shares, paths), function], cost * share
            left -= share
        if left > SMALLEST:
            yield [function], cost * left


Shares = Mapping[Function, Mapping[Function, float]]


def _shares(
    callers: Mapping[Function, Mapping[Function, int]], libraries: list[Function], own: Callable[[Function], bool]
) -> Shares:
    """Return, for each library function, which of the user's functions led to what share of it.

    Passed on from callers to callees again and again, since libraries call in circles.
    """
    shares: dict[Function, dict[Function, float]] = {}
    everywhere = {*libraries, *(each for each in callers if not own(each))}
    for _ in range(ROUNDS):
        passed: dict[Function, dict[Function, float]] = {}
        for function in everywhere:
            of = callers.get(function)
            if not of:
                continue
            total = sum(of.values())
            mine: dict[Function, float] = defaultdict(float)
            for caller, cost in of.items():
                if own(caller):
                    mine[caller] += cost / total
                else:
                    for owner, share in shares.get(caller, {}).items():
                        mine[owner] += share * cost / total
            passed[function] = {owner: share for owner, share in mine.items() if share > SMALLEST}
        settled = passed.keys() == shares.keys() and all(
            abs(share - shares[name].get(owner, 0.0)) < SMALLEST
            for name, held in passed.items()
            for owner, share in held.items()
        )
        shares = passed
        if settled:
            break
    return shares


def _path(
    function: Function,
    callers: Mapping[Function, Mapping[Function, int]],
    own: Callable[[Function], bool],
    shares: Shares,
    known: dict[Function, list[Function]],
) -> list[Function]:
    """Return the user's functions above one, each below the one that led to most of it, and the function itself."""
    if function not in known:
        path = [function]
        while len(path) < LONGEST:
            led: dict[Function, float] = defaultdict(float)
            for caller, cost in callers.get(path[0], {}).items():
                if own(caller):
                    led[caller] += cost
                else:
                    for owner, share in shares.get(caller, {}).items():
                        led[owner] += cost * share
            above = max(led, key=lambda each: (led[each], each), default=None)
            if above is None or above in path:
                break
            path.insert(0, above)
        known[function] = path
    return known[function]


def frame(function: Function, programs: frozenset[str], own: bool) -> Frame:
    """Return a function as profiles have it: without Rust's hash, and its module.

    That is the library's file name, the namespace of a library that is linked into the program, and nothing for the
    user's own: builds of the two arms may have different names and hold the same functions.
    """
    object_, name = function
    name = re.sub(r"::h[0-9a-f]{16}$", "", name).replace(_STRING, "std::string")
    if own or object_ not in programs:
        return Frame("" if own else Path(object_).name or "?", name, own=own)
    space = re.match(r"((?:[\w.-]+/)*\w+)\.|\W*([A-Za-z]\w*)::", name)  # of Go, or of Rust and C++
    inside = (space[1] or space[2]) if space else "runtime"
    return Frame(inside, name.removeprefix(f"{inside}.").removeprefix(f"{inside}::"), own=own)


class Functions:
    """The functions of one arm, gathered over its starts into a profile."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._folded = Folded()
        self._interpreted = ""

    @property
    def wanted(self) -> bool:
        """Tell whether there is anything to be learnt: not of an interpreter."""
        return not self._interpreted

    def add(self, graph: Graph, request: int, start: int) -> None:
        """Add what was executed for requests of one name in one start (both by number from 0)."""
        objects = {object_ for object_, _ in graph.own if object_.startswith("/")}
        programs = frozenset(object_ for object_ in objects if ".so" not in Path(object_).name)
        for each in objects:
            name = re.sub(r"[\d.]*(?:\.so.*)?$", "", Path(each).name).removeprefix("lib")
            if name in INTERPRETED:
                self._interpreted = name
                return

        def own(function: Function) -> bool:
            return is_own(function, programs, self._directory)

        for stack, cost in stacks(graph, own):
            frames = [frame(each, programs, own(each)) for each in stack]
            self._folded.add(request, start, frames, round(cost), unresolved=stack[-1][1].startswith("0x"))

    def profile(self, arm: str, requests: Sequence[str], counts: Counts, seconds: float) -> ArmProfile:
        """Return the profile; with engine ``none`` and a note where the functions are an interpreter's."""
        if self._interpreted or not self._folded.total_ns:
            what = f"functions of {self._interpreted or 'this service'} are those of its interpreter"
            return ArmProfile(arm, "none", notes=(f"callgrind: {what}, not of the code that it runs",))
        share = self._folded.unresolved_ns / self._folded.total_ns
        notes = ["callgrind: where a function has several callers, it is drawn below the one that led to most of it"]
        if share > WORTH_TELLING:
            notes.append(
                f"callgrind: {percent(share, signed=False)} of the instructions are in functions without a name: build "
                "the service with symbols"
            )
        return self._folded.profile(
            arm, "callgrind", requests, counts, clock="instructions", interval_ns=1, seconds=seconds, notes=notes
        )


def is_own(function: Function, programs: frozenset[str], directory: Path) -> bool:
    """Tell whether a function is the user's: in the service's program or below its directory, and no linked library."""
    object_, name = function
    inside = object_ in programs or object_.startswith(f"{directory.absolute()}/")
    return inside and bool(name) and not name.startswith("0x") and _LIBRARIES.match(name) is None
