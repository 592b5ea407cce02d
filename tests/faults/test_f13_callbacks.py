"""F13: callbacks five times over, in any order, late, early, fifty at once under one id: each applies once.

The department answers each task with two messages, `accepted` and `completed`.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import select

from onenet.store import tables
from tests.faults.departments import Visit, receives, town
from tests.faults.form import SEED, count
from tests.faults.office import Office, office, onenet, post_callback

CASES = count(60, 4_000)
TIMES = 5
AT_ONCE = 50
EVERY = 15
"""Every so manieth case gets its last message fifty times at once."""

EARLY_SHARE = 0.3
"""Departments that call back before they have answered the task."""

HANDS = 40

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(count(180, 1_800))]


@dataclass(slots=True)
class Sent:
    """The sender's ledger: the answers to each message id, and which of them were the first of their kind."""

    statuses: Counter[int] = field(default_factory=Counter)
    bodies: dict[str, set[bytes]] = field(default_factory=lambda: defaultdict(set))
    firsts: Counter[str] = field(default_factory=Counter)
    applied: Counter[str] = field(default_factory=Counter)
    early: int = 0

    def note(self, message_id: str, answer: httpx2.Response) -> None:
        self.statuses[answer.status_code] += 1
        if answer.status_code == 200:
            self.bodies[message_id].add(answer.content)
            self.firsts[message_id] += "x-duplicate" not in answer.headers
            task = message_id.partition("/")[0]
            applied = answer.json()["outcome"] == "applied" and "x-duplicate" not in answer.headers
            self.applied[task] += applied


@dataclass(frozen=True, slots=True)
class Kept:
    """What the service has on record: message ids, and the events of each case by type."""

    inbox: frozenset[str]
    events: dict[str, Counter[str]]
    states: Counter[str]
    whole: bool


def violations(sent: Sent, kept: Kept) -> list[str]:
    """Everything that is not as promised (I6)."""
    found = [f"answered {status}" for status in sent.statuses if status != 200]
    for message_id, bodies in sent.bodies.items():
        if message_id not in kept.inbox:
            found.append(f"{message_id} was acknowledged and is not on record")
        if len(bodies) != 1 or sent.firsts[message_id] != 1:
            found.append(f"{message_id}: {len(bodies)} answers, {sent.firsts[message_id]} times the first")
    for case, events in kept.events.items():
        if events["step.completed"] != 1 or events["step.accepted"] > 1 or events["case.completed"] != 1:
            found.append(f"case {case}: {dict(events)}")
    moves = sum(events["step.accepted"] + events["step.completed"] for events in kept.events.values())
    if moves != sent.applied.total():
        found.append(f"{sent.applied.total()} messages were applied, {moves} moves are on record")
    if set(kept.states) != {"completed"} or not kept.whole:
        found.append(f"cases are {dict(kept.states)}, the record is whole: {kept.whole}")
    return found


async def storm(folder: Path, url: str, cases: int = CASES, altered: Sequence[str] = ()) -> tuple[Sent, Kept]:
    """All the messages of all the cases, and what is kept of them."""
    dice, sent = random.Random(SEED), Sent()
    came: asyncio.Queue[str] = asyncio.Queue()
    hands = asyncio.Semaphore(HANDS)
    opened: list[Office] = []

    async def say(client: httpx2.AsyncClient, key: str, word: str, seq: int, id: str = "") -> None:
        message_id = f"{key}/{id or word}"
        data = {"task": key, "outcome": word, "seq": seq}
        async with hands:
            answer = await post_callback(client, "police", opened[0].secrets["police"], data, message_id)
        sent.note(message_id, answer)

    async def police(visit: Visit) -> bool:
        if dice.random() < EARLY_SHARE:
            async with opened[0].client() as client:
                await say(client, visit.key, "accepted", 1, "early")
            sent.early += 1
        came.put_nowait(visit.key)
        return await receives(visit)

    async with town({"police": police}) as there, office(folder, url, there.urls, _engine(altered)) as made:
        opened.append(made)
        async with made.client() as client, asyncio.TaskGroup() as group:
            for number in range(cases):
                assert (await made.submit(client, "police", f"k-{number}")).status_code == 202
            for number in range(cases):
                key = await came.get()
                words = [("accepted", 1), ("completed", 2)] * TIMES
                if number % EVERY == 0:
                    words += [("completed", 2)] * (AT_ONCE - TIMES)
                dice.shuffle(words)
                for word, seq in words:
                    group.create_task(say(client, key, word, seq))
        async with made.client() as client, asyncio.TaskGroup() as group:
            for key in there.ledgers["police"].visits:
                group.create_task(say(client, key, "accepted", 1, "late"))
        return sent, await _kept(made)


def _engine(altered: Sequence[str]) -> dict[str, tuple[str, ...]]:
    return {"server": onenet("serve", altered=altered)}


async def _kept(made: Office) -> Kept:
    keys, event = tables.idempotency_key.c, tables.event.c
    events: dict[str, Counter[str]] = defaultdict(Counter)
    async with made.database.read() as connection:
        inbox = await connection.execute(select(keys.key).where(keys.scope == "callback:police"))
        ids = frozenset(inbox.scalars())
        for case_id, type_ in await connection.execute(select(event.case_id, event.type)):
            events[str(case_id)][type_] += 1
    return Kept(ids, dict(events), Counter((await made.stored()).values()), await made.whole())


async def test_every_callback_is_kept_and_applied_once(
    backend: str, database_url: str, tmp_path: Path
) -> None:
    print(f"\nfaults: F13 {backend}: seed {SEED}", flush=True)
    sent, kept = await storm(tmp_path, database_url)
    repeated = sent.statuses.total() - len(sent.bodies)
    print(f"faults: F13 {backend}: {sent.statuses.total()} sent, {repeated} repeated, {sent.early} early")
    assert len(kept.events) == CASES
    assert min(repeated, sent.early) > 0
    assert violations(sent, kept) == []


@pytest.mark.parametrize("backend", ["sqlite"])
async def test_control_without_an_inbox_the_storm_is_seen(
    backend: str, database_url: str, tmp_path: Path
) -> None:
    sent, kept = await storm(tmp_path, database_url, cases=20, altered=["no_memory"])
    found = violations(sent, kept)
    assert any("is not on record" in line for line in found)
    assert any("times the first" in line for line in found)
