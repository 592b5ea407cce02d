"""Trials: one signed message `endpoint.test`, so that both sides see what is signed and what is answered.

It is about no case and leaves nothing behind. Only where signed webhooks go: in the words of another
department's API there is nothing that means nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from onenet import security_log
from onenet.adapters.transport import Attempt, Transport
from onenet.clock import Clock
from onenet.domain.chain import canonical
from onenet.errors import Conflict, NotFound
from onenet.ids import new_id, to_text
from onenet.services.endpoints import ENDPOINT_PREFIX
from onenet.services.outbox import DELIVERY_PREFIX
from onenet.store import endpoints
from onenet.store.database import Database

TYPE = "endpoint.test"
WEBHOOK = "webhook"


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of it; `signed`: the text over which the signatures are, empty where nothing was sent."""

    attempt: Attempt
    signed: str


async def try_out(database: Database, transport: Transport, clock: Clock, id: UUID) -> Trial:
    """Sends the message once, also to an endpoint that is held. Raises: NotFound, Conflict."""
    async with database.read() as connection:
        endpoint = await endpoints.by_id(connection, id)
    if endpoint is None:
        raise NotFound
    if endpoint.adapter != WEBHOOK:
        raise Conflict(f"a test is a signed webhook, and this endpoint is reached by {endpoint.adapter}")
    now = clock.now()
    said = {
        "type": TYPE,
        "timestamp": now.isoformat(timespec="microseconds"),
        "data": {"endpoint": to_text(ENDPOINT_PREFIX, id)},
    }
    body = canonical(said)
    attempt = await transport.post_signed(
        endpoint.url,
        body.encode(),
        secrets=endpoint.keys_at(now),
        message_id=to_text(DELIVERY_PREFIX, new_id()),
        now=now,
    )
    security_log.report("endpoint_tested", endpoint=str(id), owner=endpoint.owner)
    proof = attempt.proof
    signed = f"{proof['webhook-id']}.{proof['webhook-timestamp']}.{body}" if proof else ""
    return Trial(attempt, signed)
