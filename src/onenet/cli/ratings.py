"""rating list: what applicants think, and which bad ratings wait for somebody."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from onenet.cli.opening import with_database
from onenet.clock import SystemClock
from onenet.domain.ratings import RatingState
from onenet.services import ratings
from onenet.store.ratings import EVERYWHERE, Row, Wanted

app = typer.Typer(name="rating", no_args_is_help=True, help="Ratings, and what is late in handling bad ones.")


@app.callback()
def group() -> None:
    """Ratings, and what is late in handling bad ones."""


@app.command("list")
def list_(
    state: Annotated[RatingState | None, typer.Option(help="Only those in this state.")] = None,
    overdue: Annotated[bool, typer.Option("--overdue", help="Only those whose next move is late.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """List ratings, of the newest day first, without who gave them and what was said."""
    wanted = Wanted(state, SystemClock().now() if overdue else None)
    found, _ = with_database(lambda database: ratings.page(database, EVERYWHERE, wanted, None, limit))
    if as_json:
        typer.echo(json.dumps([_line(row) for row in found]))
        return
    for row in found:
        due = f"due {row['due_at']:%Y-%m-%dT%H:%MZ}" if row["due_at"] else ""
        line = (
            f"{row['rated_on']} {row['level']} {row['state']:<12} {row['department']:<16} {row['id']} {due}"
        )
        typer.echo(line.rstrip())


def _line(row: Row) -> dict[str, object]:
    plain = ("rated_on", "stage", "level", "state", "department", "jurisdiction", "bundle", "item")
    due_at = row["due_at"].isoformat() if row["due_at"] else None
    return {"id": str(row["id"]), **{name: row[name] for name in plain}, "due_at": due_at}
