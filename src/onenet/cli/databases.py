"""db upgrade, downgrade, current, check, distribute."""

from __future__ import annotations

from typing import Annotated

import typer

from onenet.clock import SystemClock
from onenet.errors import MisconfiguredError
from onenet.resources import migrations_dir
from onenet.settings import read_settings
from onenet.store import cluster, distribution
from onenet.store.migrating import Migrator
from onenet.store.tables import metadata

app = typer.Typer(name="db", no_args_is_help=True, help="The database's tables.")


def _migrator() -> Migrator:
    return Migrator(read_settings().resolved_database_url(), migrations_dir())


def _tell(line: str) -> None:
    typer.echo(f"  {line}")


@app.command()
def upgrade(revision: str = typer.Argument("head")) -> None:
    """Bring the tables up to a revision; a SQLite file that has rows is copied first."""
    migrator = _migrator()
    migrator.upgrade(revision, _tell, SystemClock().now())
    typer.echo(f"at revision {migrator.current()}")


@app.command()
def downgrade(revision: str) -> None:
    """Take the tables down to a revision; refuses where rows would be lost."""
    migrator = _migrator()
    try:
        migrator.downgrade(revision, _tell, SystemClock().now())
    except RuntimeError as error:
        raise MisconfiguredError(str(error)) from error
    typer.echo(f"at revision {migrator.current() or 'base'}")


@app.command()
def current() -> None:
    """Print the revision the database is at."""
    typer.echo(_migrator().current() or "base")


@app.command()
def check() -> None:
    """Say whether the database is at the newest revision (exit status 1 when it is not)."""
    migrator = _migrator()
    typer.echo(f"at {migrator.current() or 'base'}, newest {migrator.head()}")
    if not migrator.is_current():
        raise typer.Exit(1)


@app.command()
def distribute(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the SQL and do nothing.")] = False,
) -> None:
    """Spread the tables over a Citus cluster by lane; run again it does what is left."""
    if dry_run:
        for placing in distribution.placings(metadata):
            typer.echo(f"{placing.sql};")
        return
    cluster.distribute(read_settings().resolved_database_url(), metadata, _tell)
