"""The command line: each command calls one service. Exit status: 0 done, 1 found wanting, 2 misused."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import structlog
import typer
from sqlalchemy.exc import DBAPIError
from typer.core import TyperGroup
from typer.main import get_group

from onenet import __version__, errors, occasion, security_log
from onenet.adapters import redaction
from onenet.errors import OnenetError
from onenet.settings import read_settings

COMMANDS = {
    "serve": "running",
    "worker": "running",
    "demo": "running",
    "openapi": "running",
    "doctor": "doctor",
    "db": "databases",
    "catalogue": "catalogues",
    "department": "departments",
    "endpoint": "endpoints",
    "delivery": "deliveries",
    "key": "keys",
    "token": "tokens",
    "kek": "keks",
    "case": "cases",
    "rating": "ratings",
    "relay": "relays",
    "log": "records",
}
"""Each command, or group of commands, and the module that has it."""

WITHOUT_A_CITY = (["department", "check"], ["department", "simulate"], ["department", "stand-in"])
"""Commands for whoever builds a department's system. What the environment says of some onenet is none of
theirs: it is neither read, nor can it be wrong.
"""


class Commands(TyperGroup):
    """The commands, each of which imports its module when asked for: all together take half a second."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Their names."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of this name, or the group."""
        if cmd_name not in COMMANDS:
            return None
        group = get_group(import_module(f"onenet.cli.{COMMANDS[cmd_name]}").app)
        return group.commands.get(cmd_name, group)


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="A city's one network: one form in, every department served, every step on record.",
)


@app.callback(invoke_without_command=True)
def version(show: bool = typer.Option(False, "--version", help="Print the version.")) -> None:
    """A city's one network: one form in, every department served, every step on record."""
    if show:
        typer.echo(f"onenet {__version__}")
        raise typer.Exit


def _configure_log(level: str) -> None:
    """JSON lines on standard error, from this level up; only what callers name gets in."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            occasion.add_request_id,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.ExceptionRenderer(errors.without_words),
            redaction.redact,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def _where(error: OSError) -> str:
    """Which file and why; of the data folder also which setting names it."""
    if not isinstance(error.filename, str):
        return str(error)
    if sys.argv[1:3] in WITHOUT_A_CITY:
        return f"{error.filename}: {error.strerror}"
    file, folder = Path(error.filename).absolute(), read_settings().data_dir.absolute()
    is_ours = file == folder or folder in file.parents or file in folder.parents
    return f"{error.filename}: {error.strerror}" + (" (see ONENET_DATA_DIR)" if is_ours else "")


def _begin() -> None:
    """Opens the logs, where the settings say so."""
    if sys.argv[1:3] in WITHOUT_A_CITY:
        _configure_log("info")
        security_log.open_stream(None, is_server=False)
        return
    settings = read_settings()
    _configure_log(settings.log_level)
    security_log.open_stream(settings.security_log, is_server=False)


def main() -> None:
    """The entry of the `onenet` script."""
    try:
        _begin()
        app()
    except OnenetError as error:
        typer.echo(f"onenet: {error}", err=True)
        sys.exit(2)
    except OSError as error:
        typer.echo(f"onenet: {_where(error)}", err=True)
        sys.exit(2)
    except DBAPIError as error:
        words = str(error.orig).strip().splitlines()[0]
        typer.echo(
            f"onenet: the database refused: {words} (see ONENET_DATABASE_URL; `onenet db check`)", err=True
        )
        sys.exit(2)
