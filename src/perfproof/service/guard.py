"""Runs one command and ends everything it started, whatever happens to perfproof.

Run as ``python -I -S guard.py CHANNEL GRACE CPUS COMMAND...``: little of the standard library and nothing else, so
that it starts fast and does not depend on what is installed. ``CHANNEL`` is the guard's end of a socket pair.
perfproof never writes to it: when the other end closes (the end was asked for, or perfproof was killed), the guard ends
the tree: TERM, ``GRACE`` seconds, KILL.

Being a child subreaper, the guard adopts whatever is orphaned below it, so that a daemon that detached itself (double
fork, own session) is still its descendant. Rejected: a process group alone, which such a daemon leaves; cgroups, which
need rights that a user seldom has.

Lines written to the channel: ``started PID``, then ``failed MESSAGE`` (could not be executed), ``exited CODE`` or
``killed SIGNAL`` as soon as the command itself ends. The command's end is the end of its tree.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import sys
import time
from types import FrameType

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
POLL = 0.02
"""Seconds between two looks at a tree that is ending."""

KILL_TIMEOUT = 10.0
"""Seconds after KILL until the guard gives up: a process stuck in the kernel cannot be ended by anyone."""

HANDLED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
"""Signals that the guard takes notice of."""


def prctl(option: int, value: int) -> None:
    """Set an attribute of this process, by the system call of that name."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option})")


def say(channel: int, line: str) -> None:
    """Tell perfproof, if it still lives."""
    with contextlib.suppress(OSError):
        os.write(channel, line.encode() + b"\n")


def launch(channel: int, command: list[str]) -> int:
    """Start the command in a session of its own; return its pid.

    Signals wait until the child has put their handling back: a TERM that came before would be taken by the handler
    inherited from the guard and be lost, and each process is sent one only.
    """
    guard = os.getpid()
    held = signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)
    pid = os.fork()
    if pid:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)
        return pid
    try:
        os.setsid()
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # for the case that the guard itself is killed
        if os.getppid() != guard:
            os._exit(127)
        # Python ignores SIGPIPE and SIGXFSZ, and ignored signals stay ignored across exec.
        for number in (signal.SIGPIPE, signal.SIGXFSZ, *HANDLED):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, held)
        os.execvp(command[0], command)  # noqa: S606 - no shell is meant
    except OSError as error:
        say(channel, f"failed {error.strerror}")
    finally:
        os._exit(127)


def reap(main: int) -> int | None:
    """Collect every child that has ended; return the wait status of ``main`` if it is among them."""
    status = None
    while True:
        try:
            pid, ended = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return status
        if pid == 0:
            return status
        if pid == main:
            status = ended


def parent_of(directory: str) -> int | None:
    """Return the parent of the process with this /proc directory; None when it is gone."""
    try:
        file = os.open(f"{directory}/stat", os.O_RDONLY)
    except OSError:
        return None
    try:
        return int(os.read(file, 1024).rpartition(b")")[2].split()[1])
    except (OSError, IndexError):
        return None
    finally:
        os.close(file)


def descendants(root: int) -> list[int]:
    """Return every live process below ``root``, parents before children."""
    children: dict[int, list[int]] = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit() and (parent := parent_of(entry.path)) is not None:
            children.setdefault(parent, []).append(int(entry.name))
    found = list(children.get(root, ()))
    for pid in found:  # grows while it is walked
        found.extend(children.get(pid, ()))
    return found


def listed(root: int) -> list[int]:
    """Return the processes below ``root`` that the kernel lists as children: far less work than ``descendants``.

    It lists none without CONFIG_PROC_CHILDREN, and may miss one whose sibling ends meanwhile (proc(5)).
    """
    pids = [root]
    for pid in pids:  # grows while it is walked
        with contextlib.suppress(OSError), os.scandir(f"/proc/{pid}/task") as threads:
            for thread in threads:
                with open(f"{thread.path}/children", "rb") as file:  # noqa: PTH123 - no pathlib here
                    pids.extend(map(int, file.read().split()))
    return pids[1:]


def end_tree(main: int, grace: float, wake: int) -> int | None:
    """End every descendant: TERM once to each, KILL after the grace; return the wait status of ``main`` if it came.

    ``wake`` can be read from as soon as a child has ended, so that nothing is waited for then.
    """
    status = None
    asked: set[int] = set()
    deadline = time.monotonic() + grace
    while time.monotonic() < deadline + KILL_TIMEOUT:
        ended = reap(main)
        status = ended if status is None else status
        # Looked for anew each time: what is asked to end may start others to tidy up after it.
        left = listed(os.getpid()) or descendants(os.getpid())
        if not left:
            break
        force = time.monotonic() >= deadline
        for pid in left:
            if force or pid not in asked:
                asked.add(pid)
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL if force else signal.SIGTERM)
        if select.select([wake], [], [], POLL)[0]:
            os.read(wake, 512)
    return status


def guard(channel: int, grace: float, cpus: set[int], command: list[str]) -> int:
    """Run the command to its end, or until the channel closes or a TERM comes; return the exit code to pass on."""
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    if cpus:
        os.sched_setaffinity(0, cpus)
    os.set_inheritable(channel, False)
    # A signal that came between `reap` and `select` would be slept through; a byte in a pipe is not.
    wake, waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    asked_to_end = False

    def note(number: int, _frame: FrameType | None) -> None:
        nonlocal asked_to_end
        asked_to_end = asked_to_end or number != signal.SIGCHLD

    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    for number in HANDLED:
        signal.signal(number, note)

    main = launch(channel, command)
    say(channel, f"started {main}")
    status = None
    while status is None and not asked_to_end:
        ready = select.select([channel, wake], [], [])[0]
        if wake in ready:
            os.read(wake, 512)
        status = reap(main)
        if channel in ready:
            break
    if status is not None:
        report(channel, status)
        end_tree(main, grace, wake)
    else:
        status = end_tree(main, grace, wake)
        if status is not None:
            report(channel, status)
    if status is None:
        return 1
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def report(channel: int, status: int) -> None:
    """Say how the command ended."""
    code = os.waitstatus_to_exitcode(status)
    say(channel, f"exited {code}" if code >= 0 else f"killed {-code}")


if __name__ == "__main__":
    os._exit(
        guard(
            channel=int(sys.argv[1]),
            grace=float(sys.argv[2]),
            cpus={int(cpu) for cpu in sys.argv[3].split(",") if cpu},
            command=sys.argv[4:],
        )
    )
