"""Doctor: looks at an installation from outside its cases, and says in a line each what is well and what not.

A check gives `ok`, `warning` (it works, and you should know) or `finding` (something has to be done).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.adapters.masking import masked
from onenet.clock import Clock
from onenet.errors import Unavailable
from onenet.ids import to_text
from onenet.services import encryption, stamping
from onenet.services.anchor import Anchor, AnchorDiffers
from onenet.services.encryption import Standing
from onenet.services.endpoints import ENDPOINT_PREFIX, believes_nothing
from onenet.store import callers, catalogue, endpoints, health, inspection, log, timers
from onenet.store.database import Database
from onenet.store.endpoints import EndpointRow

Level = Literal["ok", "warning", "finding"]

MOST_SKEW = timedelta(seconds=2)
MOST_DELAY = timedelta(seconds=60)
"""Work that is due for longer is not being done."""

LONG_SHUT = timedelta(minutes=15)
"""The first of the times after which people are told of an endpoint that does not answer."""

MOST_UNSEALED = timedelta(minutes=10)
"""Ten times as long as a change waits to be sealed."""


@dataclass(frozen=True, slots=True)
class Remark:
    """What one check says. `advice`: what to do, empty when there is nothing to do."""

    check: str
    level: Level
    says: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Clocks:
    """Legal time, and that of running processes."""

    legal: Clock
    machine: Clock


Look = Callable[[Database, Clocks], Awaitable[Sequence[Remark]]]


async def look(database: Database, clocks: Clocks) -> list[Remark]:
    """What every check says; one that cannot be made is a finding of its own."""
    remarks: list[Remark] = []
    for check in CHECKS:
        try:
            remarks += await check(database, clocks)
        except Unavailable as error:
            name = check.__name__.strip("_")
            return [*remarks, Remark(name, "finding", error.detail, "see that the database runs, then again")]
    return remarks


async def _durability(database: Database, clocks: Clocks) -> list[Remark]:
    async with database.read() as connection:
        if database.backend == "sqlite":
            return list(judge_sqlite(await _pragmas(connection)))
        states = await connection.execute(text("SELECT sync_state FROM pg_stat_replication"))
        return list(judge_postgresql(await _shown(connection), list(states.scalars())))


async def _pragmas(connection: AsyncConnection) -> dict[str, str]:
    names = ("synchronous", "journal_mode", "foreign_keys")
    return {name: str(await connection.scalar(text(f"PRAGMA {name}"))) for name in names}


_SHOWN = ("fsync", "full_page_writes", "synchronous_commit", "synchronous_standby_names", "statement_timeout")


async def _shown(connection: AsyncConnection) -> dict[str, str]:
    return {name: str(await connection.scalar(text(f"SHOW {name}"))) for name in _SHOWN}


def judge_sqlite(pragmas: dict[str, str]) -> Iterator[Remark]:
    """What is to be said of a SQLite connection's settings."""
    if pragmas["synchronous"] not in ("2", "3"):
        yield Remark(
            "durability", "finding", f"synchronous is {pragmas['synchronous']}, not FULL (2)",
            "an answered case could be lost with the power: do not change what onenet sets",
        )  # fmt: skip
    elif pragmas["journal_mode"] != "wal":
        yield Remark(
            "durability", "finding", f"journal_mode is {pragmas['journal_mode']}, not wal",
            "put the file on a local disk: a network share knows no write-ahead log",
        )  # fmt: skip
    else:
        yield Remark("durability", "ok", "write-ahead log, synchronous FULL; losing the disk loses the data")


def judge_postgresql(shown: dict[str, str], standbys: Sequence[str | None]) -> Iterator[Remark]:
    """What is to be said of a PostgreSQL server's settings, and of the standbys that are connected."""
    for name in ("fsync", "full_page_writes"):
        if shown[name] != "on":
            yield Remark(
                "durability", "finding", f"{name} is {shown[name]}",
                f"ALTER SYSTEM SET {name} = on; without it a power cut may ruin the whole database",
            )  # fmt: skip
    if shown["statement_timeout"] == "0":
        yield Remark(
            "durability", "warning", "no statement_timeout: one statement may hold its locks for ever",
            "behind a pooler onenet cannot set it: ALTER ROLE … SET statement_timeout = '10s'",
        )  # fmt: skip
    yield _judge_standby(shown, standbys)


