"""relay nats: public events of all cases to a NATS stream, published by the workers."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from onenet.adapters import jetstream
from onenet.cli.opening import with_database
from onenet.clock import SystemClock
from onenet.services import relay
from onenet.settings import read_settings

app = typer.Typer(name="relay", no_args_is_help=True, help="Events of all cases to a message broker.")


@app.callback()
def group() -> None:
    """Where the events of all cases go."""


@app.command()
def nats(
    *,
    url: Annotated[str, typer.Option(help="nats://host:4222 or tls://host:4222.")],
    stream: Annotated[str, typer.Option(help="The JetStream stream; made when it is missing.")],
    prefix: Annotated[str, typer.Option(help="First word of every subject.")] = "onenet",
    token_file: Annotated[Path | None, typer.Option(help="File that holds the broker's token.")] = None,
) -> None:
    """Relay events to a NATS JetStream stream from now on; again for the same stream replaces it."""
    token = token_file.read_text(encoding="utf-8").strip() if token_file else None
    settings = read_settings()
    source = settings.public_url or "/onenet"
    wanted = relay.Wanted(url, stream, prefix, source, token)
    relay.check(wanted)
    subjects = f"{prefix}.>"
    made = asyncio.run(
        jetstream.prepare(jetstream.Broker(url, stream, token), subjects, settings.destinations())
    )
    replaced = with_database(lambda database: relay.register(database, wanted, SystemClock().now()))
    typer.echo(f"stream {stream} at {url} {'was made, and ' if made else ''}takes {subjects}")
    typer.echo("it is relayed to by every worker" + (", as before" if replaced else ", from now on"))
