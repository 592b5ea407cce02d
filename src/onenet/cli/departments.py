"""department add, list, trust, distrust: where departments take their tasks, and by which keys they are
believed. Secrets are shown once, when they are new.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

import typer

from onenet.adapters import desk, exchange_table, signing
from onenet.adapters.masking import masked
from onenet.cli import dry_run, exchange, operating, sandbox
from onenet.cli.opening import with_database
from onenet.cli.options import CredentialFiles, DescriptionFile, credentials_in, options_of
from onenet.clock import SystemClock
from onenet.ids import to_text
from onenet.services import descriptions, destinations, endpoints, handshakes
from onenet.services.catalogue import Catalogue
from onenet.settings import read_settings
from onenet.store.database import Database
from onenet.store.endpoints import EndpointRow

app = typer.Typer(name="department", no_args_is_help=True, help="How departments are reached.")
app.command("dry-run")(dry_run.run)
app.command()(operating.pause)
app.command()(operating.resume)
app.command()(operating.rotate)
app.command("exchange-ddl")(exchange.ddl)
app.command("check")(sandbox.run_check)
app.command()(sandbox.simulate)
app.command("stand-in", context_settings=sandbox.PASSED_ON, add_help_option=False)(sandbox.stand_in)

Options = Annotated[
    list[str] | None, typer.Option(help="name=value that the adapter wants; may be repeated.")
]
Rate = Annotated[
    int | None,
    typer.Option(min=0, max=10_000, help="Calls in a second, 0 for no limit; default: as it was, or 20."),
]


@app.command()
def add(
    department: Annotated[str, typer.Argument(help="The department's code in the catalogue.")],
    *,
    url: Annotated[
        str,
        typer.Option(help="Where its system takes tasks; none with --adapter pull, desk or exchange_table."),
    ] = "",
    adapter: Annotated[str, typer.Option(help="The adapter that speaks its words.")] = "webhook",
    secret: Annotated[
        str | None,
        typer.Option(help="whsec_… to sign with; default: what it has, or a new one, printed once."),
    ] = None,
    signs: Annotated[
        endpoints.Signs | None,
        typer.Option(help="By a secret that both know (v1), by a key of onenet's alone (v1a), or by both."),
    ] = None,
    option: Options = None,
    description: DescriptionFile = None,
    credential: CredentialFiles = None,
    rate: Rate = None,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Register where a department is reached; again for the same department replaces it."""
    options = options_of(option or [], description, adapter)
    _check_url(url)

    async def use(database: Database) -> tuple[endpoints.Registered, bool]:
        wanted = endpoints.Wanted(
            "department", department, url, adapter, secret, options,
            signs=signs, credentials=credentials_in(credential or []), rate_per_s=rate,
        )  # fmt: skip
        settings = read_settings()
        await handshakes.require(wanted, settings.resolved_public_url(), settings.destinations())
        known = {known.code for known in await Catalogue(database).departments()}
        return await endpoints.register(database, wanted, SystemClock().now()), department in known

    made, is_known = with_database(use)
    if not is_known:
        typer.echo(f"warning: no department {department} in the published catalogue", err=True)
    _tell(made, is_new=secret is None, as_json=as_json)


def _tell(made: endpoints.Registered, *, is_new: bool, as_json: bool) -> None:
    """Shows what was registered, with a secret that is new: this once."""
    row, public = made.endpoint, endpoints.public_key_of(made.endpoint)
    _warn(row)
    exchange.warn(row)
    if as_json:
        typer.echo(json.dumps({"id": str(row.id), "secret": made.secret, "public_key": public}))
        return
    typer.echo(_how(row))
    if is_new and made.secret is not None:
        typer.echo(f"signing secret, shown only now: {made.secret}")
    if made.keeps_secret:
        typer.echo("the signing secret stays as it is")
    if public is not None:
        typer.echo(f"onenet signs with: {public}")


def _check_url(url: str) -> None:
    if not url:
        return
    outward = read_settings().destinations()
    if refused := asyncio.run(destinations.refusal(url, outward)):
        typer.echo(f"warning: {refused[0]} -> {refused[1]}", err=True)
    endpoints.check_url(url, outward)


