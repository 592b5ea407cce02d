"""Options that several commands have, and how they are read: what an adapter wants, and its secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from onenet.cli import dry_run

DescriptionFile = Annotated[
    Path | None, typer.Option(help="YAML file that describes its API, for the adapters rest and open311.")
]
CredentialFiles = Annotated[
    list[str] | None,
    typer.Option(
        help="name=file with a secret: url=file for the adapter exchange_table, else one that the"
        " description names; may be repeated."
    ),
]


def options_of(pairs: Sequence[str], description: Path | None, adapter: str) -> Mapping[str, Any]:
    """What the adapter wants: the pairs, and the description; one with faults ends the command."""
    if not all("=" in pair for pair in pairs):
        raise typer.BadParameter("expected name=value", param_hint="--option")
    described = dry_run.described(description, adapter) if description else {}
    return {**dict(pair.split("=", 1) for pair in pairs), **described}


def credentials_in(pairs: Sequence[str]) -> Mapping[str, str]:
    """Secrets by their names, read from files: what stands in a command, others can read."""
    if not all(re.fullmatch("[a-z][a-z0-9_]{0,63}=.+", pair) for pair in pairs):
        raise typer.BadParameter("expected name=file, the name in small letters, digits and _")
    named = dict(pair.split("=", 1) for pair in pairs)
    return {name: Path(file).read_text(encoding="utf-8").rstrip("\r\n") for name, file in named.items()}
