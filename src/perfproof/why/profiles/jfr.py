"""JVM services: the Flight Recorder, which every HotSpot of JDK 11 or later has inside, also a plain runtime's.

It is switched on in the running service, so the service may also be one that perfproof does not start; only then its
inlined methods are not told apart so well.
"""

from __future__ import annotations

import io
import re
import shutil
import time
import zipfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from perfproof.agent import telling_lines
from perfproof.model.profile import Clock, Engine, Folded, Frame
from perfproof.service.process_clock import TICK_NS
from perfproof.service.programs import JAVA, name_of
from perfproof.why.profiles.engine import UnavailableError
from perfproof.why.profiles.flight_files import Chunk, DamagedError, chunks
from perfproof.why.profiles.jvm_attach import forget, jcmd, properties
from perfproof.why.profiles.stretches import Stretches, cpu_of

FASTEST = 0.001
DEPTH = 256
"""Frames of a stack; the Recorder's own 64 cut off what a framework was called by."""
_NAME = "perfproof"
_SETTINGS = """\
<?xml version="1.0" encoding="UTF-8"?>
<configuration version="2.0">
  <event name="jdk.ExecutionSample">
    <setting name="enabled">true</setting>
    <setting name="period">{period} ms</setting>
  </event>
</configuration>
"""
_COLLECTING = ("GC Thread", "G1 ", "ParGC", "ZWorker", "ZDriver", "XWorker", "Shenandoah", "VM Thread", "Concurrent")
_ASIDE = ("C1 Comp", "C2 Comp", "JVMCI", "Sweeper", "JFR ", "Attach Lis", "VM Periodic")
"""Threads that compile while a service warms up, or work for the Recorder: no request's time."""
_GARBAGE = Frame("JVM", "garbage collection", own=False)


