"""delivery list, resend, replay: what was sent to subscribers; sending it, or departments' tasks, again."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Annotated

import typer

from onenet.cli.opening import OPERATOR, with_database
from onenet.cli.operating import Whose, endpoint_id
from onenet.clock import SystemClock
from onenet.domain.states import DeliveryState
from onenet.domain.visibility import EVERYTHING
from onenet.errors import Conflict
from onenet.ids import new_id, to_text
from onenet.services import deeds, deliveries, replays, resends
from onenet.services.advance import Gate
from onenet.services.catalogue import Catalogue
from onenet.services.change import Once
from onenet.services.endpoints import ENDPOINT_PREFIX
from onenet.services.outbox import DELIVERY_PREFIX
from onenet.services.pauses import JOB_PREFIX, Asked
from onenet.store.database import Database

app = typer.Typer(
    name="delivery", no_args_is_help=True, help="What is sent to subscribers, and sending again."
)
AsJson = Annotated[bool, typer.Option("--json")]


@app.command("list")
def list_(
    state: Annotated[DeliveryState | None, typer.Option(help="Only those in this state.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    as_json: AsJson = False,
) -> None:
    """List what was, is and will be sent to subscribers, newest first."""
    found = with_database(
        lambda database: deliveries.list_deliveries(
            database, EVERYTHING, after=None, state=state, limit=limit
        )
    )
    rows = [
        {
            "id": to_text(DELIVERY_PREFIX, each.id), "endpoint": to_text(ENDPOINT_PREFIX, each.endpoint_id),
            "type": each.type, "state": each.state, "attempts": each.attempt, "held_reason": each.held_reason,
        }
        for each in found
    ]  # fmt: skip
    if as_json:
        typer.echo(json.dumps(rows))
        return
    for row in rows:
        line = (
            f"{row['id']} {row['type']:<26} {row['state']:<8} {row['attempts']:>2} {row['held_reason'] or ''}"
        )
        typer.echo(line.rstrip())


@app.command()
def resend(id: Annotated[str, typer.Argument(help="msg_…, tsk_… or att_…")]) -> None:
    """Make one more attempt now, for this delivery or task; a worker makes it."""
    now = SystemClock().now()

    async def use(database: Database) -> str:
        catalogue = Catalogue(database)
        gate = Gate(database, catalogue.bundle, SystemClock(), SystemClock(), catalogue.rules)
        wanted = resends.Wanted(*resends.parse(id), OPERATOR, now, EVERYTHING)
        once = Once(OPERATOR, str(new_id()), hashlib.sha256(id.encode()).digest(), Conflict)
        answer, _ = await resends.resend(database, gate, wanted, once)
        return str(json.loads(answer.body)["id"])

    typer.echo(f"{with_database(use)} is sent again")


@app.command()
def replay(
    whose: Whose,
    *,
    since: Annotated[
        datetime, typer.Option(help="What was written from then on, in UTC; 90 days ago at most.")
    ],
    until: Annotated[datetime | None, typer.Option(help="And before; default: now.")] = None,
    state: Annotated[
        list[str] | None,
        typer.Option(help="held, done (events), sent (tasks); may be repeated; default: all."),
    ] = None,
    type: Annotated[list[str] | None, typer.Option(help="Only events of this type; may be repeated.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
) -> None:
    """Send again what went to an endpoint, or was to, under the ids that it had; workers do it."""
    now = SystemClock().now()
    wanted = replays.Wanted(
        since.replace(tzinfo=UTC), until.replace(tzinfo=UTC) if until else now, state or (), type or ()
    )

    async def use(database: Database) -> str:
        asked = Asked(await endpoint_id(database, whose), OPERATOR, now)
        if dry_run:
            return f"{await replays.count(database, asked.endpoint_id, wanted, now)} would be sent again"
        job = await deeds.do(database, replays.Replay(asked, wanted))
        return f"{job.total} are sent again by {to_text(JOB_PREFIX, job.id)}"

    typer.echo(with_database(use))
