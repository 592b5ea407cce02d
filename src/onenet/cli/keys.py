"""key create, list, rotate, revoke: the token is shown once."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

import typer

from onenet.cli.opening import with_database
from onenet.clock import SystemClock
from onenet.domain.principal import Role, usual
from onenet.errors import Conflict
from onenet.issuers import OF_DEPARTMENT
from onenet.services import keys
from onenet.services.catalogue import Catalogue
from onenet.settings import read_settings
from onenet.store.callers import ApiKey
from onenet.store.database import Database

app = typer.Typer(name="key", no_args_is_help=True, help="API keys.")


def _show(made: keys.NewKey, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"token": made.token, "public": made.key.public, "client": made.key.client}))
    else:
        typer.echo(f"{made.key.kind} key of {made.key.client}, shown only now:\n{made.token}")


@app.command()
def create(
    kind: Annotated[
        Literal["frontend", "department", "administrator", "officer", "supervisor", "auditor"],
        typer.Argument(),
    ],
    client: Annotated[str, typer.Argument(help="Whose it is: a code; of an officer the department's.")],
    *,
    jurisdiction: Annotated[
        list[str] | None, typer.Option(help="Only there and below; may be given several times.")
    ] = None,
    scope: Annotated[
        list[str] | None, typer.Option(help="Only this of what its kind may; may be given several times.")
    ] = None,
    network: Annotated[
        list[str] | None, typer.Option(help="Only from there, as 10.1.0.0/16; may be given several times.")
    ] = None,
    days: Annotated[int, typer.Option(help="How long it lives.", min=1, max=366)] = 366,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Make a key."""
    now = SystemClock().now()
    if kind == "frontend" and client in {issuer.code for issuer in read_settings().issuers}:
        raise Conflict(f"{client} is the code of an issuer of tokens: choose another one")

    async def use(database: Database) -> keys.NewKey:
        made = await keys.create(
            database,
            kind=kind,
            client=client,
            now=now,
            scopes=frozenset(scope) if scope else None,
            lives_for=timedelta(days=days),
            jurisdictions=frozenset(jurisdiction or ()),
            networks=tuple(network or ()),
        )
        await _warn(Catalogue(database), made.key)
        return made

    _show(with_database(use), as_json)


async def _warn(catalogue: Catalogue, key: ApiKey) -> None:
    """Says what the published catalogue does not know: the key opens nothing until it does."""
    if key.kind in OF_DEPARTMENT and key.client not in {each.code for each in await catalogue.departments()}:
        typer.echo(f"warning: no department {key.client} in the published catalogue", err=True)
    for code in sorted(key.jurisdictions - {each.code for each in await catalogue.jurisdictions()}):
        typer.echo(f"warning: no jurisdiction {code} in the published catalogue", err=True)


@app.command("list")
def list_(as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """List keys, also those that have ended, without anything that opens something."""
    now, found = SystemClock().now(), with_database(keys.list_keys)
    if as_json:
        typer.echo(json.dumps([_members(key, now) for key in found]))
        return
    for key in found:
        name = f"onk_{key.public}  {key.kind:<13} {key.client:<20}"
        used = f"used {_moment(key.last_used_at)}" if key.last_used_at else "not used"
        only = f"  only from {', '.join(key.networks)}" if key.networks else ""
        typer.echo(f"{name} created {_moment(key.created_at)}  {_end(key, now)}  {used}{only}")


def _members(key: ApiKey, now: datetime) -> dict[str, Any]:
    moments = {
        name: getattr(key, name) for name in ("created_at", "expires_at", "revoked_at", "last_used_at")
    }
    return {
        "id": str(key.id), "public": key.public, "kind": key.kind, "client": key.client,
        "live": key.is_live(now), "jurisdictions": sorted(key.jurisdictions),
        "networks": list(key.networks), "scopes": sorted(key.scopes),
        **{name: at and at.isoformat() for name, at in moments.items()},
    }  # fmt: skip


def _end(key: ApiKey, now: datetime) -> str:
    """When it ends or ended, and why."""
    if key.revoked_at is not None:
        return f"{'revoked' if key.revoked_at <= now else 'ends'} {_moment(key.revoked_at)}"
    if key.expires_at is None:
        return "has no end"
    return f"{'expired' if key.expires_at <= now else 'expires'} {_moment(key.expires_at)}"


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


@app.command()
def rotate(
    public: Annotated[str, typer.Argument(help="The eight characters after onk_.")],
    overlap_hours: Annotated[int, typer.Option(help="How long the old key still works.", min=0)] = 24,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Make a key like this one, and end this one after the overlap."""
    now, overlap = SystemClock().now(), timedelta(hours=overlap_hours)
    made = with_database(lambda db: keys.rotate(db, public, now=now, overlap=overlap))
    if lacks := usual(Role(made.key.kind)) - made.key.scopes:
        typer.echo(f"note: a key made anew has also: {', '.join(sorted(lacks))}", err=True)
    _show(made, as_json)


@app.command()
def revoke(public: Annotated[str, typer.Argument(help="The eight characters after onk_.")]) -> None:
    """End a key now."""
    with_database(lambda db: keys.revoke(db, public, now=SystemClock().now()))
    typer.echo(f"onk_{public} is revoked")