class FlightRecorder:
    """A Profiler of every JVM of a service."""

    engine: Engine = "jfr"
    clock: Clock = "cpu"
    by_request = False
    alone = True

    def __init__(self, directory: Path, interval: float, service_directory: Path) -> None:
        self._directory = directory
        self._service_directory = service_directory
        self._period_ms = max(1, round(max(interval, FASTEST) * 1000))
        self._stretches = Stretches()
        self._classes: dict[int, Classes] = {}
        self._before: Counter[str] = Counter()
        self._lost: list[str] = []
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    @property
    def interval_ns(self) -> int:
        """Return the interval it samples at."""
        return self._period_ms * 1_000_000

    def environment(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Return the environment in which a JVM can tell inlined methods apart."""
        return telling_lines(environment)

    def ready(self, pids: Sequence[int]) -> None:
        """Let every JVM record; UnavailableError if there is none, or one cannot."""
        found = [pid for pid in pids if name_of(pid) in JAVA]
        if not found:
            raise UnavailableError("no process of the service is a JVM")
        settings = self._directory / "settings.jfc"
        settings.write_text(_SETTINGS.format(period=self._period_ms))
        for pid in found:
            self._classes[pid] = Classes(properties(pid), self._service_directory)
            with suppress(UnavailableError):  # the Recorder is in use already, with the depth it has
                jcmd(pid, f"JFR.configure stackdepth={DEPTH} repositorypath={_quoted(self._directory / 'parts')}")
            try:
                answer = jcmd(pid, f"JFR.start name={_NAME} settings={_quoted(settings)}")
            except UnavailableError as error:
                raise UnavailableError(
                    "this Java has no Flight Recorder", why=error.why, hint="HotSpot of JDK 11 or later has one"
                ) from error
            if "Started recording" not in answer:
                said = next((line.strip() for line in answer.splitlines() if line.strip()), "")
                raise UnavailableError("the Flight Recorder did not start", why=said[:200])

    def begin(self, slice_: int, request: int = 0) -> None:
        """Take down that a stretch begins."""
        self._before = self._clocks()
        self._stretches.begin(request, slice_, time.time_ns())

    def end(self, cpu_ns: int) -> None:
        """Take down that it ended, and what the JVM used of the CPU for requests and for collecting garbage."""
        del cpu_ns  # that of the whole tree, with what compiled
        now = time.time_ns()
        used = self._clocks()
        used.subtract(self._before)
        self._stretches.end(now, used["all"] - used["aside"] - used["garbage"], {_GARBAGE: used["garbage"]})

    def result(self) -> Folded:
        """Let every JVM write what it has, and return it."""
        for pid, classes in self._classes.items():
            file = self._directory / f"{pid}.jfr"
            try:
                jcmd(pid, f"JFR.dump name={_NAME} filename={_quoted(file)}")
                for chunk in chunks(file.read_bytes()):
                    self._read(chunk, classes)
            except (UnavailableError, DamagedError, OSError) as error:
                self._lost.append(str(error))
        folded = self._stretches.folded()
        if not folded.total_ns:
            raise UnavailableError(
                "the Flight Recorder saw no Java code run",
                why="; ".join(dict.fromkeys(self._lost)) or None,
                hint="raise `why.seconds` or the rate",
            )
        return folded

    def notes(self) -> tuple[str, ...]:
        """Return what it cannot tell."""
        notes = ["the Flight Recorder sees Java code that runs, not waiting; native code counts with what calls it"]
        notes += [f"what one JVM recorded is lost: {why}" for why in dict.fromkeys(self._lost)]
        return tuple(notes)

    def close(self) -> None:
        """Stop recording where the service lives on, and remove what was written."""
        for pid in self._classes:
            if Path(f"/proc/{pid}").exists():
                with suppress(UnavailableError):
                    jcmd(pid, f"JFR.stop name={_NAME}")
            forget(pid)
        shutil.rmtree(self._directory, ignore_errors=True)

    def _clocks(self) -> Counter[str]:
        """Return the CPU nanoseconds of all JVMs so far, and how much of it is compiling and collecting."""
        found = Counter({"all": cpu_of(self._classes)})
        for pid in self._classes:
            for task in Path(f"/proc/{pid}/task").glob("*/stat"):
                try:
                    text = task.read_text()
                except OSError:
                    continue
                name = text[text.index("(") + 1 : text.rindex(")")]
                kind = "aside" if name.startswith(_ASIDE) else "garbage" if name.startswith(_COLLECTING) else ""
                if kind:
                    fields = text.rpartition(")")[2].split()
                    found[kind] += (int(fields[11]) + int(fields[12])) * TICK_NS
        return found

    def _read(self, chunk: Chunk, classes: Classes) -> None:
        known: dict[int, tuple[Frame, ...]] = {}
        for event in chunk.events("jdk.ExecutionSample"):
            key = getattr(event["stackTrace"], "key", 0)
            if key not in known:
                known[key] = _stack(chunk, event["stackTrace"], classes)
            if known[key]:
                self._stretches.add(chunk.nanoseconds(event["startTime"]), known[key], 1)


def _stack(chunk: Chunk, reference: object, classes: Classes) -> tuple[Frame, ...]:
    """Return a stack, outermost method first."""
    found = []
    for each in (chunk.constant(reference) or {}).get("frames", ()):
        method = chunk.constant(each["method"]) or {}
        class_ = chunk.text((chunk.constant(method.get("type")) or {}).get("name"))
        found.append(classes.frame(class_, chunk.text(method.get("name"))))
    return tuple(reversed(found))


def _quoted(path: Path) -> str:
    return f'"{path.absolute()}"' if " " in str(path.absolute()) else str(path.absolute())


JDK = ("java.", "javax.", "jdk.", "sun.", "com.sun.", "org.w3c.dom.", "org.xml.sax.")
KNOWN = (
    "org.springframework.", "org.apache.", "org.eclipse.", "org.glassfish.", "org.jboss.", "org.wildfly.", "io.netty.",
    "io.undertow.", "io.vertx.", "io.micronaut.", "io.quarkus.", "io.helidon.", "io.javalin.", "io.ktor.", "io.grpc.",
    "reactor.", "kotlin.", "kotlinx.", "scala.", "akka.", "clojure.", "groovy.", "jakarta.", "com.fasterxml.",
    "com.google.", "org.hibernate.", "org.postgresql.", "org.mariadb.", "com.mysql.", "com.zaxxer.", "org.jooq.",
    "org.slf4j.", "ch.qos.", "com.github.", "net.bytebuddy.", "okhttp3.", "okio.",
)  # fmt: skip
"""Libraries that are often put into one jar with the service, where nothing else tells them apart."""
_HIDDEN = re.compile(r"(?:\$\$Lambda.*|/0x[0-9a-f]+.*|\$\$(?:EnhancerBy|SpringCGLIB|FastClassBy).*)$")
_LAMBDA = re.compile(r"lambda\$(?P<outer>\w+)\$\d+")


class Classes:
    """Tells the user's classes from all others by where a JVM (of these ``properties``) found them.

    Jars on its class path are libraries, but for the one that was started; so are the jars in that one. Of a jar that
    holds everything, ``KNOWN`` are left out.
    """

    def __init__(self, properties: Mapping[str, str], directory: Path) -> None:
        self._known: dict[tuple[str, str], Frame] = {}
        started = (properties.get("sun.java.command") or "").split(" ")[0]
        paths = [path for path in (properties.get("java.class.path") or "").split(":") if path.endswith(".jar")]
        self._libraries: set[str] = set()
        for path in paths:
            jar = directory / path
            if path == started or Path(path).name == Path(started).name:
                self._libraries |= _nested(jar)
            else:
                self._libraries |= _packages(jar)

    def frame(self, class_: str, method: str) -> Frame:
        """Return the frame of a method; ``class_`` is spelled as in a class file, ``shop/Orders$Line``.

        Numbers of lambdas and of classes made while it runs change from start to start, so they are left out.
        """
        key = class_, method
        if key not in self._known:
            dotted = _HIDDEN.sub("", class_.replace("/", ".") if "/0x" not in class_ else _HIDDEN.sub("", class_))
            dotted = dotted.replace("/", ".")
            name = _LAMBDA.sub(lambda found: f"{found['outer']} (lambda)", method)
            self._known[key] = Frame(dotted.replace("$", "."), name, own=self._own(dotted))
        return self._known[key]

    def _own(self, dotted: str) -> bool:
        package = dotted.rpartition(".")[0]
        return bool(dotted) and not dotted.startswith((*JDK, *KNOWN)) and package not in (self._libraries - {""})


def _packages(jar: Path | io.BytesIO) -> set[str]:
    """Return the packages of a jar, none where it cannot be read."""
    try:
        with zipfile.ZipFile(jar) as archive:
            return _packages_of(archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return set()


def _packages_of(names: Iterable[str]) -> set[str]:
    return {name.rpartition("/")[0].replace("/", ".") for name in names if name.endswith(".class")}


def _nested(jar: Path) -> set[str]:
    """Return the packages of the jars inside of a jar, as Spring Boot packs them, and of its launcher."""
    found: set[str] = set()
    try:
        with zipfile.ZipFile(jar) as archive:
            inside = [name for name in archive.namelist() if name.endswith(".jar")]
            for name in inside:
                found |= _packages(io.BytesIO(archive.read(name)))
    except (OSError, zipfile.BadZipFile):
        return set()
    return found
