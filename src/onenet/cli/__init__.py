"""The command line: each command calls one service. Exit status: 0 done, 1 found wanting, 2 misused."""

from __future__ import annotations

import sys
from pathlib import Path

import structlog
import typer
from sqlalchemy.exc import DBAPIError

from onenet import __version__, errors, occasion, security_log
from onenet.adapters import redaction
from onenet.cli import (
    cases,
    catalogues,
    databases,
    departments,
    doctor,
    endpoints,
    keks,
    keys,
    operating,
    records,
    relays,
    running,
    tokens,
)
from onenet.errors import OnenetError
from onenet.settings import read_settings

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="A city's one network: one form in, every department served, every step on record.",
)
app.command("serve")(running.serve)
app.command("worker")(running.worker)
app.command("demo")(running.demo)
app.command("openapi")(running.openapi)
app.command("doctor")(doctor.run)
app.add_typer(databases.app, name="db", help="The database's tables.")
app.add_typer(catalogues.app, name="catalogue", help="Jurisdictions, departments, items and bundles.")
for of_endpoints in (departments.app, endpoints.app):
    of_endpoints.command("rotate")(operating.rotate)
app.add_typer(departments.app, name="department", help="How departments are reached.")
app.add_typer(endpoints.app, name="endpoint", help="Endpoints that are in nobody's use.")
app.add_typer(keys.app, name="key", help="API keys.")
app.add_typer(tokens.app, name="token", help="Access tokens of issuers.")
app.add_typer(keks.app, name="kek", help="Key-encryption keys: what personal data are encrypted under.")
app.add_typer(cases.app, name="case", help="Cases: what they are, and erasing them.")
app.add_typer(relays.app, name="relay", help="Events of all cases to a message broker.")
app.add_typer(records.app, name="log", help="The record of events.")


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
    file, folder = Path(error.filename).absolute(), read_settings().data_dir.absolute()
    is_ours = file == folder or folder in file.parents or file in folder.parents
    return f"{error.filename}: {error.strerror}" + (" (see ONENET_DATA_DIR)" if is_ours else "")


def main() -> None:
    """The entry of the `onenet` script."""
    try:
        settings = read_settings()
        _configure_log(settings.log_level)
        security_log.open_stream(settings.security_log, is_server=False)
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