def _judge_standby(shown: dict[str, str], standbys: Sequence[str | None]) -> Remark:
    """Whether an answered case is on two disks. A state of None: the role may not see it."""
    if shown["synchronous_commit"] == "off":
        return Remark(
            "durability", "finding", "synchronous_commit is off",
            "ALTER SYSTEM SET synchronous_commit = on; with off the last answered cases may be lost",
        )  # fmt: skip
    if not shown["synchronous_standby_names"]:
        return Remark(
            "durability", "warning", "no synchronous standby: a lost disk may take answered cases along",
            "set up two standbys, then name them: docs/scale.md#postgresql",
        )  # fmt: skip
    if shown["synchronous_commit"] == "local":
        return Remark(
            "durability", "warning", "synchronous_commit is local: nobody waits for the standby",
            "ALTER SYSTEM SET synchronous_commit = on",
        )  # fmt: skip
    names = shown["synchronous_standby_names"]
    if {"sync", "quorum"}.intersection(standbys):
        return Remark("durability", "ok", f"synchronous standby {names}")
    if None in standbys:
        return Remark(
            "durability", "warning", f"synchronous standby {names}; whether it is there may not be seen",
            "GRANT pg_monitor TO the role in ONENET_DATABASE_URL",
        )  # fmt: skip
    return Remark(
        "durability", "finding", f"every write waits for a standby that is not there: {names}",
        "start it; to go on without: ALTER SYSTEM SET synchronous_standby_names = '', then reload",
    )  # fmt: skip


async def _clock_skew(database: Database, clocks: Clocks) -> list[Remark]:
    if database.backend == "sqlite":
        return [Remark("clock", "ok", "the database has the clock of this machine")]
    async with database.read() as connection:
        await connection.execute(text("SELECT 1"))  # the connection is open before the time is taken
        before = clocks.machine.now()
        theirs = await connection.scalar(text("SELECT clock_timestamp()"))
        return [judge_clock(theirs.astimezone(UTC), before, clocks.machine.now())]


def judge_clock(theirs: datetime, before: datetime, after: datetime) -> Remark:
    """Whether the database's time, read between two looks at ours, is near enough."""
    skew = max(before - theirs, theirs - after, timedelta(0))
    says = f"{skew.total_seconds():.1f} s between this machine and the database"
    if skew <= MOST_SKEW:
        return Remark("clock", "ok", says)
    advice = "leases end too early or too late: let both follow the same time server (NTP)"
    return Remark("clock", "finding", says, advice)


async def _departments(database: Database, clocks: Clocks) -> list[Remark]:
    async with database.read() as connection:
        known = {each.code for each in await catalogue.departments(connection)}
        registered = await endpoints.every(connection)
        waiting = await inspection.waiting_tasks(connection)
        fares = await health.every(connection)
    reached = {endpoint.owner for endpoint in registered if endpoint.kind == "department"}
    remarks = list(judge_waiting(waiting, reached, clocks.legal.now()))
    if idle := sorted(known - reached - waiting.keys()):
        says = f"departments without an endpoint, nothing waits for them: {', '.join(idle)}"
        remarks.append(Remark("endpoints", "warning", says, "onenet department add … --url …"))
    remarks += [judge_breaker(each, clocks.machine.now()) for each in fares.values() if each.is_shut]
    for endpoint in registered:
        if endpoint.state == "held":
            remarks.append(_held_endpoint(endpoint))
        if believes_nothing(endpoint):
            says = f"no callback of department {endpoint.owner} will be believed: it has no key"
            advice = f"onenet department trust {endpoint.owner} whpk_…, or register it with --signs both"
            remarks.append(Remark("endpoints", "warning", says, advice))
    if not remarks:
        remarks.append(Remark("endpoints", "ok", f"{len(reached)} departments have an endpoint"))
    return remarks


