"""Answers in a department's own database: taken once, committed here, then marked there."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select

from onenet.adapters import exchange
from onenet.adapters.exchange import Exchange
from onenet.adapters.transport import Transport
from onenet.clock import FrozenClock
from onenet.domain.case import Case
from onenet.domain.sheet import TASK_PREFIX
from onenet.errors import Conflict, Unavailable
from onenet.ids import to_text
from onenet.services import callbacks, endpoints, steps
from onenet.services.advance import Gate
from onenet.services.endpoints import Wanted
from onenet.services.exchange import BATCH, EVERY, Reader, judge
from onenet.store import exchange as store
from onenet.store import queue, tables
from onenet.store.database import Database
from onenet.store.endpoints import EndpointRow
from onenet.store.exchange import Reading
from tests.exchanging import Bureau, bureau
from tests.factories import Shelf, make_bundle, make_member, make_opening
from tests.keys import key_ring
from tests.store.seeding import load_one, save_department

pytestmark = pytest.mark.anyio

LEASE = timedelta(seconds=60)


@dataclass
class Swap:
    """A department that swaps rows, with one case whose step `a` is its own, and who reads its answers."""

    bureau: Bureau
    endpoint: EndpointRow
    reader: Reader
    case: Case
    shelf: Shelf

    @property
    def task(self) -> str:
        """The key of its task."""
        (task_id,) = (task.id for task in self.case.tasks.values() if task.step == "a")
        return to_text(TASK_PREFIX, task_id)

    def say(self, message_id: Any, outcome: str = "accepted", **members: Any) -> None:
        """Puts an answer about its task into the table."""
        self.bureau.say(message_id, self.task, json.dumps({"outcome": outcome, **members}))

    async def look(self) -> Reading:
        """One look of the reader."""
        token = await self.reader.claim(self.endpoint)
        assert token is not None
        before = Reading(self.endpoint.id, self.reader.clock.now())
        standing = await self.reader.look(self.endpoint, token, before)
        async with (
            self.reader.database.transaction() as connection
        ):  # the next look need not wait for its time
            again = replace(standing, next_at=self.reader.clock.now())
            assert await store.note(connection, again, token)
        return standing

    async def outcomes(self) -> list[tuple[Any, Any]]:
        """Looks; message and outcome of each answer then."""
        await self.look()
        return [(message_id, outcome) for message_id, outcome, _ in self.bureau.marks()]

    async def state(self) -> str:
        """Where its step is."""
        return (await load_one(self.reader.database, self.shelf, self.case.id)).steps["a"].state.value

    async def completions(self) -> int:
        """How many events say that a step is completed."""
        counted = select(func.count()).where(tables.event.c.type == "step.completed")
        async with self.reader.database.read() as connection:
            return int((await connection.execute(counted)).scalar_one())


@pytest.fixture
async def swap(
    backend: str, request: pytest.FixtureRequest, database: Database, gate: Gate, clock: FrozenClock,
    shelf: Shelf, tmp_path: Path,
) -> AsyncIterator[Swap]:  # fmt: skip
    bundle = shelf.put(make_bundle(make_member("a"), make_member("b", department="bank")))
    await save_department(database, "bank", "http://127.0.0.1:1")
    result = await gate.submit(make_opening(bundle))
    assert result.case is not None
    async with bureau(backend, request, tmp_path) as made:
        wanted = Wanted("department", "police", adapter="exchange_table", credentials={"url": made.url})
        row = (await endpoints.register(database, wanted, clock.now())).endpoint
        reader = Reader(database, gate, clock, made.exchange(), LEASE)
        yield Swap(made, row, reader, result.case, shelf)


# ---- taken once


async def test_an_answer_is_applied_and_the_department_sees_it(swap: Swap) -> None:
    swap.say("m-1", "accepted", seq=1)
    assert await swap.outcomes() == [("m-1", "applied")]
    assert await swap.state() == "accepted"


async def test_a_task_goes_out_as_a_row_and_is_with_the_department(swap: Swap, clock: FrozenClock) -> None:
    reader = swap.reader
    claimed = await steps.claim(reader.database, queue.TASKS, clock, 10)
    async with Transport(destinations=swap.bureau.destinations) as transport:
        for each in claimed:
            if each.row["department"] == "police":
                await steps.dispatch(reader.gate, transport, clock, each)
    ((task, sheet),) = swap.bureau.run("SELECT task, sheet FROM onenet_task")
    assert (task, json.loads(sheet)["task"]) == (swap.task, swap.task)
    (found,) = (
        t for t in (await load_one(reader.database, swap.shelf, swap.case.id)).tasks.values() if t.step == "a"
    )
    assert found.state.value == "sent"


async def test_a_row_that_was_taken_and_not_marked_is_read_again_and_changes_nothing(
    swap: Swap, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the process had died in between."""
    swap.say("m-1", "completed", seq=1)
    with monkeypatch.context() as dying:
        dying.setattr("onenet.crashing.point", _die)
        with pytest.raises(KeyboardInterrupt):
            await swap.look()
    assert (await swap.state(), swap.bureau.marks()) == ("completed", [("m-1", None, None)])
    async with swap.reader.database.transaction() as connection:
        standing = Reading(swap.endpoint.id, swap.reader.clock.now())
        (token,) = (await connection.execute(select(store.exchange_reading.c.lease_token))).scalars()
        assert await store.note(connection, standing, token)
    assert await swap.outcomes() == [("m-1", "applied")]
    assert await swap.completions() == 1


