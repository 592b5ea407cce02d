"""The relay: each public event reaches the stream, in the order of its case, once, whoever dies meanwhile."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from onenet.adapters import jetstream
from onenet.adapters.transport import Transport
from onenet.clock import FrozenClock, SystemClock
from onenet.destinations import Destinations
from onenet.domain.case import Case
from onenet.domain.events import EVENT_KINDS, EventType
from onenet.domain.outcome import TryLater
from onenet.errors import MisconfiguredError, Unavailable
from onenet.services import relay, steps, webhooks
from onenet.services.advance import Gate
from onenet.services.examination import examine
from onenet.services.webhooks import Settling
from onenet.store import endpoints, events, tables
from onenet.store.database import Database
from onenet.store.queue import DELIVERIES, LEASE
from onenet.worker import Worker
from tests.adapters.loopback import answer, loopback
from tests.factories import NOW, Shelf, make_bundle, make_member, make_opening
from tests.outward import HERE
from tests.services.broker import NatsServer, start_broker
from tests.services.test_worker import at_work, until
from tests.store.seeding import save_department

pytestmark = pytest.mark.anyio

STREAM = "CASES"
COMPLETED = answer(200, {"outcome": "completed"})


@pytest.fixture
def server(tmp_path: Path) -> Iterator[NatsServer]:
    with start_broker(tmp_path / "nats") as running:
        yield running


@pytest.fixture
async def relayed(server: NatsServer, database: Database, anyio_backend: str) -> relay.Wanted:
    """A relay to the server, with its stream."""
    wanted = relay.Wanted(server.url, STREAM)
    assert await jetstream.prepare(jetstream.Broker(server.url, STREAM), "onenet.>", HERE)
    await relay.register(database, wanted, NOW)
    return wanted


@pytest.fixture
async def transport(anyio_backend: str) -> AsyncIterator[Transport]:
    async with Transport(destinations=HERE) as opened:
        yield opened


async def opened(gate: Gate, shelf: Shelf, **changes: Any) -> Case:
    bundle = shelf.put(make_bundle(make_member("a"), make_member("b", department="bank", after=["a"])))
    result = await gate.submit(make_opening(bundle, **changes))
    assert result.case is not None
    return result.case


async def deliver_all(database: Database, transport: Transport, clock: FrozenClock) -> int:
    """Sends everything that is due, one after the other; gives how much there was."""
    claimed = await steps.claim(database, DELIVERIES, clock, 100)
    for each in claimed:
        await webhooks.deliver(Settling(database), transport, clock, each)
    return len(claimed)


async def open_deliveries(database: Database) -> list[str]:
    async with database.read() as connection:
        statement = select(tables.delivery.c.state).where(tables.delivery.c.state != "done")
        return list((await connection.execute(statement)).scalars())


async def public_events(database: Database, case: Case) -> list[int]:
    async with database.read() as connection:
        found = await events.after(connection, case.id, 0, 1_000)
    return [event.seq for event in found if EVENT_KINDS[EventType(event.type)].public]


def by_case(messages: list[dict[str, Any]]) -> dict[str, list[int]]:
    """Case -> the numbers of its events, in the order of the stream."""
    found: dict[str, list[int]] = defaultdict(list)
    for message in messages:
        found[message["body"]["data"]["case"]].append(message["body"]["data"]["seq"])
    return dict(found)


async def test_an_event_arrives_as_a_cloud_event(
    server: NatsServer, relayed: relay.Wanted, database: Database, gate: Gate, transport: Transport,
    clock: FrozenClock, shelf: Shelf,
) -> None:  # fmt: skip
    case = await opened(gate, shelf)
    await deliver_all(database, transport, clock)
    first = (await server.stored(STREAM))[0]
    assert first["subject"] == "onenet.case.received"
    assert first["headers"][jetstream.MESSAGE_ID] == f"{case.id}.1"
    assert first["body"] == {
        "specversion": "1.0", "id": f"{case.id}.1", "source": "/onenet", "type": "case.received",
        "subject": str(case.id), "time": NOW.isoformat(timespec="microseconds"),
        "datacontenttype": "application/json",
        "data": {"case": str(case.id), "number": case.number, "seq": 1, "jurisdiction": "suzhou"},
    }  # fmt: skip


async def test_every_public_event_of_every_client_arrives_in_the_order_of_its_case(
    server: NatsServer,
    relayed: relay.Wanted,
    database: Database,
    gate: Gate,
    clock: FrozenClock,
    shelf: Shelf,
) -> None:
    async with loopback(COMPLETED) as department:
        for code in ("police", "bank"):
            await save_department(database, code, department.url)
        async with at_work(Worker(database, gate, clock, clock, destinations=HERE)):
            cases = [await opened(gate, shelf, client=f"app{number % 3}") for number in range(12)]

            async def all_told() -> bool:
                return len(await server.stored(STREAM)) == sum(
                    [len(await public_events(database, case)) for case in cases]
                ) and not await open_deliveries(database)

            await until(all_told)
    assert by_case(await server.stored(STREAM)) == {
        str(case.id): await public_events(database, case) for case in cases
    }
    assert [finding async for finding in examine(database, shelf.bundle_of)] == []


async def published_by_a_worker_that_dies(
    database: Database, transport: Transport, clock: FrozenClock
) -> None:
    """All is published, nothing is settled; then the leases end and another worker does it again."""
    async with database.read() as connection:
        (endpoint,) = await endpoints.every(connection, "subscriber")
    for each in await steps.claim(database, DELIVERIES, clock, 100):
        await relay.publish(transport.streams, database, endpoint, each.row)
    clock.advance(LEASE + timedelta(seconds=1))
    assert await deliver_all(database, transport, clock)


async def test_what_is_published_again_after_a_crash_is_recognised(
    server: NatsServer, relayed: relay.Wanted, database: Database, gate: Gate, transport: Transport,
    clock: FrozenClock, shelf: Shelf,
) -> None:  # fmt: skip
    case = await opened(gate, shelf)
    await published_by_a_worker_that_dies(database, transport, clock)
    assert by_case(await server.stored(STREAM)) == {str(case.id): await public_events(database, case)}
    assert await open_deliveries(database) == []


async def test_control_without_the_id_the_broker_keeps_both(
    server: NatsServer, relayed: relay.Wanted, database: Database, gate: Gate, transport: Transport,
    clock: FrozenClock, shelf: Shelf, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(jetstream, "MESSAGE_ID", "Another-Header")
    case = await opened(gate, shelf)
    await published_by_a_worker_that_dies(database, transport, clock)
    assert len(await server.stored(STREAM)) > len(await public_events(database, case))


async def test_a_later_event_that_is_sent_first_takes_the_earlier_ones_along(
    server: NatsServer, relayed: relay.Wanted, database: Database, gate: Gate, transport: Transport,
    clock: FrozenClock, shelf: Shelf,
) -> None:  # fmt: skip
    case = await opened(gate, shelf)
    claimed = await steps.claim(database, DELIVERIES, clock, 100)
    for each in sorted(claimed, key=lambda work: -work.row["seq"]):
        await webhooks.deliver(Settling(database), transport, clock, each)
    assert len(claimed) > 1
    assert by_case(await server.stored(STREAM)) == {str(case.id): await public_events(database, case)}


async def test_a_broker_that_is_away_is_waited_for_and_never_given_up(
    server: NatsServer, relayed: relay.Wanted, database: Database, gate: Gate, transport: Transport,
    clock: FrozenClock, shelf: Shelf, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    case = await opened(gate, shelf)
    server.kill()
    for _ in range(15):  # a subscriber would be given up after ten
        assert await deliver_all(database, transport, clock)
        clock.advance(timedelta(seconds=2 * relay.LONGEST_WAIT_S))
    assert set(await open_deliveries(database)) == {"pending"}
    server.start()
    await deliver_all(database, transport, clock)
    assert by_case(await server.stored(STREAM)) == {str(case.id): await public_events(database, case)}


async def test_nothing_is_lost_while_the_broker_is_killed_again_and_again(
    server: NatsServer, relayed: relay.Wanted, database: Database, shelf: Shelf,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(relay, "FIRST_WAIT_S", 0.05)
    clock = SystemClock()
    gate = Gate(database, shelf.bundle_of, clock, clock)
    async with loopback(COMPLETED) as department:
        for code in ("police", "bank"):
            await save_department(database, code, department.url)
        async with at_work(Worker(database, gate, clock, clock, destinations=HERE)):
            cases = []
            for _ in range(4):
                cases += await asyncio.gather(*(opened(gate, shelf) for _ in range(10)))
                await asyncio.to_thread(server.kill)
                await asyncio.to_thread(server.start)

            async def all_told() -> bool:
                return not await open_deliveries(database)

            await until(all_told)
    found = by_case(await server.stored(STREAM))
    assert {case: sorted(set(seqs)) for case, seqs in found.items()} == {
        str(case.id): await public_events(database, case) for case in cases
    }
    for seqs in found.values():
        assert list(dict.fromkeys(seqs)) == sorted(set(seqs))


async def test_a_stream_of_another_name_takes_nothing_and_nothing_is_lost(
    server: NatsServer, database: Database, gate: Gate, transport: Transport, clock: FrozenClock, shelf: Shelf
) -> None:
    await relay.register(database, relay.Wanted(server.url, "NOWHERE"), NOW)
    await opened(gate, shelf)
    await deliver_all(database, transport, clock)
    assert set(await open_deliveries(database)) == {"pending"}


async def test_registering_a_stream_again_replaces_it(
    server: NatsServer, relayed: relay.Wanted, database: Database, gate: Gate, transport: Transport,
    clock: FrozenClock, shelf: Shelf,
) -> None:  # fmt: skip
    assert await relay.register(database, replace(relayed, source="/elsewhere"), NOW)
    await opened(gate, shelf)
    await deliver_all(database, transport, clock)
    assert {message["body"]["source"] for message in await server.stored(STREAM)} == {"/elsewhere"}


async def test_a_stream_is_made_once_and_must_take_the_subjects(server: NatsServer) -> None:
    broker = jetstream.Broker(server.url, STREAM)
    assert await jetstream.prepare(broker, "onenet.>", HERE)
    assert not await jetstream.prepare(broker, "onenet.>", HERE)
    with pytest.raises(MisconfiguredError, match="lacks other"):
        await jetstream.prepare(broker, "other.>", HERE)


async def test_a_broker_is_called_only_where_onenet_may_call(server: NatsServer) -> None:
    broker, strict = jetstream.Broker(server.url, STREAM), Destinations()
    with pytest.raises(
        MisconfiguredError, match="allow the broker's address and port in ONENET_INNER_NETWORKS"
    ):
        await jetstream.prepare(broker, "onenet.>", strict)
    streams = jetstream.Streams(strict)
    with capture_logs() as events:
        outcome = await streams.publish(broker, [jetstream.Message("onenet.x", "1", b"{}")])
    assert outcome == TryLater("refused", "destination not allowed")
    assert [each["event"] for each in events] == ["address_refused"]


async def test_a_broker_that_does_not_answer_is_told(server: NatsServer) -> None:
    server.kill()
    with pytest.raises(Unavailable, match="no broker answers"):
        await jetstream.prepare(jetstream.Broker(server.url, STREAM), "onenet.>", HERE)


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "http://127.0.0.1"},
        {"url": "nats://user:secret@127.0.0.1"},
        {"stream": "a.b"},
        {"prefix": "a >"},
        {"prefix": ""},
    ],
)
def test_words_that_no_broker_knows_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(MisconfiguredError):
        relay.check(replace(relay.Wanted("nats://127.0.0.1", STREAM), **wrong))
