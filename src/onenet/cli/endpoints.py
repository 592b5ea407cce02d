"""endpoint remove: takes an endpoint away that nothing will ever be sent to."""

from __future__ import annotations

from typing import Annotated

import typer

from onenet.cli.opening import with_database
from onenet.services import endpoints

app = typer.Typer(no_args_is_help=True)


@app.callback()
def endpoint() -> None:
    """Endpoints."""


@app.command()
def remove(
    department: Annotated[str, typer.Argument(help="A code that the published catalogue does not know.")],
) -> None:
    """Take the endpoint of a department away that the catalogue does not know."""
    removed = with_database(lambda database: endpoints.remove(database, department))
    typer.echo(f"{department} is no longer reached at {removed.url}")