def _die(name: str) -> None:
    if name == "before_mark":
        raise KeyboardInterrupt


async def test_nothing_is_marked_while_our_own_database_is_away(
    swap: Swap, monkeypatch: pytest.MonkeyPatch
) -> None:
    swap.say("m-1")

    async def away(*_: Any, **__: Any) -> None:
        raise Unavailable

    monkeypatch.setattr("onenet.services.callbacks.take", away)
    with pytest.raises(Unavailable):
        await swap.look()
    assert swap.bureau.marks() == [("m-1", None, None)]


async def test_the_same_message_again_gets_the_same_answer(swap: Swap) -> None:
    for _ in range(3):
        swap.say("m-1", "completed", seq=1)
    assert await swap.outcomes() == [("m-1", "applied")] * 3
    assert await swap.completions() == 1


async def test_another_answer_under_the_same_message_is_a_conflict(swap: Swap) -> None:
    swap.say("m-1", "accepted")
    swap.say("m-1", "rejected", reason_code="refused", reason="no")
    assert await swap.outcomes() == [("m-1", "applied"), ("m-1", "conflict")]
    assert await swap.state() == "accepted"


async def test_late_stale_and_impossible_answers_are_told_as_such(swap: Swap) -> None:
    swap.say("m-1", "suspended", procedure="hearing")
    swap.say("m-2", "accepted", seq=5)
    swap.say("m-3", "accepted", seq=4)
    swap.say("m-4", "completed", seq=6)
    swap.say("m-5", "rejected", seq=7, reason_code="refused", reason="no")
    assert await swap.outcomes() == [
        ("m-1", "refused"), ("m-2", "applied"), ("m-3", "recorded-stale"), ("m-4", "applied"),
        ("m-5", "recorded-late"),
    ]  # fmt: skip


async def test_a_word_that_nobody_knows_holds_the_step_and_the_developer_sees_why(swap: Swap) -> None:
    swap.say("m-1", "geheim")
    await swap.look()
    ((_, outcome, reason),) = swap.bureau.marks()
    assert (outcome, await swap.state()) == ("held", "held")
    assert reason.startswith("/outcome: expected one of accepted, completed")


# ---- whatever is in it


async def test_hostile_rows_are_marked_and_keep_nothing_back(swap: Swap, seen: list[dict[str, Any]]) -> None:
    say, task, other = swap.bureau.say, swap.task, to_text(TASK_PREFIX, UUID(int=1 << 80))
    (foreign,) = (t.id for t in swap.case.tasks.values() if t.step == "b")
    say("m-1", task, "{")
    say("m-2", task, "[]")
    say("m-3", task, "x" * 10_000_000)
    say("m-4", task, '{"outcome": "accepted", "task": "' + other + '"}')
    say("m-5", other, '{"outcome": "accepted"}')
    say("m-6", to_text(TASK_PREFIX, foreign), '{"outcome": "accepted"}')
    say("m-7", "nonsense", '{"outcome": "accepted"}')
    say("with a blank", task, '{"outcome": "accepted"}')
    say("", task, '{"outcome": "accepted"}')
    say("m-8", task, '{"outcome": "accepted", "outcome": "completed"}')
    say("m-9", task, '{"a":' * 5_000)
    swap.say("m-good", "completed")
    found = dict(await swap.outcomes())
    assert found == {
        **dict.fromkeys(("m-1", "m-2", "m-3", "m-4", "with a blank", "", "m-8", "m-9"), "unreadable"),
        **dict.fromkeys(("m-5", "m-6", "m-7"), "unknown_task"),
        "m-good": "applied",
    }
    assert all(reason for _, outcome, reason in swap.bureau.marks() if outcome != "applied")
    assert {event["event"] for event in seen} == {"foreign_task"}
    assert await swap.state() == "completed"


