"""endpoint keys, remove: by what each endpoint's signatures are checked; one that nothing is sent to goes."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from onenet.adapters import signing
from onenet.cli import operating
from onenet.cli.opening import with_database
from onenet.services import endpoints

app = typer.Typer(name="endpoint", no_args_is_help=True, help="Endpoints that are in nobody's use.")
app.command()(operating.pause)
app.command()(operating.resume)
app.command()(operating.rotate)


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


@app.command()
def keys(as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """List public keys: those of onenet that it signs with, and those that departments sign with."""
    rows = [
        {"owner": each.owner, "kind": each.kind, "of": whose, "key": key}
        for each in with_database(endpoints.list_endpoints)
        for whose, found in (
            ("onenet", map(signing.public_half, signing.own_keys(each.secrets))),
            (each.kind, signing.public_keys(each.secrets)),
        )
        for key in found
    ]
    if as_json:
        typer.echo(json.dumps(rows))
        return
    for row in rows:
        typer.echo(f"{row['owner']:<12} {row['kind']:<12} {row['of']:<12} {row['key']}")
