"""The typer application: which commands there are, and where their errors end."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from typing import Annotated, Any

import typer

from perfproof import __version__
from perfproof.cli.ab import ab
from perfproof.cli.baseline import baseline
from perfproof.cli.capacity import capacity
from perfproof.cli.check import check
from perfproof.cli.checks import checks
from perfproof.cli.common import options
from perfproof.cli.common.completion import completion
from perfproof.cli.common.console import tell
from perfproof.cli.common.failure import misuse, report_failure, unexpected
from perfproof.cli.common.groups import spread
from perfproof.cli.common.streams import make_enduring, unwritten
from perfproof.cli.compare import compare
from perfproof.cli.count import count
from perfproof.cli.demo import demo
from perfproof.cli.doctor import doctor
from perfproof.cli.export_import import export, import_
from perfproof.cli.gate import gate
from perfproof.cli.history import history
from perfproof.cli.init import init
from perfproof.cli.list_runs import list_runs
from perfproof.cli.noise import noise
from perfproof.cli.probe import probe
from perfproof.cli.prove import prove
from perfproof.cli.prune import prune
from perfproof.cli.push import push
from perfproof.cli.report import report
from perfproof.cli.resume import resume
from perfproof.cli.rollout import rollout
from perfproof.cli.run import run as run_command
from perfproof.cli.schema import schema
from perfproof.cli.serve import serve
from perfproof.cli.show import last, show
from perfproof.cli.worker import worker
from perfproof.errors import ExitCode, PerfproofError, UsageError
from perfproof.machine.signals import end_by_exception, end_undisturbed

app = typer.Typer(
    name="perfproof",
    help="Proves or refutes that a change made an HTTP API faster, leaner and gentler on its database.",
    invoke_without_command=True,
    add_completion=True,
    pretty_exceptions_enable=False,  # locals in a traceback have leaked tokens
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 passed, 1 failed, 2 usage, 3 inconclusive, 4 invalid, 130 interrupted.",
)
COMMANDS = (
    ("demo", demo),
    ("init", init),
    ("check", check),
    ("doctor", doctor),
    ("ab", ab),
    ("prove", prove),
    ("run", run_command),
    ("probe", probe),
    ("count", count),
    ("checks", checks),
    ("rollout", rollout),
    ("resume", resume),
    ("compare", compare),
    ("gate", gate),
    ("report", report),
    ("list", list_runs),
    ("show", show),
    ("last", last),
    ("noise", noise),
    ("capacity", capacity),
    ("worker", worker),
    ("history", history),
    ("serve", serve),
    ("export", export),
    ("import", import_),
    ("push", push),
    ("prune", prune),
    ("schema", schema),
    ("completion", completion),
)
for _name, _command in COMMANDS:
    app.command(_name)(spread(_command))
app.add_typer(baseline)


# Newer versions of Typer bring a copy of Click along, whose errors are not Click's own: its base is asked of Typer.
_MISUSES: tuple[Any, ...] = tuple(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")


def _version(value: bool) -> None:
    if value:
        typer.echo(f"perfproof {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001 - its callback acts
        bool, typer.Option("--version", "-V", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    verbose: options.Verbose = False,  # noqa: ARG001 - its callback acts
) -> None:
    """Take the options that stand before a command; take away first what killed ones have left."""
    from perfproof.service.private_folders import tidy_up

    for done in tidy_up():
        tell(done)
    if context.invoked_subcommand is None:
        from perfproof.cli.overview import overview

        results = Path(os.environ.get("PERFPROOF_RESULTS") or "results")
        there = {command.name for command in app.registered_commands}
        beginning = "perfproof init" if "init" in there else "perfproof demo"
        overview(results, os.environ.get("PERFPROOF_STORE") or None, beginning=beginning)


def run() -> None:
    """Run the command in argv; every error ends here, with its own exit code and never with a traceback."""
    make_enduring()
    end_by_exception()
    try:
        code = app(standalone_mode=False)
    except PerfproofError as error:
        report_failure(error)
        code = int(error.exit_code)
    except typer.Abort:
        code = int(ExitCode.INTERRUPTED)
    except _MISUSES as error:
        report_failure(misuse(error, [str(command.name) for command in app.registered_commands]))
        code = int(ExitCode.USAGE)
    except KeyboardInterrupt:
        tell("interrupted")
        code = int(ExitCode.INTERRUPTED)
    except Exception as error:  # noqa: BLE001 - the last net: a traceback may hold values that are secret
        failure = unexpected(error)
        report_failure(failure)
        if os.environ.get("PERFPROOF_DEBUG"):
            traceback.print_exception(error)
        code = int(ExitCode.USAGE if isinstance(failure, UsageError) else ExitCode.INVALID)
    code = code if isinstance(code, int) else 0
    if (lost := unwritten()) is not None:
        report_failure(lost)
        code = code or int(lost.exit_code)
    end_undisturbed()
    sys.exit(code)