@pytest.mark.parametrize("backend", ["sqlite"])
async def test_cells_of_the_wrong_type_are_unreadable(swap: Swap) -> None:
    """SQLite keeps in a column whatever it is given, text that is no Unicode too."""
    swap.bureau.run("DROP TABLE onenet_answer")
    swap.bureau.run(
        "CREATE TABLE onenet_answer (id INTEGER PRIMARY KEY, message_id, task, answer, written_at, read_at,"
        " outcome, reason)"
    )
    for cells in ((None, None, None), (1, 2, 3), (b"m", b"t", b"{}"), ("m-1", swap.task, 7.5)):
        swap.bureau.say(*cells)
    swap.bureau.run(
        "INSERT INTO onenet_answer (message_id, task, answer, written_at) VALUES"
        " ('m-2', CAST(x'FF' AS TEXT), CAST(x'7BFF7D' AS TEXT), 'yesterday')"
    )
    swap.say("m-good", "completed")
    assert [outcome for _, outcome in await swap.outcomes()] == ["unreadable"] * 5 + ["applied"]


@pytest.mark.parametrize("backend", ["sqlite"])
async def test_a_long_cell_that_hides_behind_a_nul_is_not_read(swap: Swap) -> None:
    """SQLite says of a text with a NUL in it that it is as long as what comes before."""
    swap.bureau.run(
        "INSERT INTO onenet_answer (message_id, task, answer) VALUES"
        f" ('m-1', '{swap.task}', CAST(x'6100' || zeroblob(10000000) AS TEXT))"
    )
    rows = await swap.reader.exchange.unread(swap.bureau.url, None, 10)
    assert [row.answer for row in rows] == [None]
    swap.say("m-good", "completed")
    assert [outcome for _, outcome in await swap.outcomes()] == ["unreadable", "applied"]


@pytest.mark.parametrize("backend", ["sqlite"])
async def test_ids_of_every_kind_keep_nothing_back(swap: Swap) -> None:
    swap.bureau.run("DROP TABLE onenet_answer")
    swap.bureau.run(
        "CREATE TABLE onenet_answer (id, message_id, task, answer, written_at, read_at, outcome, reason)"
    )
    for id, message_id in ((1, "m-1"), ("two", "m-2"), (3.5, "m-3")):
        swap.bureau.run(
            "INSERT INTO onenet_answer (id, message_id, task, answer) VALUES"
            f" ({id!r}, '{message_id}', '{swap.task}', '{{\"outcome\": \"accepted\"}}')"
        )
    assert {outcome for _, outcome in await swap.outcomes()} == {"applied", "unchanged"}


async def test_no_two_departments_swap_rows_in_one_database(swap: Swap, clock: FrozenClock) -> None:
    """Each would read the other's answers, and call them answers to nothing."""
    wanted = Wanted("department", "bank", adapter="exchange_table", credentials={"url": swap.bureau.url})
    with pytest.raises(Conflict, match="police swaps rows in this database"):
        await endpoints.register(swap.reader.database, wanted, clock.now())
    again = Wanted("department", "police", adapter="exchange_table", credentials={"url": swap.bureau.url})
    assert (await endpoints.register(swap.reader.database, again, clock.now())).before is not None