def _held_endpoint(endpoint: EndpointRow) -> Remark:
    since = f" since {_moment(endpoint.held_at)}" if endpoint.held_at else ""
    why = f": {masked(endpoint.held_because)}" if endpoint.held_because else ""
    says = f"the endpoint of {endpoint.kind} {endpoint.owner} is held{since}{why}"
    word = endpoint.owner if endpoint.kind == "department" else to_text(ENDPOINT_PREFIX, endpoint.id)
    advice = f"what is meant for it waits: `onenet {endpoint.kind} resume {word}` when it is there again"
    return Remark("endpoints", "finding", says, advice.replace("onenet subscriber", "onenet endpoint"))


def judge_waiting(
    waiting: Mapping[str, inspection.Waiting], reached: Collection[str], now: datetime
) -> Iterator[Remark]:
    """What is to be said of tasks whose department has no endpoint, or did not take the last call."""
    for code, tasks in sorted(waiting.items()):
        if code not in reached:
            age = timedelta(seconds=int((now - tasks.oldest_at).total_seconds()))
            waits = f"tasks that wait for it: {tasks.number}, the oldest for {age}"
            says = f"department {code} has no endpoint; {waits}"
            yield Remark("endpoints", "finding", says, f"onenet department add {code} --url …")
        elif tasks.failing_since is not None:
            since = _moment(tasks.failing_since)
            says = f"{tasks.failing} tasks of department {code} wait for their next try"
            advice = "is its system up, is its address right, and does it have the secret?"
            yield Remark("endpoints", "warning", f"{says}, the oldest since {since}", advice)


def judge_breaker(shut: health.Health, now: datetime) -> Remark:
    """What is to be said of an endpoint that is called by nobody but a prober."""
    since = shut.breaker.opened_at or now
    says = f"{shut.kind} {shut.owner} does not answer since {_moment(since)}; what is for it waits"
    if (retry_at := shut.breaker.retry_at) is not None and retry_at > now:
        says += f", and it is tried again at {_moment(retry_at)}"
    level: Level = "warning" if now - since < LONG_SHUT else "finding"
    return Remark("endpoints", level, says, "is its system up, and is its address right?")


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


async def _held(database: Database, clocks: Clocks) -> list[Remark]:
    async with database.read() as connection:
        count, oldest = await inspection.count_held(connection)
    if oldest is None:
        return [Remark("held steps", "ok", "none")]
    says = f"{count}, the oldest since {_moment(oldest)}"
    return [Remark("held steps", "warning", says, "onenet case list --held")]


async def _timers(database: Database, clocks: Clocks) -> list[Remark]:
    async with database.read() as connection:
        count, oldest = await timers.count_held(connection)
    if oldest is None:
        return [Remark("held timers", "ok", "none")]
    says = f"{count}, the oldest was due at {_moment(oldest)}: their cases cannot be read"
    advice = (
        "`onenet doctor --invariants` names the cases; when they are right again: `onenet doctor --reconcile`"
    )
    return [Remark("held timers", "finding", says, advice)]


async def _due(database: Database, clocks: Clocks) -> list[Remark]:
    async with database.read() as connection:
        shut = [each for each in (await health.every(connection)).values() if each.is_shut]
        oldest = await inspection.oldest_due(connection, shut)
    return [
        judge_due(name, due_at, (clocks.legal if name in ("timer", "case") else clocks.machine).now())
        for name, due_at in oldest.items()
    ]


def judge_due(name: str, due_at: datetime | None, now: datetime) -> Remark:
    """Whether the oldest open piece of work of a kind is waiting for a worker that is not there."""
    if due_at is None or due_at > now:
        return Remark(f"due {name}", "ok", "nothing is due" if due_at is None else "nothing is late")
    late = now - due_at
    says = f"the oldest {name} has been due for {late.total_seconds():.0f} s"
    if late <= MOST_DELAY:
        return Remark(f"due {name}", "ok", says)
    return Remark(f"due {name}", "finding", says, "is `onenet worker` running, and does its log tell errors?")


