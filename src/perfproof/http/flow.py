"""One user's way through the steps of a flow, on one connection, with variables and cookies of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic_ns
from typing import Any

from perfproof.http.body import Files
from perfproof.http.cookies import Jar
from perfproof.http.exchange import Message, Place, handling_of, message_of, stream_message
from perfproof.http.message import outgoing
from perfproof.http.variables import Draw
from perfproof.model.recording import Outcome
from perfproof.model.scenario import Request

# A ``perfproof.http.connection.Connection``, which cannot be named here: the parent's side reads scenarios with this
# module and must not come near gevent.
Connection = Any
Owner = Callable[[Connection], None]

_OK, _NOT_STARTED, _LOST = int(Outcome.OK), int(Outcome.NOT_STARTED), int(Outcome.LOST)


@dataclass(frozen=True)
class FlowStep:
    """One request of a flow and its number among all requests of the scenario."""

    request: Request
    number: int


class Flow:
    """A flow that is about to be sent; handed to ``Connection.send`` as if it were a message.

    Each step is recorded under its own name, the first with the flow's intended start. A step that does not end well
    ends the flow; the steps after it are recorded as not started. The connection is held while the user thinks, as a
    browser holds its own: an open-model load needs about rate times duration of them.
    """

    plain = False

    def __init__(
        self,
        steps: Sequence[FlowStep],
        variant: int,
        variables: Draw,
        place: Place,
        files: Files,
        jar: Jar,
    ) -> None:
        self.request = steps[0].number
        self.variant = variant
        self.timeout_ns = int(steps[0].request.timeout * 1e9)
        self._steps = steps
        self._variables = variables
        self._place = place
        self._files = files
        self._jar = jar
        self._at = 0
        self._tries = 0
        self._owner: Owner | None = None
        self._connection: Connection | None = None
        self._timer: object = None

    def begin(self, connection: Connection, intended: int, owner: Owner) -> None:
        """Send the first step now; ``owner`` is called when the flow has ended, however it ended."""
        self._connection, self._owner = connection, owner
        self._send(intended)

    def _send(self, intended: int = 0) -> None:
        connection, step = self._connection, self._steps[self._at]
        assert connection is not None  # noqa: S101 - a flow that has begun has one
        try:
            message = self.message()
        except ValueError as error:
            connection.problem = f"it cannot be sent: {error}"
            connection.pool.note(f"{step.request.name} cannot be sent: {error}")
            self._end(first_left_out=self._at)
            return
        connection.send(message, intended, self._ended)

    def message(self) -> Message:
        """Return what the step that it is at sends now, with all that was captured; ValueError if it cannot be sent."""
        self._tries += 1
        step, place = self._steps[self._at], self._place
        request = step.request
        target = place.target
        out = outgoing(request, self._variables, target.prefix, files=self._files, jar=self._jar)
        if request.stream is not None:
            return stream_message(
                request, self._variables, out, target.authority, number=step.number, variant=self.variant
            )
        handling = handling_of(
            request,
            self._variables,
            place,
            out,
            number=step.number,
            into=self._variables.known,
            jar=self._jar,
            last=request.repeat is not None and self._tries >= request.repeat.at_most,
        )
        return message_of(request, out, target.authority, number=step.number, variant=self.variant, handling=handling)

    def _ended(self, connection: Connection) -> None:
        step = self._steps[self._at]
        if connection.outcome != _OK:
            # After a step that is no failure of the service, neither are those that needed it.
            lost = connection.outcome == _LOST
            self._end(first_left_out=len(self._steps) if lost else self._at + 1)
            return
        again = self.again(arrived=connection.arrived)
        if self._at == len(self._steps) or connection.pool.halted:
            self._end(first_left_out=self._at)
        else:
            repeat = step.request.repeat
            self._rest(repeat.every if again and repeat is not None else step.request.think_time)

    def again(self, *, arrived: bool) -> bool:
        """Go on after a response as it should be: True if the same step is to be sent again, since it is polled."""
        if self._steps[self._at].request.repeat is not None and not arrived:
            return True
        self._at += 1
        self._tries = 0
        return False

    @property
    def step(self) -> Request:
        """Return the step that it is at; only while there is one."""
        return self._steps[self._at].request

    def _rest(self, seconds: float) -> None:
        connection = self._connection
        assert connection is not None  # noqa: S101 - a flow that has begun has one
        # Also without a pause from the loop: steps that fail at once would otherwise call each other without end.
        self._timer = timer = connection.pool.loop.timer(seconds)
        connection.resting = self._cut_short
        timer.start(self._wake)

    def _wake(self) -> None:
        self._stop_resting()
        self._send()

    def _cut_short(self) -> None:
        self._stop_resting()
        self._end(first_left_out=self._at)

    def _stop_resting(self) -> None:
        connection, timer = self._connection, self._timer
        if connection is not None:
            connection.resting = None
        if timer is not None:
            timer.close()  # type: ignore[attr-defined] # gevent has no types
        self._timer = None

    def _end(self, first_left_out: int) -> None:
        connection, owner = self._connection, self._owner
        assert connection is not None  # noqa: S101 - a flow that has begun has one
        assert owner is not None  # noqa: S101 - and an owner
        pool, now = connection.pool, monotonic_ns()
        for step in self._steps[first_left_out:]:
            row = (pool.arm, pool.pair, step.number, self.variant, now, 0, 0, now, 0, 0, _NOT_STARTED, 0)
            pool.record(*row, pool.next_id())
        owner(connection)