async def test_an_answer_that_cannot_be_recorded_stays_unread_and_keeps_nothing_back(
    swap: Swap, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = callbacks.take

    async def take(*args: Any, message_id: str, **more: Any) -> Any:
        if message_id == "m-bad":
            raise ZeroDivisionError
        return await honest(*args, message_id=message_id, **more)

    swap.say("m-bad")
    for number in range(BATCH + 1):
        swap.bureau.say(f"m-{number}", "nonsense", "{}")
    swap.say("m-good", "completed")
    monkeypatch.setattr("onenet.services.callbacks.take", take)
    standing = await swap.look()
    assert [m for m, outcome, _ in swap.bureau.marks() if outcome is None] == ["m-bad"]
    assert (standing.unread, standing.unread_since, await swap.state()) == (
        1, swap.reader.clock.now(), "completed",
    )  # fmt: skip
    monkeypatch.setattr("onenet.services.callbacks.take", honest)
    assert (await swap.look()).unread == 0


async def test_answers_of_one_task_are_taken_in_their_order(swap: Swap) -> None:
    """Each is possible only after the one before it."""
    swap.say("m-0", "accepted", seq=1)
    for number in range(1, 2 * BATCH, 2):
        swap.say(f"m-{number}", "suspended", seq=number + 1, procedure="hearing")
        swap.say(f"m-{number + 1}", "resumed", seq=number + 2)
    swap.say("m-last", "completed", seq=2 * BATCH + 2)
    outcomes = {outcome for _, outcome in await swap.outcomes()}
    assert (outcomes, await swap.state()) == ({"applied"}, "completed")


# ---- by one reader


async def test_one_of_many_readers_has_the_turn(swap: Swap, database_url: str, clock: FrozenClock) -> None:
    other = Database(database_url, ring=key_ring())
    readers = [swap.reader, replace(swap.reader, database=other)]
    for _ in range(2):  # for the first time, and when there is a row already
        tokens = await asyncio.gather(*(each.claim(swap.endpoint) for each in readers * 3))
        assert len([token for token in tokens if token]) == 1
        clock.advance(LEASE)
    await other.close()


async def test_a_reader_whose_turn_is_over_writes_nothing_down(swap: Swap, clock: FrozenClock) -> None:
    first = await swap.reader.claim(swap.endpoint)
    clock.advance(LEASE)
    second = await swap.reader.claim(swap.endpoint)
    assert first is not None
    assert second is not None
    async with swap.reader.database.transaction() as connection:
        standing = Reading(swap.endpoint.id, clock.now())
        assert not await store.note(connection, standing, first)
        assert await store.note(connection, standing, second)


async def test_a_department_whose_tables_are_gone_is_told_by_doctor(swap: Swap, clock: FrozenClock) -> None:
    swap.bureau.run("DROP TABLE onenet_answer")
    standing = await swap.look()
    assert standing.fault is not None
    (remark,) = judge("police", standing, clock.now())
    assert remark.level == "finding"
    assert "there is no table onenet_task or onenet_answer" in remark.says


@pytest.mark.parametrize("backend", ["postgresql"])
async def test_a_database_that_hangs_keeps_no_other_department_waiting(
    swap: Swap, request: pytest.FixtureRequest, clock: FrozenClock, tmp_path: Path
) -> None:
    """The reader's whole loop: it ends while the first department still hangs, which it was not told of."""
    assert swap.bureau.proxy is not None
    swap.bureau.proxy.is_open.clear()
    async with bureau("sqlite", request, tmp_path) as other:
        wanted = Wanted("department", "bank", adapter="exchange_table", credentials={"url": other.url})
        await endpoints.register(swap.reader.database, wanted, clock.now())
        other.say("m-1", swap.task, "{}")
        outward = Exchange(replace(swap.bureau.destinations, folder=tmp_path))
        stopping = asyncio.Event()
        running = asyncio.create_task(replace(swap.reader, exchange=outward).run(stopping))
        deadline = time.monotonic() + exchange.TOTAL_S
        while other.marks()[0][1] is None:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
        assert not running.done()
        assert other.marks() == [("m-1", "unknown_task", "no task of this department has this id")]
        stopping.set()
        swap.bureau.proxy.is_open.set()
        swap.bureau.proxy.reset()
        await running


# ---- how it stands


def test_doctor_tells_how_the_reading_stands(clock: FrozenClock) -> None:
    now = clock.now()
    fine = Reading(UUID(int=1), now + EVERY, looked_at=now)
    long_ago = now - timedelta(minutes=5)
    cases: list[tuple[Reading | None, str, str]] = [
        (None, "warning", "never looked for"),
        (fine, "ok", "0 answers"),
        (replace(fine, unread=3, unread_since=now), "ok", "3 answers"),
        (replace(fine, unread=3, unread_since=long_ago), "warning", "3 answers of department police wait"),
        (replace(fine, next_at=long_ago, looked_at=long_ago), "finding", "last looked for at"),
        (replace(fine, fault="away", fault_since=long_ago), "finding", "cannot be read since"),
    ]
    for reading, level, says in cases:
        (remark,) = judge("police", reading, now)
        assert (remark.level, says in remark.says) == (level, True), remark


# ---- how it is registered


@pytest.mark.parametrize(
    "more",
    [
        {"credentials": {}},
        {"url": "https://police.example"},
        {"signs": "v1a"},
        {"options": {"tables": "mine"}},
        {"credentials": {"url": "nonsense"}},
    ],
)
async def test_what_does_not_fit_is_not_registered(
    database: Database, clock: FrozenClock, more: dict[str, Any]
) -> None:
    fields: dict[str, Any] = {"adapter": "exchange_table", "credentials": {"url": "sqlite:////x/y"}}
    with pytest.raises(Conflict):
        await endpoints.register(database, Wanted("department", "police", **fields | more), clock.now())


async def test_the_url_is_sealed(swap: Swap) -> None:
    async with swap.reader.database.read() as connection:
        rows = (await connection.execute(select(tables.endpoint))).mappings().all()
    assert "onenet_answer" not in str(rows)
    assert swap.bureau.url not in str(rows)
    assert swap.bureau.url not in repr(swap.endpoint)
    assert not endpoints.believes_nothing(swap.endpoint)
