"""department add, list: where departments take their tasks. Secrets are shown once, when they are made."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from onenet.cli.opening import with_database
from onenet.clock import SystemClock
from onenet.services import endpoints
from onenet.services.catalogue import Catalogue
from onenet.store.database import Database

app = typer.Typer(no_args_is_help=True)


@app.command()
def add(
    department: Annotated[str, typer.Argument(help="The department's code in the catalogue.")],
    *,
    url: Annotated[str, typer.Option(help="Where its system takes tasks.")],
    adapter: Annotated[str, typer.Option(help="The adapter that speaks its words.")] = "webhook",
    secret: Annotated[
        str | None, typer.Option(help="whsec_… to sign with; default: a new one, printed once.")
    ] = None,
    option: Annotated[
        list[str] | None, typer.Option(help="name=value that the adapter wants; may be repeated.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Register where a department is reached; again for the same department replaces it."""
    options = dict(pair.split("=", 1) for pair in option or [])

    async def use(database: Database) -> tuple[endpoints.Registered, bool]:
        wanted = endpoints.Wanted("department", department, url, adapter, secret, options)
        known = {known.code for known in await Catalogue(database).departments()}
        return await endpoints.register(database, wanted, SystemClock().now()), department in known

    made, is_known = with_database(use)
    if not is_known:
        typer.echo(f"warning: no department {department} in the published catalogue", err=True)
    if as_json:
        typer.echo(json.dumps({"id": str(made.endpoint.id), "secret": made.endpoint.secrets[0]}))
        return
    typer.echo(f"{department} is reached at {url} ({adapter})")
    if secret is None:
        typer.echo(f"signing secret, shown only now: {made.endpoint.secrets[0]}")


@app.command("list")
def list_(as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """List departments and how they are reached."""
    found = with_database(lambda database: endpoints.list_endpoints(database, "department"))
    rows = [{"department": e.owner, "adapter": e.adapter, "url": e.url, "state": e.state} for e in found]
    if as_json:
        typer.echo(json.dumps(rows))
        return
    for row in rows:
        typer.echo(f"{row['department']:<12} {row['adapter']:<12} {row['state']:<8} {row['url']}")
