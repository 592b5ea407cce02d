"""department and endpoint pause, resume, rotate: what an operator does about one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from onenet.adapters import signing
from onenet.cli.opening import OPERATOR, with_database
from onenet.clock import SystemClock
from onenet.errors import NotFound
from onenet.ids import from_text, to_text
from onenet.services import deeds, pauses, rotations
from onenet.services import endpoints as services
from onenet.services.endpoints import ENDPOINT_PREFIX, public_key_of
from onenet.services.pauses import JOB_PREFIX, Asked
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


def pause(
    whose: Whose,
    *,
    reason: Annotated[str, typer.Option(help="Why: it stands with the endpoint until it is resumed.")],
) -> None:
    """Send nothing there until `resume`. What is meant for it waits; calls under way are finished."""

    async def use(database: Database) -> pauses.Done:
        return await deeds.do(database, pauses.Pause(await _asked(database, whose), reason))

    done = with_database(use)
    typer.echo(f"{done.endpoint.owner} is sent nothing from now on; {done.job.total} wait for it")


def resume(whose: Whose) -> None:
    """Send what waits for it, and release what is held because it was not there."""

    async def use(database: Database) -> pauses.Done:
        return await deeds.do(database, pauses.Resumption(await _asked(database, whose)))

    done = with_database(use)
    typer.echo(
        f"{done.endpoint.owner} is sent what is due; {done.job.total} that were held or put off follow by"
        f" {to_text(JOB_PREFIX, done.job.id)}"
    )


async def _asked(database: Database, whose: str) -> Asked:
    return Asked(await endpoint_id(database, whose), OPERATOR, SystemClock().now())


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
        return await deeds.do(database, rotations.Rotation(id, rotations.Wanted(grace, key), now))

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
