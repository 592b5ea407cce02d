"""department rotate, endpoint rotate: what an operator does about an endpoint, over its id or its owner."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from onenet.adapters import signing
from onenet.cli.opening import with_database
from onenet.clock import SystemClock
from onenet.errors import NotFound
from onenet.ids import from_text
from onenet.services import endpoints as services
from onenet.services import rotations
from onenet.services.endpoints import ENDPOINT_PREFIX, public_key_of
from onenet.store.database import Database

Whose = Annotated[str, typer.Argument(help="A department's code, or an endpoint's id: ept_…")]
AsJson = Annotated[bool, typer.Option("--json")]


async def endpoint_id(database: Database, whose: str) -> UUID:
    """The id of the endpoint of that id, or of that department. Raises: NotFound."""
    found = from_text(ENDPOINT_PREFIX, whose)
    if found is not None:
        return found
    for each in await services.list_endpoints(database, "department"):
        if each.owner == whose:
            return each.id
    raise NotFound(f"department {whose} has no endpoint")


def rotate(
    whose: Whose,
    *,
    grace: Annotated[
        int,
        typer.Option(
            min=0, max=rotations.LONGEST_GRACE_S, help="Seconds for which the old keys sign and verify, too."
        ),
    ] = rotations.GRACE_S,
    key_file: Annotated[
        Path | None, typer.Option(help="File with the new secret, whsec_…; without it one is made.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Replace the keys that sign what goes there; the new secret is printed once."""
    key = key_file.read_text(encoding="utf-8").strip() if key_file else None
    now = SystemClock().now()

    async def use(database: Database) -> rotations.Rotated:
        id = await endpoint_id(database, whose)
        return await rotations.rotate(database, id, rotations.Wanted(grace, key), now)

    done = with_database(use)
    secret = None if key else done.secret
    if as_json:
        told = {"secret": secret, "public_key": public_key_of(done.endpoint)}
        typer.echo(json.dumps(told | {"ends_at": [old.until.isoformat() for old in done.endpoint.retired]}))
        return
    if secret is not None:
        typer.echo(f"signing secret, shown only now: {secret}")
    if (public := public_key_of(done.endpoint)) is not None:
        typer.echo(f"onenet signs with: {public}")
    for old in done.endpoint.retired:
        typer.echo(f"key {signing.key_id(old.key)} counts until {old.until:%Y-%m-%dT%H:%M:%SZ}")
