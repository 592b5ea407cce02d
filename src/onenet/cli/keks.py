"""kek create, list, rotate: the keys that everything else is encrypted under. They are never printed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from onenet.cli.opening import with_database
from onenet.clock import SystemClock
from onenet.encryption.kek import FileKeys, new_kek, write
from onenet.encryption.suites import BY_NAME
from onenet.services import encryption
from onenet.services.encryption import Rotated, Standing
from onenet.settings import read_settings
from onenet.store.database import Database
from onenet.store.encryption import KEYLESS

app = typer.Typer(
    name="kek", no_args_is_help=True, help="Key-encryption keys: what personal data are encrypted under."
)


@app.command()
def create(
    file: Annotated[Path, typer.Argument(help="A file that is not there yet.")],
    suite: Annotated[
        Literal["std", "sm"], typer.Option(help="std: AES-256-GCM and SHA-256; sm: SM4-GCM and SM3.")
    ] = "std",
) -> None:
    """Write a new key to a new file, after those that are set now."""
    given = read_settings().kek
    held = FileKeys.read(given.get_secret_value()) if given else FileKeys({})
    made = new_kek(max(held.kids(), default=0) + 1, BY_NAME[suite])
    write(file, held.text(made))
    typer.echo(f"{file} holds key {made.kid} ({suite})" + (" after those before it" if held.kids() else ""))
    typer.echo("Keep a copy apart from the database and its backups: what is encrypted is lost with the key.")


@app.command("list")
def list_(as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """List the keys that are set or in use, and how much is sealed under each."""

    async def use(database: Database) -> tuple[Standing, tuple[int, ...]]:
        return await encryption.standing(database), database.ring.kids

    found, at_hand = with_database(use)
    in_use = max((each.kid for each in found.known), default=0)  # the register knows it without the key, too
    kids = sorted({*at_hand, *(each.kid for each in found.known)})
    suites = {each.kid: each.suite for each in found.known}
    rows: list[dict[str, Any]] = [
        {
            "kid": kid, "suite": suites.get(kid), "set": kid in at_hand, "in_use": kid == in_use,
            "cases": found.cases[kid], "other_rows": found.others[kid],
        }
        for kid in kids
    ]  # fmt: skip
    if as_json:
        typer.echo(json.dumps({"keys": rows, "in_clear": found.in_clear(), "keyless": found.cases[KEYLESS]}))
        return
    for row in rows:
        state = "in use" if row["in_use"] else "older" if row["kid"] < in_use else "not in use yet"
        suite = row["suite"] or "-"
        typer.echo(
            f"{row['kid']:>5}  {suite:<4} {state:<15} {row['cases']} cases, {row['other_rows']} other rows"
        )
    if in_clear := found.in_clear():
        typer.echo(f"{in_clear} cases and other rows are not encrypted yet: onenet kek rotate")


@app.command()
def rotate(as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Take the newest key into use and encrypt everything under it (exit status 1 when some is left)."""
    done = with_database(_rotate)
    if as_json:
        typer.echo(json.dumps({name: getattr(done, name) for name in done.__dataclass_fields__}))
    else:
        typer.echo(
            f"key {done.kid} is in use: {done.cases} cases and {done.others} other rows sealed under it"
        )
        if done.unreadable:
            typer.echo(f"{done.unreadable} cannot be opened: onenet doctor --invariants says which cases")
        said = "nothing is sealed under older keys" if not done.left else f"{done.left} left: run it again"
        typer.echo(said)
    if done.left:
        raise typer.Exit(1)


async def _rotate(database: Database) -> Rotated:
    database.ring.require()
    before = await encryption.standing(database)
    columns = (TextColumn("rows"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty()) as progress:
        bar = progress.add_task("rows", total=before.outdated(database.ring.kids[-1]))
        return await encryption.rotate(
            database, SystemClock().now(), lambda number: progress.advance(bar, number)
        )