async def _catalogue(database: Database, clocks: Clocks) -> list[Remark]:
    async with database.read() as connection:
        count = len(await catalogue.latest(connection))
    if not count:
        advice = "onenet catalogue publish"
        return [Remark("catalogue", "finding", "nothing is published: no case can be sent in", advice)]
    return [Remark("catalogue", "ok", f"{count} bundles are published")]


async def _keys(database: Database, clocks: Clocks) -> list[Remark]:
    async with database.read() as connection:
        keys = await callers.every(connection)
    live = {key.kind for key in keys if key.is_live(clocks.machine.now())}
    return list(judge_keys(live))


def judge_keys(live: AbstractSet[str]) -> Iterator[Remark]:
    """What is to be said of the kinds of keys that open anything now."""
    if "frontend" not in live:
        says = "no front-end has a key that is live: no case can be sent in"
        yield Remark("keys", "finding", says, "onenet key create frontend …")
    if live.isdisjoint({"supervisor", "officer"}):
        says = "no supervisor or officer has a key that is live: no key decides about held steps"
        yield Remark("keys", "warning", says, "onenet key create supervisor …")
    elif "frontend" in live:
        yield Remark("keys", "ok", "front-ends have keys that are live, and somebody decides held steps")


async def _encryption(database: Database, clocks: Clocks) -> list[Remark]:
    return list(judge_encryption(await encryption.standing(database), database.ring.in_use))


def judge_encryption(found: Standing, kid: int) -> Iterator[Remark]:
    """What is to be said of what is sealed under which key."""
    older = found.outdated(kid) - found.in_clear()
    if in_clear := found.in_clear():
        says = f"{in_clear} cases and other rows are from before there was encryption, and in the clear"
        yield Remark("encryption", "finding", says, "onenet kek rotate")
    if older:
        says = f"key {kid} is in use, {older} cases and other rows are under older keys"
        yield Remark("encryption", "warning", says, "onenet kek rotate")
    if not in_clear and not older:
        yield Remark("encryption", "ok", f"key {kid} is in use, nothing is under older keys")


async def sealing(database: Database, clocks: Clocks, anchor: Anchor | None) -> list[Remark]:
    """What is to be said of the record: whether it is sealed, and is the one that the anchor knows."""
    async with database.read() as connection:
        pending = await log.pending(connection)
        remarks = [judge_sealing(pending.since, clocks.machine.now())]
        try:
            if anchor is not None:
                await anchor.check(connection)
        except AnchorDiffers as error:
            remarks.append(Remark("record", "finding", error.detail, "onenet log verify --anchor FILE"))
    return remarks


def judge_sealing(since: datetime | None, now: datetime) -> Remark:
    """Whether changes have waited for too long to be sealed; `since`: the oldest that waits."""
    if since is None or now - since <= MOST_UNSEALED:
        return Remark("record", "ok", "it is sealed, or soon will be")
    advice = "is a worker running, and does its log tell of `sealing_stopped` or `sealing_failed`?"
    return Remark("record", "finding", f"what changed since {_moment(since)} is not sealed yet", advice)


async def stamps(database: Database, clocks: Clocks, every: timedelta) -> list[Remark]:
    """What is to be said of the stamps of the record, where an authority is set that gives them."""
    async with database.read() as connection:
        due_at = await stamping.due(connection, every)
    return [judge_stamps(due_at, clocks.machine.now())]


def judge_stamps(due_at: datetime | None, now: datetime) -> Remark:
    """Whether the next stamp has been due for too long."""
    if due_at is None or now - due_at < stamping.MOST_LATE:
        return Remark("time stamps", "ok", "none is due" if due_at is None or due_at > now else "one is due")
    says = f"none since one was due at {_moment(due_at)}"
    advice = "is a worker running, what does its log say of `stamp_failed`, does ONENET_STAMP_URL answer?"
    return Remark("time stamps", "finding", says, advice)


CHECKS: Sequence[Look] = (
    _encryption, _durability, _clock_skew, _catalogue, _keys, _departments, _held, _timers, _due,
)  # fmt: skip
