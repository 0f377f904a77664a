"""The users of a Locust file on one arm, from when they are started until they are dismissed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic_ns
from types import TracebackType
from typing import Any, Literal

import gevent
from locust.clients import HttpSession
from locust.contrib.fasthttp import FastHttpSession

from perfproof.errors import LoadError
from perfproof.http.message import trace_header
from perfproof.load.histogram_recorder import HistogramRecorder
from perfproof.load.locust.locustfile import Loaded, place_of
from perfproof.load.locust.pause_gate import PauseEnvironment, PauseGate
from perfproof.load.locust.request_names import Names
from perfproof.load.locust.samples import event_of
from perfproof.load.sample_recorder import Recorder
from perfproof.model.recording import OTHERS, Outcome, Trouble
from perfproof.model.scenario import LocustFile

START_SECONDS = 60.0
"""Longest that starting all users may take: their on_start, e.g. a login."""

_STOP_SECONDS = 10.0
_LOOK_SECONDS = 0.002
_MOST_TROUBLES = 50
_LONGEST = 300


@dataclass(frozen=True)
class Ledger:
    """Where what happens is noted: names, ids, and troubles; shared by the crowds of all arms.

    ``labels`` are names too, numbered as requests carry them to the service: what a file calls a request before it is
    sent need not be what it calls it afterwards.
    """

    names: Names
    labels: Names
    next_id: Callable[[], int]
    troubles: Counter[tuple[int, str, str]]
    hide: Callable[[str], str]

    def trouble(self, arm: int, kind: str, text: str, count: int = 1) -> None:
        """Note a trouble; beyond some number of different ones, those of a kind count together."""
        text = self.hide(" ".join(text.split()))
        text = text if len(text) <= _LONGEST else text[:_LONGEST] + " ..."
        known = (arm, kind, text) in self.troubles or len(self.troubles) < _MOST_TROUBLES
        self.troubles[arm, kind, text if known else OTHERS] += count

    def taken(self) -> list[Trouble]:
        """Return what was noted since it was last asked for, most frequent first."""
        found = [Trouble(*key, count) for key, count in self.troubles.most_common()]
        self.troubles.clear()
        return found


class LocustUsers:
    """Users of one arm. ``problem`` is why the load cannot go on, ``failures`` the requests that failed in a row."""

    def __init__(self, arm: int, loaded: Loaded, spec: LocustFile, host: str, users: int, ledger: Ledger) -> None:
        self.problem: LoadError | None = None
        self.failures = 0
        self.arm = arm
        self.users = users
        self.turnstile = PauseGate()
        self._spec = spec
        self._ledger = ledger
        self._recorder: Recorder | HistogramRecorder | None = None
        self._pair = -1
        self._phase: Literal["starting", "working", "leaving"] = "starting"
        by_name: dict[str, Any] = {each.__name__: each for each in loaded.classes}
        environment = PauseEnvironment(
            user_classes=list(loaded.classes),
            events=loaded.events,
            host=host,
            tags=list(spec.tags) or None,
            exclude_tags=list(spec.exclude_tags) or None,
            stop_timeout=_STOP_SECONDS,
            parsed_options=loaded.options,
            locustfile=spec.file.name,
            available_user_classes=by_name,
        )
        environment.turnstile = self.turnstile
        environment.header = self._label
        self._environment = environment
        self._runner: Any = environment.create_local_runner()
        self._events = events = loaded.events
        events.request.add_listener(self._heard)
        events.user_error.add_listener(self._failed)
        events.test_stopping.add_listener(lambda **_: self.turnstile.dismiss())
        events.init.fire(environment=environment, runner=self._runner, web_ui=None)

    def assemble(self, is_over: Callable[[], bool]) -> None:
        """Start the users and return when each is about to begin its first task; LoadError if one is not."""
        rate = self._spec.spawn_rate or self.users
        limit = monotonic_ns() + int((START_SECONDS + self.users / rate) * 1e9)
        self._runner.start(self.users, spawn_rate=rate)
        spawning = self._runner.spawning_greenlet
        while self.problem is None and not (spawning.ready() and self.calm):
            if is_over():
                raise LoadError("the load was aborted")
            if monotonic_ns() > limit:
                late = self.present - self.turnstile.parked
                what = f"{late} of {self.users} users of {self._spec.file.name} are not ready"
                raise LoadError(what, why=f"their on_start has not ended within {START_SECONDS:.0f} s")
            gevent.sleep(_LOOK_SECONDS)
        if spawning.ready() and spawning.exception is not None:
            raise LoadError(f"no user of {self._spec.file.name} can be made", why=self._told(spawning.exception))
        if self.problem is not None or not self.present:
            raise self.problem or self._all_gone()
        self._phase = "working"

    @property
    def present(self) -> int:
        """Return how many users there are now."""
        return int(self._runner.user_count)

    @property
    def calm(self) -> bool:
        """Tell whether no user is in a task."""
        return self.turnstile.parked >= self.present

    def begin(self, recorder: Recorder | HistogramRecorder, pair: int) -> None:
        """Let the users go on, their requests recorded as those of ``pair``; LoadError if none is left."""
        if not self.present:
            raise self.problem or self._all_gone()
        self._recorder, self._pair = recorder, pair
        self.turnstile.open()

    def end(self) -> None:
        """Let no user begin another task; what they are at is recorded still, until ``rest``."""
        self.turnstile.close()

    def rest(self) -> float:
        """Stop recording; return how long on average, in ns, users were at it beyond the end."""
        self._recorder = None
        gone = self.users - self.present
        if gone > 0 and self._pair >= 0:
            text = f"{gone} of {self.users} users had ended by themselves"
            self._ledger.trouble(self.arm, "stopped", text)
        return self.turnstile.overtime_ns / max(1, self.users)

    def reconnect(self) -> None:
        """Close the connections that HTTP clients keep, so that the next requests open new ones."""
        for greenlet in self._runner.user_greenlets:
            client = getattr(greenlet.args[0], "client", None) if greenlet.args else None
            with suppress(Exception):  # a client may be anything
                if isinstance(client, HttpSession):
                    client.close()
                elif isinstance(client, FastHttpSession):
                    client.client.clientpool.close()

    def dismiss(self) -> None:
        """Have the users stop, their on_stop included; nothing of it is recorded."""
        self._phase = "leaving"
        self._runner.quit()
        self._events.quitting.fire(environment=self._environment, reverse=True)

    def kill(self) -> None:
        """End the users where they are."""
        self._phase = "leaving"
        self.turnstile.dismiss()
        self._runner.user_greenlets.kill(block=False)
        self._runner.greenlet.kill(block=False)

    def _label(self, kind: str, name: str) -> str | None:
        """Return the header that tells the service which request this is, None outside of load."""
        if self._recorder is None:
            return None
        try:
            number = self._ledger.labels.number(kind, name) if self._pair >= 0 else 0  # nobody asks of which in warm-up
            return trace_header(self._ledger.next_id(), number)
        except LoadError:  # too many names, which is told once the response is there
            return None

    def _heard(
        self,
        request_type: str = "",
        name: str = "",
        response_time: float | None = None,
        response_length: int | None = None,
        **rest: Any,
    ) -> None:
        """Note a request event; what goes wrong here must not be swallowed, as Locust does."""
        try:
            exception, response = rest.get("exception"), rest.get("response")
            found = event_of(response_time, response_length, response, exception, rest.get("start_time"))
            title = f"{request_type} {name}"
            if found is None:
                self._ledger.trouble(
                    self.arm, "listener", f"{title}: its event has no response_time, so it is left out"
                )
                return
            self.failures = 0 if found.outcome == Outcome.OK else self.failures + 1
            if self._recorder is None:
                self._unrecorded(title, exception)
                return
            # What only comes up while warming gets no row in the reports.
            number = self._ledger.names.number(str(request_type), str(name)) if self._pair >= 0 else 0
            times = (found.sent_ns, found.sent_ns, 0, found.done_ns)
            row = (self.arm, self._pair, number, 0, *times, found.status, found.size, int(found.outcome), 0)
            self._recorder.add(*row, self._ledger.next_id())
            if found.outcome == Outcome.UNEXPECTED and self._pair >= 0:
                self._ledger.trouble(self.arm, "answer", f"{title}: {exception or type(exception).__name__}")
        except LoadError as error:
            self.problem = self.problem or error
        except Exception as error:  # noqa: BLE001 - raised by whoever runs the block
            self.problem = self.problem or LoadError(f"a request could not be recorded: {error}")

    def _unrecorded(self, title: str, exception: BaseException | None) -> None:
        if self._phase == "working":
            self._ledger.trouble(self.arm, "stray", title)
        elif self._phase == "starting" and exception is not None:
            self._ledger.trouble(self.arm, "start", f"{title}: {exception or type(exception).__name__}")

    def _failed(self, user_instance: Any, exception: BaseException, tb: TracebackType | None = None, **_: Any) -> None:
        text = self._told(exception, tb)
        if self._phase == "starting":
            who = type(user_instance).__name__
            self.problem = self.problem or LoadError(f"a {who} of {self._spec.file.name} could not start", why=text)
        elif self._recorder is not None and self._pair >= 0:
            self._ledger.trouble(self.arm, "task", text)

    def _all_gone(self) -> LoadError:
        return LoadError(
            f"all users of {self._spec.file.name} have ended",
            why="StopUser, StopTest, runner.quit() or an exception in on_start ends them; see load.log",
        )

    def _told(self, error: BaseException, trace: TracebackType | None = None) -> str:
        place = place_of(trace or error.__traceback__, self._spec.file.parent)
        return f"{type(error).__name__}: {error}" + (f" ({place})" if place else "")
