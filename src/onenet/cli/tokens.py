"""token revoke: access tokens of issuers are taken back before they end by themselves."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from onenet.cli.opening import with_database
from onenet.clock import SystemClock
from onenet.errors import Conflict
from onenet.services import tokens
from onenet.settings import read_settings

app = typer.Typer(name="token", no_args_is_help=True, help="Access tokens of issuers.")


@app.callback()
def group() -> None:
    """Access tokens of issuers."""


@app.command()
def revoke(
    issuer: Annotated[str, typer.Argument(help="Code of the issuer, as in the settings.")],
    token_id: Annotated[str | None, typer.Option(help="The `jti` of one token.")] = None,
    subject: Annotated[str | None, typer.Option(help="The `sub` of somebody, for all tokens.")] = None,
    before: Annotated[
        datetime | None, typer.Option(help="Of a subject: tokens issued before that moment in UTC; now.")
    ] = None,
) -> None:
    """Refuse a token, or all tokens of a subject issued until now, and log the subject out."""
    known, now = tokens.issuer_called(read_settings().issuers, issuer), SystemClock().now()
    if (token_id is None) is (subject is None):
        raise Conflict("expected either --token-id or --subject")
    if token_id is not None:
        with_database(lambda db: tokens.revoke_token(db, known, token_id, now=now))
        typer.echo("the token is refused from now on")
        return
    until = now if before is None else before.replace(tzinfo=before.tzinfo or UTC)
    name = subject or ""
    ended = with_database(lambda db: tokens.revoke_subject(db, known, name, before=until, now=now))
    typer.echo(f"tokens issued before {until:%Y-%m-%dT%H:%M:%SZ} are refused; log-ins that ended: {ended}")
