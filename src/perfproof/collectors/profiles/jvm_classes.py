"""Whose code a Java class is: the user's, a library's, or the JDK's."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from perfproof.model.profile import Frame

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
