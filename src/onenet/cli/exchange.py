"""What the commands about departments say of those that swap rows in a database of their own."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from sqlalchemy import make_url

from onenet.adapters import exchange_table, exchange_tables
from onenet.adapters.exchange import Exchange
from onenet.services import exchange
from onenet.settings import read_settings
from onenet.store.endpoints import EndpointRow


def ddl(
    dialect: Annotated[
        exchange_tables.Dialect, typer.Argument(help="The kind of the department's database.")
    ],
) -> None:
    """Print the statements that make the two tables in a department's database, for who looks after it."""
    typer.echo(exchange_tables.ddl(dialect), nl=False)


def place(endpoint: EndpointRow) -> str:
    """Where a department is reached: its address, or that of its database without the password."""
    if endpoint.adapter != exchange_table.NAME:
        return endpoint.url
    return make_url(endpoint.credentials[exchange_table.CREDENTIAL]).render_as_string(hide_password=True)


def warn(endpoint: EndpointRow) -> None:
    """Says so when the tables of a department cannot be read from here, now."""
    if endpoint.adapter != exchange_table.NAME:
        return
    outward = Exchange(read_settings().destinations())
    if reason := asyncio.run(exchange.try_out(outward, endpoint)):
        typer.echo(f"warning: its answers cannot be read now: {reason}", err=True)
