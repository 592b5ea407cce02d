"""Relay: public events of every case to a NATS stream, as CloudEvents, by the deliveries of the outbox.

A stream is an endpoint like a subscriber, of all clients, whose deliveries the worker claims, sends and
settles like any other. Two things differ: it is never given up, and before a message those of the same case
that are not acknowledged yet go out first, so that the first appearances of a case's events are in order.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.adapters import cloud_events
from onenet.adapters.jetstream import ADAPTER, Broker, Message, Streams
from onenet.domain.chain import canonical
from onenet.domain.outcome import Received, TryLater
from onenet.domain.retry import Retry, jitter
from onenet.errors import MisconfiguredError
from onenet.ids import new_id
from onenet.services.outbox import EVERYBODY
from onenet.store import deliveries, endpoints
from onenet.store.bulk import Row
from onenet.store.database import Database
from onenet.store.endpoints import EndpointRow

FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0
MOST_TRIES = 1_000
"""Counted no further: the broker is one of our own machines, and comes back."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A relay to set up. `prefix` begins every subject, `source` is the CloudEvents attribute."""

    url: str
    stream: str
    prefix: str = "onenet"
    source: str = cloud_events.SOURCE
    token: str | None = None


def check(wanted: Wanted) -> None:
    """Whether the words can be those of a relay. Raises: MisconfiguredError."""
    if not wanted.url.startswith(("nats://", "tls://")) or "@" in wanted.url:
        raise MisconfiguredError(
            "expected nats://host:port or tls://host:port; a password goes into --token-file"
        )
    for name, word in (("stream", wanted.stream), ("prefix", wanted.prefix)):
        if not word or not word.isascii() or set(word) & set(" .*>/\\\t"):
            raise MisconfiguredError(f"--{name}: expected a word without dots, blanks, * and >")


def broker_of(endpoint: EndpointRow) -> Broker:
    """The stream that an endpoint leads to."""
    token = endpoint.secrets[0] if endpoint.secrets else None
    return Broker(endpoint.url, str(endpoint.options["stream"]), token)


async def register(database: Database, wanted: Wanted, now: datetime) -> bool:
    """Writes the relay down; one stream has one, so registering it again replaces it. Gives whether it did.

    What happens from then on is relayed.
    """
    row = EndpointRow(
        id=new_id(), kind="subscriber", owner=EVERYBODY, adapter=ADAPTER, url=wanted.url,
        secrets=(wanted.token,) if wanted.token else (), created_at=now,
        options={"stream": wanted.stream, "prefix": wanted.prefix, "source": wanted.source},
    )  # fmt: skip
    async with database.transaction() as connection:
        old = await _registered(connection, wanted.stream)
        if old is None:
            await endpoints.append(connection, row)
        else:
            await endpoints.replace(connection, replace(row, id=old.id, created_at=old.created_at))
    return old is not None


async def _registered(connection: AsyncConnection, stream: str) -> EndpointRow | None:
    for endpoint in await endpoints.every(connection, "subscriber"):
        if endpoint.adapter == ADAPTER and endpoint.options.get("stream") == stream:
            return endpoint
    return None


def cloud_event(payload: str, source: str) -> tuple[str, dict[str, Any]]:
    """The id of an event and its message as a CloudEvent 1.0; nothing personal is in it."""
    told: Mapping[str, Any] = json.loads(payload)
    data = told["data"]
    id = f"{data['case']}.{data['seq']}"
    return id, cloud_events.event(
        id=id, type=told["type"], time=told["timestamp"], subject=data["case"], data=data, source=source
    )


def message(payload: str, options: Mapping[str, Any]) -> Message:
    """The message to publish."""
    id, event = cloud_event(payload, str(options["source"]))
    return Message(f"{options['prefix']}.{event['type']}", id, canonical(event).encode())


async def publish(
    streams: Streams, database: Database, endpoint: EndpointRow, row: Row
) -> Received | TryLater:
    """Publishes one delivery, after those before it of the same case that may not have arrived yet."""
    async with database.read() as connection:
        payloads = await deliveries.unsettled_up_to(connection, row)
    return await streams.publish(
        broker_of(endpoint), [message(payload, endpoint.options) for payload in payloads]
    )


def after_failure(failure: TryLater, row: Row, now: datetime) -> Retry:
    """When a delivery that failed is tried again: sooner or later, for ever."""
    tries = min(row["tries"] + 1, MOST_TRIES)
    wait_s = min(FIRST_WAIT_S * 2 ** min(tries - 1, 10), LONGEST_WAIT_S)
    return Retry(now + timedelta(seconds=wait_s * jitter(row["id"], tries)), tries)