def _how(endpoint: EndpointRow) -> str:
    if endpoint.url:
        return f"{endpoint.owner} is reached at {endpoint.url} ({endpoint.adapter})"
    if endpoint.adapter == desk.NAME:
        return f"clerks of {endpoint.owner} decide at /v1/desk/tasks ({endpoint.adapter})"
    if endpoint.adapter == exchange_table.NAME:
        return f"{endpoint.owner} swaps rows at {exchange.place(endpoint)} ({endpoint.adapter})"
    queue = f"/v1/endpoints/{to_text(endpoints.ENDPOINT_PREFIX, endpoint.id)}/queue"
    return f"{endpoint.owner} fetches its tasks at {queue} ({endpoint.adapter})"


@app.command("list")
def list_(as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """List departments, how they are reached and how they fare: breaker, what waits, p95 of answers."""

    async def look(database: Database) -> tuple[list[EndpointRow], Mapping[UUID, endpoints.Standing]]:
        return await endpoints.list_endpoints(database, "department"), await endpoints.standings(database)

    found, fares = with_database(look)
    rows = [
        {"department": e.owner, "adapter": e.adapter, "url": exchange.place(e), "state": e.state,
         "rate_per_s": e.rate_per_s, **_fares(fares[e.id])}
        | (
            {"held_at": e.held_at.isoformat(), "held_because": masked(e.held_because or "")}
            if e.held_at
            else {}
        )
        for e in found
    ]  # fmt: skip
    if as_json:
        typer.echo(json.dumps(rows))
        return
    for row in rows:
        why = f" since {row['held_at'][:19]}Z: {row['held_because']}" if "held_at" in row else ""
        line = f"{row['department']:<12} {row['adapter']:<12} {row['state']:<8} {row['breaker']:<9}"
        typer.echo(f"{line} {row['waiting']:>6} waiting {row['p95_ms'] or '-':>6} ms  {row['url']}{why}")


def _fares(standing: endpoints.Standing) -> dict[str, Any]:
    """How a department fares, as `list` says it."""
    breaker = standing.health.breaker
    return {
        "breaker": breaker.state.value,
        "since": breaker.opened_at and breaker.opened_at.isoformat(),
        "until": breaker.retry_at and breaker.retry_at.isoformat(),
        "waiting": standing.waiting,
        "oldest_at": standing.oldest_at and standing.oldest_at.isoformat(),
        "p50_ms": standing.percentile_ms(50),
        "p95_ms": standing.percentile_ms(95),
    }


DepartmentCode = Annotated[str, typer.Argument(help="The department's code.")]
PublicKey = Annotated[str, typer.Argument(help="whpk_ and the base64 of its 32 bytes.")]


@app.command()
def trust(department: DepartmentCode, key: PublicKey) -> None:
    """Believe callbacks that are signed with this ed25519 key of the department; two keys at most."""
    _show_keys(with_database(lambda database: endpoints.trust(database, department, key)))


@app.command()
def distrust(department: DepartmentCode, key: PublicKey) -> None:
    """Believe nothing any more that is signed with this key of the department."""
    _show_keys(with_database(lambda database: endpoints.distrust(database, department, key)))


def _show_keys(endpoint: EndpointRow) -> None:
    keys = signing.public_keys(endpoint.secrets)
    typer.echo(f"{endpoint.owner} signs callbacks with {' or '.join(keys) or 'no key of its own'}")
    _warn(endpoint)


def _warn(endpoint: EndpointRow) -> None:
    """Says so when the department cannot answer by callback, or its system cannot be told of a withdrawal."""
    if endpoints.believes_nothing(endpoint):
        says = f"no callback of department {endpoint.owner} will be believed"
        typer.echo(f"warning: {says} -> onenet department trust {endpoint.owner} whpk_…", err=True)
    if endpoint.adapter in descriptions.LINTS and "withdrawal" not in endpoint.options:
        says = f"of withdrawals a person of department {endpoint.owner} is told, not its system"
        typer.echo(f"warning: {says} -> withdrawal: in the description, for the adapter rest", err=True)
