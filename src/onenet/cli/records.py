"""log verify: walk the record and tell what was altered, removed or inserted."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from onenet.cli.opening import with_database
from onenet.services import record

app = typer.Typer(no_args_is_help=True)


@app.callback()
def group() -> None:
    """The record of events."""


@app.command()
def verify(as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Check every case's chain of events (exit status 1 when something is not as it was written)."""
    verdict = with_database(record.verify)
    if as_json:
        typer.echo(json.dumps(asdict(verdict), default=str))
    else:
        for found in verdict.tamperings:
            where = f"event {found.seq}" if found.seq else (f"step {found.step}" if found.step else "case")
            typer.echo(f"case {found.case_id}: {where}: {found.kind} {found.detail}".rstrip())
        typer.echo(f"{verdict.cases} cases, {verdict.events} events, {len(verdict.tamperings)} found")
    if verdict.tamperings:
        raise typer.Exit(1)
