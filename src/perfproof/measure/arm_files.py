"""The files of an arm for checks that ask no service: a copy of its folder, and commands under a guard."""

from __future__ import annotations

import re
import secrets
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from perfproof.checks.building.reading import MOST_TEXT
from perfproof.checks.files import Executed
from perfproof.core.redaction import Redactor
from perfproof.errors import UsageError
from perfproof.http.json_paths import find_one
from perfproof.model.scenario import Arm, JsonValue
from perfproof.service.command import resolve
from perfproof.service.guarded import Guarded
from perfproof.service.sockets import choose_ports


@dataclass
class FilesOfArm:
    """See ``perfproof.checks.files.ArmFiles``. Logs and the copy lie in ``folder``, which is private and goes away."""

    arm: Arm
    folder: Path
    redactor: Redactor
    _copied: Path | None = field(default=None, init=False)

    @property
    def name(self) -> str:
        """Return the arm's name."""
        return self.arm.name

    @property
    def directory(self) -> Path:
        """Return the folder that commands run in."""
        return self._copied or self.arm.service.directory.absolute()

    def copy(self, leave_out: Sequence[str]) -> None:
        """Copy the arm's folder. Times of files are kept: build tools go by them."""
        source, target = self.arm.service.directory.absolute(), self.folder / "copy"
        try:
            if target.exists():
                shutil.rmtree(target)
            shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns(*leave_out))
        except (OSError, shutil.Error) as error:
            why = (
                error.strerror
                if isinstance(error, OSError) and error.strerror
                else f"{len(error.args[0])} files failed"
            )
            raise UsageError(
                f"{self.name}: its folder could not be copied",
                why=why,
                hint="leave out what is not needed (`leave_out`), or set `in_place: true`",
            ) from error
        self._copied = target

    def has(self, program: str) -> bool:
        """Tell whether the arm's commands would find a program."""
        try:
            resolve(self._placed(), program, None)
        except UsageError:
            return False
        return True

    def execute(self, line: str, within: float) -> Executed:
        """Run a command line to its end under a guard, which ends all that it started."""
        line = line.replace("{python}", sys.executable).replace("{work}", str(self._work()))
        arm = self._placed()
        port = arm.service.port or choose_ports(1)[0]
        command = resolve(arm, line, port)
        log = self.folder / f"command-{secrets.token_hex(4)}.log"
        with Guarded(command, log=log, cpus=None, grace=arm.service.stop_grace) as guarded:
            began = time.monotonic()
            ended = guarded.wait(within)
            seconds = time.monotonic() - began
        with log.open("rb") as file:
            output = self.redactor(file.read(MOST_TEXT + 1).decode("utf-8", "replace"))
        log.unlink()
        if ended is None:
            return Executed(None, seconds, output, f"took longer than {within:.3g} s")
        code = re.fullmatch(r"exited with code (\d+)", ended)
        return Executed(int(code[1]), seconds, output) if code else Executed(None, seconds, output, ended)

    def find(self, document: JsonValue, path: str) -> JsonValue:
        """Return the value at a JSON path, as captures of a scenario read it."""
        found: JsonValue = find_one(document, path)
        return found

    def _placed(self) -> Arm:
        return replace(self.arm, service=replace(self.arm.service, directory=self.directory))

    def _work(self) -> Path:
        work = self.folder / "work"
        work.mkdir(exist_ok=True, mode=0o700)
        return work
